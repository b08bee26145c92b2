package fstest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Tmpfs answers a plain tmpfs directory to compare with, until the test ends: one of its own, so that nobody else moves
// its numbers, or without privilege one of /dev/shm. It is "" where there is none.
func Tmpfs(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		return sharedTmpfs(t)
	}
	if err := unix.Mount("fstest", dir, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, "mode=1777"); err != nil {
		return sharedTmpfs(t)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
			unix.Unmount(dir, unix.MNT_DETACH)
		}
	})
	return dir
}

func sharedTmpfs(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "fstest-")
	if err != nil {
		return ""
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
