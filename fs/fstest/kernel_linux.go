package fstest

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// fuseMagic is FUSE's f_type (FUSE_SUPER_MAGIC, Linux fs/fuse/inode.c).
const fuseMagic = 0x65735546

// lacksOfKernel answers what nothing that this kernel mounts by FUSE can do.
func lacksOfKernel(t *testing.T, root Client) Lacks {
	t.Helper()
	m, isMounted := root.(*mounted)
	if !isMounted {
		return nil
	}
	var fs unix.Statfs_t
	ok(t, codeOf(unix.Fstatfs(m.fd, &fs)))
	if fs.Type != fuseMagic {
		return nil
	}
	var name unix.Utsname
	ok(t, codeOf(unix.Uname(&name)))
	return lacksOfRelease(unix.ByteSliceToString(name.Release[:]))
}

// lacksOfRelease reads a kernel's release. What it cannot read lacks nothing.
func lacksOfRelease(release string) Lacks {
	lacks := Lacks{}
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n != 2 || major > 6 || major == 6 && minor >= 6 {
		return lacks
	}
	lacks[BirthTime] = "FUSE asks for it since Linux 6.6 (FUSE_STATX), this is " + release
	lacks[LongXattrNames] = "tmpfs keeps user attributes since Linux 6.6, on " + release + " shmfs keeps them under longer names"
	return lacks
}
