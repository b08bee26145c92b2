//go:build linux

package tmpfs

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// damage is done to an arena of five regions, one of them with two names, in a directory that has its path.
func damage(t *testing.T, a *Arena, dir string) {
	t.Helper()
	for _, name := range []string{"good", "bare", "broken", "later", "twin"} {
		region(t, a, name)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.Link(at("good"), at("good too")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Removexattr(at("bare"), a.recordName); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 128)
	n, err := unix.Getxattr(at("good"), a.recordName, buf)
	if err != nil {
		t.Fatal(err)
	}
	later := append([]byte{2}, buf[1:n]...)
	for name, value := range map[string][]byte{"broken": []byte("xyz"), "later": later, "twin": buf[:n]} {
		if err := unix.Setxattr(at(name), a.recordName, value, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func check(t *testing.T, a *Arena) (Checked, map[string]Finding) {
	t.Helper()
	c, err := a.Check(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]Finding{}
	for _, f := range c.Findings {
		by[f.Path] = f
	}
	return c, by
}

func TestCheckFindsAndMends(t *testing.T) {
	for name, open := range map[string]func(*testing.T) (*Arena, string){
		"privileged": func(t *testing.T) (*Arena, string) {
			a := detached(t, Options{})
			return a, procPath(a.root)
		},
		"directory": func(t *testing.T) (*Arena, string) {
			dir, err := os.MkdirTemp("/dev/shm", "shmfs-check-")
			if err != nil {
				t.Skip(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			a, err := Directory(dir)
			if err != nil {
				t.Skip(err)
			}
			t.Cleanup(func() { a.Close() })
			if a.recordName == "" {
				t.Skip("this kernel's tmpfs keeps no user. attributes (Linux 6.6 does)")
			}
			return a, dir
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, dir := open(t)
			damage(t, a, dir)
			_, found := check(t, a)
			want := map[string]FindingKind{"bare": NoRecord, "broken": UnreadableRecord, "later": LaterRecord, "twin": RepeatedID}
			if len(found) != len(want) {
				t.Errorf("found %+v", found)
			}
			for path, kind := range want {
				f := found[path]
				if f.Kind != kind || f.Found == "" || (f.Mend == "") != (kind == LaterRecord) {
					t.Errorf("%s: %+v, want %s", path, f, kind)
				}
				if f.Mend != "" {
					if err := f.Mended(); err != nil {
						t.Errorf("%s cannot be mended: %v", path, err)
					}
				}
			}
			c, left := check(t, a)
			if len(left) != 1 || left["later"].Kind != LaterRecord || c.Regions != 5 {
				t.Errorf("after all was mended: %+v", c)
			}
		})
	}
}

func TestCheckCountsWhatHasNoName(t *testing.T) {
	a := detached(t, Options{Huge: "never"})
	f, err := os.Create(procPath(a.root) + "/held")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 8192)); err != nil {
		t.Fatal(err)
	}
	if c, _ := check(t, a); c.Nameless != 0 || c.Bytes != 8192 {
		t.Errorf("%+v, want nothing without a name, and 8192 bytes", c)
	}
	os.Remove(procPath(a.root) + "/held")
	if c, _ := check(t, a); c.Nameless != 8192 || c.Bytes != 0 {
		t.Errorf("%+v, want 8192 bytes without a name", c)
	}
}

func TestRecordOfWhatCanBeTold(t *testing.T) {
	r := recordOf(&regions.Attr{UID: 3, GID: 4, Btime: regions.Timestamp{Sec: 5}})
	if r.ID == 0 || r.UID != 3 || r.GID != 4 || !r.Created.Equal(time.Unix(5, 0)) {
		t.Errorf("%+v", r)
	}
}
