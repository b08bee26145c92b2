//go:build linux

package mounts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/tmpfs"
)

// Each of these once lost the regions of somebody who had done nothing wrong.

// A mount that comes to nothing leaves what the last one kept, an ordinary user's as root's.
func TestAFailedMountLeavesWhatWasKept(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("fusermount3"); err != nil {
		t.Skip("fusermount3 is not installed")
	}
	openFUSE(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	makeReachable(t, dir)
	place := tmpfs.Place(dir, nobody)
	t.Cleanup(func() { tmpfs.End(place) })
	script := `
"$1" mount "$2" >&2 || exit 20
echo kept > "$2/r" || exit 21
"$1" umount --keep "$2" >&2 || exit 22
PATH=/nonexistent "$1" mount "$2" >&2 && exit 23
[ "$(cat "$3/r")" = kept ] || exit 24
"$1" mount "$2" || exit 25
"$1" umount "$2" >&2 || exit 26`
	line := append(dropTo(), "sh", "-c", script, "sh", path, dir, place)
	r := run(t, exec.Command(line[0], line[1:]...))
	if r.code != 0 || !strings.Contains(r.stdout, "1 region adopted") {
		t.Errorf("failed at exit %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
	if mounted(t, dir) {
		t.Error("still mounted")
		shmfs(t, "umount", "--lazy", dir)
	}
	leftArena(t, dir, nobody)
}

// Whoever holds a region through a mount whose server died is not asked by the kernel when the next mount goes, or the
// dead one itself.
func TestUmountIsBusyForEarlierHolders(t *testing.T) {
	m := serve(t, "--size=64M")
	if got := m.stat(t, "mode"); got != "passthrough" {
		t.Skipf("without passthrough nobody holds what a dead server served: %s", m.stat(t, "mode_reason"))
	}
	f, err := os.Create(filepath.Join(m.dir, "held"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	killBoth(t, m)
	busy := func(what string) {
		t.Helper()
		if r := shmfs(t, "umount", m.dir); r.code != exitBusy || !strings.Contains(r.stderr, "held") ||
			!strings.Contains(r.stderr, fmt.Sprint("pid ", os.Getpid())) || !strings.Contains(r.stderr, "--lazy") {
			t.Errorf("umount of %s: %+v, want code %d and this process named", what, r, exitBusy)
		}
	}
	busy("the dead mount")
	replaceDead(t, m.dir)
	busy("the next mount")
	if _, err := os.Stat(filepath.Join(m.dir, "held")); err != nil {
		t.Errorf("after the refusal: %v", err)
	}
	if err := unix.Munmap(mem); err != nil {
		t.Fatal(err)
	}
	if r := shmfs(t, "umount", m.dir); r.code != exitOK {
		t.Errorf("umount when nobody holds it: %+v", r)
	}
	leftArena(t, m.dir, 0)
}

// A bind mount keeps the file system, and its server: umount says so instead of waiting for it.
func TestUmountTellsOfABindMount(t *testing.T) {
	m := serve(t, "--size=64M")
	bound := t.TempDir()
	if err := unix.Mount(m.dir, bound, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(bound, unix.MNT_DETACH) })
	begun := time.Now()
	r := shmfs(t, "umount", m.dir)
	if r.code != exitBusy || !strings.Contains(r.stderr, bound) || time.Since(begun) > patience {
		t.Errorf("after %v: %+v, want code %d and %s named", time.Since(begun), r, exitBusy, bound)
	}
	if r := shmfs(t, "umount", bound); r.code != exitOK {
		t.Errorf("umount of the other: %+v", r)
	}
	m.waitFor(t, "the end of the server", func() bool {
		select {
		case <-m.ended:
			return true
		default:
			return false
		}
	})
	leftArena(t, m.dir, 0)
}
