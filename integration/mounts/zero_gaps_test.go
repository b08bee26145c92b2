//go:build linux

package mounts

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
)

// pages answers what is in a page of a file once something was done to the file: a pipe has the very page (splice(2)),
// whether the file still has it or not.
func (h held) pages(t *testing.T, offset int64, do func()) []byte {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", int(h)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	if n, err := unix.Splice(int(f.Fd()), &offset, pipe[1], nil, page, 0); err != nil || n != page {
		t.Fatalf("splice: %d bytes, %v", n, err)
	}
	f.Close()
	do()
	b := make([]byte, page)
	if n, err := unix.Read(pipe[0], b); err != nil || n != page {
		t.Fatalf("read: %d bytes, %v", n, err)
	}
	return b
}

// What a region gives back before its end is overwritten as well, where it is to be.
func TestZeroingOfWhatIsGivenBack(t *testing.T) {
	m := serve(t, "--size=64M")
	// The kernel itself overwrites what is cut off of a piece of memory that stays; so whole pieces go, however large they are.
	const piece = 2 << 20
	secret := bytes.Repeat([]byte("secret. "), 4*piece/8)
	for _, zero := range []string{"true", "false"} {
		dir := m.setLife(t, "zero-"+zero, "zero", zero)
		for name, give := range map[string]func(path string) error{
			"truncate": func(path string) error { return os.Truncate(path, piece) },
			"open": func(path string) error {
				f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
				if err == nil {
					err = f.Close()
				}
				return err
			},
			"punch": func(path string) error {
				f, err := os.OpenFile(path, os.O_RDWR, 0)
				if err != nil {
					return err
				}
				defer f.Close()
				return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 2*piece, piece)
			},
		} {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, secret, 0o600); err != nil {
				t.Fatal(err)
			}
			got := m.hold(t, "zero-"+zero+"/"+name).pages(t, 2*piece, func() {
				if err := give(path); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
			if blank := bytes.Count(got, []byte{0}) == page; blank != (zero == "true") {
				t.Errorf("zero=%s, %s: the page reads %q ...", zero, name, got[:16])
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string][]byte{"truncate": secret[:piece], "open": {}, "punch": append(append(bytes.Clone(secret[:2*piece]),
				make([]byte, piece)...), secret[3*piece:]...)}[name]
			if !bytes.Equal(b, want) {
				t.Errorf("zero=%s, %s: %d bytes are left, or others than should be", zero, name, len(b))
			}
		}
	}
}

// A region that is there when the mount ends is overwritten, unless it is kept for the next one, or somebody has it.
func TestZeroingAtUnmount(t *testing.T) {
	m := serve(t, "--size=64M")
	m.setLife(t, "d/below", "zero", "true")
	secret := bytes.Repeat([]byte("secret. "), 4*page/8)
	holds := map[string]held{}
	for _, name := range []string{"d/below/r", "d/plain"} {
		if err := os.WriteFile(filepath.Join(m.dir, name), secret, 0o600); err != nil {
			t.Fatal(err)
		}
		holds[name] = m.hold(t, name)
	}
	if r := shmfs(t, "umount", "--keep", m.dir); r.code != exitOK {
		t.Fatalf("umount: %+v", r)
	}
	<-m.ended
	for name, h := range holds {
		if !bytes.Equal(h.read(t), secret) {
			t.Errorf("%s is kept, and not as it was", name)
		}
	}
	m = serveAt(t, m.dir, nil, "--size=64M")
	if r := shmfs(t, "umount", m.dir); r.code != exitOK {
		t.Fatalf("umount: %+v", r)
	}
	<-m.ended
	if b := holds["d/below/r"].read(t); len(b) != len(secret) || bytes.Count(b, []byte{0}) != len(b) {
		t.Errorf("what was to be overwritten reads %q ...", b[:16])
	}
	if !bytes.Equal(holds["d/plain"].read(t), secret) {
		t.Error("what was not to be overwritten is")
	}
}

// The server dies in the moment in which the kernel says that nobody has a region without a name, and when it has just taken
// the name away itself: the next one overwrites it.
func TestZeroingOutlivesTheServer(t *testing.T) {
	needSuccessor(t)
	needRoot(t)
	failing := program(t, ".", "failing", "-tags", "failpoints")
	for _, x := range []struct {
		point failpoint.Point
		life  string
	}{{failpoint.Forgetting, "manual"}, {failpoint.Unlinked, "last-user,grace=0"}, {failpoint.Ended, "last-user,grace=0"}} {
		t.Run(string(x.point), func(t *testing.T) {
			t.Setenv(failpoint.Variable, string(x.point)+"=1")
			m, _ := mountOf(t, failing, "--crash-loop-deaths=1000")
			dir := m.setLife(t, "d", "zero", "true")
			path := filepath.Join(dir, "r")
			if err := os.WriteFile(path, bytes.Repeat([]byte("secret. "), page/8), 0o600); err != nil {
				t.Fatal(err)
			}
			h := m.hold(t, "d/r")
			if x.life == "manual" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				m.setLife(t, "d", "lifetime", x.life)
			}
			eventually(t, func() bool { b := h.read(t); return bytes.Count(b, []byte{0}) == page }, "zeros",
				func() any { return string(h.read(t)[:16]) })
			eventually(t, func() bool { return m.number(t, "unlinked_bytes") == 0 }, "end of it", func() any { return m.cares(t) })
			if m.number(t, "restarts_total") == 0 {
				t.Error("no server died")
			}
		})
	}
}
