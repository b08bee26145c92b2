package fstest

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// newOracle answers a directory on a plain tmpfs, until the test ends, and what it lacks itself. The tmpfs is one that
// is mounted nowhere and goes with the process, however that ends; without privilege it is a directory of /dev/shm.
func newOracle(t testing.TB) (Client, Lacks) {
	t.Helper()
	fd, err := detachedTmpfs()
	if err != nil {
		dir, err := os.MkdirTemp("/dev/shm", "fstest-")
		if err != nil {
			skip(t, "a tmpfs to compare with", err.Error())
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		oracle := Mounted(t, dir)
		return oracle, lacksOfTmpfs(t, oracle)
	}
	oracle := &mounted{dir: fmt.Sprintf("/proc/self/fd/%d", fd), fd: fd}
	t.Cleanup(func() { oracle.Close() })
	return oracle, lacksOfTmpfs(t, oracle)
}

// detachedTmpfs answers a descriptor of the root of a new tmpfs (fsopen(2), CAP_SYS_ADMIN).
func detachedTmpfs() (int, error) {
	config, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(config)
	if err := unix.FsconfigCreate(config); err != nil {
		return -1, err
	}
	return unix.Fsmount(config, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NODEV)
}

// lacksOfTmpfs finds what this kernel's tmpfs cannot do.
func lacksOfTmpfs(t testing.TB, oracle Client) Lacks {
	t.Helper()
	lacks := TmpfsLacks()
	if err := oracle.Setxattr(".", "user.probe", nil, 0); errors.Is(err, regions.NotSupported) {
		lacks[UserXattrs] = "this kernel's tmpfs keeps none"
		return lacks
	}
	if err := oracle.Removexattr(".", "user.probe"); err != nil {
		t.Fatal(err)
	}
	return lacks
}
