//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/tmpfs"
)

// TestKilledServerOfAnOrdinaryUser runs TestKilledAsNobody as an ordinary user, who mounts with fusermount3.
func TestKilledServerOfAnOrdinaryUser(t *testing.T) {
	needSuccessor(t)
	runAsNobody(t, "TestKilledAsNobody")
}

func TestKilledAsNobody(t *testing.T) {
	dir := os.Getenv(asNobody)
	if dir == "" {
		t.Skip("run by TestKilledServerOfAnOrdinaryUser")
	}
	m := serveAt(t, dir, nil)
	if err := os.MkdirAll(filepath.Join(dir, "a/b"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a/b/r")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	gone, err := os.Create(filepath.Join(dir, "gone"))
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	if err := os.Remove(gone.Name()); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		killServer(t, m)
		if _, err := f.WriteAt([]byte{byte(i + 1)}, int64(i)); err != nil {
			t.Errorf("write after kill %d: %v", i, err)
		}
		if err := f.Truncate(int64(4096 * (i + 1))); err != nil {
			t.Errorf("truncate after kill %d: %v", i, err)
		}
		next := filepath.Join(dir, fmt.Sprint("a/b/r", i))
		if err := os.Rename(path, next); err != nil {
			t.Errorf("rename after kill %d: %v", i, err)
		}
		path = next
		if b, err := os.ReadFile(path); err != nil || len(b) != 4096*(i+1) || b[i] != byte(i+1) {
			t.Errorf("after kill %d the file has %d bytes (%v)", i, len(b), err)
		}
		other, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Flock(int(other.Fd()), unix.LOCK_SH|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			t.Errorf("the lock was lost: %v", err)
		}
		other.Close()
	}
	if err := gone.Truncate(1); !errors.Is(err, unix.ESTALE) {
		t.Errorf("a region without a name: %v, want ESTALE", err)
	}
	if got := m.number(t, "restarts_total"); got != 5 {
		t.Errorf("restarts_total is %d, want 5", got)
	}
	f.Close()
	gone.Close()
	fsckAsNobody(t, m)
}

// fsckAsNobody kills keeper and server, damages a record, and has it mended.
func fsckAsNobody(t *testing.T, m *mount) {
	t.Helper()
	killBoth(t, m)
	place := tmpfs.Place(m.dir, nobody)
	region := filepath.Join(place, "a/b/r4")
	damaged := "no-record found"
	if err := unix.Removexattr(region, "user.shmfs.record"); err != nil {
		t.Logf("this kernel's tmpfs keeps no records of an ordinary user (%v)", err)
		damaged = ""
	}
	if l, _, kinds := fsck(t, place, m.dir); l.State != "dead" || l.Regions != 1 || kinds["a/b/r4"] != damaged {
		t.Errorf("%+v", l)
	}
	if _, code, _ := fsck(t, place, "--repair", m.dir); code != fsckMended && damaged != "" {
		t.Errorf("--repair: code %d, want %d", code, fsckMended)
	}
	if r := shmfs(t, "mount", m.dir, "--replace"); r.code != exitOK || !strings.Contains(r.stdout, "1 region adopted") {
		t.Errorf("mount --replace: %+v", r)
	}
	if r := shmfs(t, "umount", m.dir); r.code != exitOK {
		t.Errorf("umount: %+v", r)
	}
}
