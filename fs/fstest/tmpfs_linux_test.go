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
	fstest.Run(t, fstest.Config{Root: fstest.Mounted(t, tmpfs(t, "mode=1777")), Lacks: tmpfsLacks()})
}

func TestTmpfsFull(t *testing.T) {
	tmpfsLacks().Need(t, fstest.Privilege)
	root := fstest.Mounted(t, tmpfs(t, "size=16m,nr_inodes=500"))
	fstest.RunFull(t, fstest.Config{Root: root, Lacks: tmpfsLacks()})
}

func TestPosixtest(t *testing.T) { fstest.RunPosixtest(t, tmpfs(t, "mode=1777"), tmpfsLacks()) }

// tmpfsLacks adds what a test without privilege cannot ask for.
func tmpfsLacks() fstest.Lacks {
	lacks := fstest.TmpfsLacks()
	if os.Geteuid() != 0 {
		lacks = lacks.And(fstest.Lacks{
			fstest.Privilege:  "the test runs without",
			fstest.OtherUsers: "the test runs without the privilege to become them",
		})
	}
	return lacks
}

// tmpfs mounts one of its own, so that nobody else moves its numbers; without privilege it is a directory of /dev/shm.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		dir, err := os.MkdirTemp("/dev/shm", "fstest-")
		if err != nil {
			t.Skip("no tmpfs here: ", err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	dir := t.TempDir()
	if err := unix.Mount("fstest", dir, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, options); err != nil {
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

// TestDirectory tests whatever is mounted at $SHMFS_FSTEST_DIR, in the mode $SHMFS_FSTEST_MODE; with $SHMFS_FSTEST_FULL
// it is also filled.
func TestDirectory(t *testing.T) {
	dir := os.Getenv("SHMFS_FSTEST_DIR")
	if dir == "" {
		t.Skip("SHMFS_FSTEST_DIR names no directory to test")
	}
	lacks := map[string]fstest.Lacks{
		"passthrough": fstest.PassthroughLacks(), "cached": fstest.CachedLacks(), "unprivileged": fstest.UnprivilegedLacks(),
		"tmpfs": tmpfsLacks(), "huge": fstest.PassthroughLacks().And(fstest.HugeLacks()),
	}[os.Getenv("SHMFS_FSTEST_MODE")]
	t.Run("Run", func(t *testing.T) { fstest.Run(t, fstest.Config{Root: fstest.Mounted(t, dir), Lacks: lacks}) })
	if os.Getenv("SHMFS_FSTEST_FULL") != "" {
		t.Run("Full", func(t *testing.T) { fstest.RunFull(t, fstest.Config{Root: fstest.Mounted(t, dir), Lacks: lacks}) })
	}
	t.Run("Posixtest", func(t *testing.T) { fstest.RunPosixtest(t, dir, lacks) })
}
