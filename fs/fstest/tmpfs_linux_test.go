package fstest_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/fstest"
)

func TestMain(m *testing.M) { os.Exit(fstest.Main(m)) }

// TestTmpfs holds the cases against what they were written after.
func TestTmpfs(t *testing.T) {
	root := fstest.Mounted(t, tmpfs(t))
	fstest.Run(t, fstest.Config{Root: root, Oracle: tmpfs(t), Lacks: fstest.TmpfsLacks()})
}

// tmpfs mounts one of its own, so that nobody else moves its numbers; without privilege it is a directory of /dev/shm.
func tmpfs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		dir, err := os.MkdirTemp("/dev/shm", "fstest")
		if err != nil {
			t.Skip("no tmpfs: ", err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	if err := unix.Mount("fstest", dir, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, "mode=1777"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error("unmount: ", err)
			unix.Unmount(dir, unix.MNT_DETACH)
		}
	})
	return dir
}

func TestPosixtest(t *testing.T) { fstest.RunPosixtest(t, tmpfs(t), fstest.TmpfsLacks()) }
