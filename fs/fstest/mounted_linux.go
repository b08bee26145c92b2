package fstest

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// mounted is a directory, asked by system calls.
type mounted struct {
	dir string // absolute
	fd  int    // O_PATH
}

var _ Client = (*mounted)(nil)

// Mounted answers a client of a directory, by system calls. It keeps a descriptor of it until the test ends.
func Mounted(t testing.TB, dir string) Client {
	t.Helper()
	m, err := openMounted(unix.AT_FDCWD, dir, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func openMounted(at int, path, dir string) (*mounted, error) {
	fd, err := unix.Openat(at, path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, codeOf(err))
	}
	return &mounted{dir: dir, fd: fd}, nil
}

func (m *mounted) Close() error { return unix.Close(m.fd) }

func (m *mounted) Sub(path string) (Client, error) {
	return openMounted(m.fd, path, m.dir+"/"+path)
}

// abs is for the calls that know no directory descriptor. It goes by /proc, so that no path grows too long.
func (m *mounted) abs(path string) string { return fmt.Sprintf("/proc/self/fd/%d/%s", m.fd, path) }

func (m *mounted) Umask(mask uint32) uint32 { return uint32(unix.Umask(int(mask))) }

func (m *mounted) Mkdir(path string, mode uint32) error {
	return codeOf(unix.Mkdirat(m.fd, path, mode))
}

func (m *mounted) Mknod(path string, mode, rdev uint32) error {
	return codeOf(unix.Mknodat(m.fd, path, mode, int(rdev)))
}

func (m *mounted) Symlink(target, path string) error {
	return codeOf(unix.Symlinkat(target, m.fd, path))
}

func (m *mounted) Link(old, path string) error {
	return codeOf(unix.Linkat(m.fd, old, m.fd, path, 0))
}

func (m *mounted) Unlink(path string) error { return codeOf(unix.Unlinkat(m.fd, path, 0)) }

func (m *mounted) Rmdir(path string) error {
	return codeOf(unix.Unlinkat(m.fd, path, unix.AT_REMOVEDIR))
}

func (m *mounted) Rename(old, path string, flags regions.RenameFlags) error {
	return codeOf(unix.Renameat2(m.fd, old, m.fd, path, uint(flags)))
}

func (m *mounted) Stat(path string, follow bool) (regions.Attr, error) {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow {
		flags = 0
	}
	return statx(m.fd, path, flags)
}

func statx(fd int, path string, flags int) (regions.Attr, error) {
	var x unix.Statx_t
	if err := unix.Statx(fd, path, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &x); err != nil {
		return regions.Attr{}, codeOf(err)
	}
	a := regions.Attr{
		Ino: x.Ino, Size: int64(x.Size), Blocks: x.Blocks, Mode: uint32(x.Mode), Nlink: x.Nlink, UID: x.Uid, GID: x.Gid,
		Rdev: uint32(unix.Mkdev(x.Rdev_major, x.Rdev_minor)), Blksize: x.Blksize,
		Atime: stamp(x.Atime), Mtime: stamp(x.Mtime), Ctime: stamp(x.Ctime),
	}
	if x.Mask&unix.STATX_BTIME != 0 {
		a.Btime = stamp(x.Btime)
	}
	return a, nil
}

func stamp(t unix.StatxTimestamp) regions.Timestamp {
	return regions.Timestamp{Sec: t.Sec, Nsec: t.Nsec}
}

func (m *mounted) Readlink(path string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(m.fd, path, buf)
	if err != nil {
		return "", codeOf(err)
	}
	return string(buf[:n]), nil
}

func (m *mounted) Chmod(path string, mode uint32) error {
	return codeOf(unix.Fchmodat(m.fd, path, mode, 0))
}

func (m *mounted) Chown(path string, uid, gid uint32) error {
	return codeOf(unix.Fchownat(m.fd, path, int(int32(uid)), int(int32(gid)), unix.AT_SYMLINK_NOFOLLOW))
}

func (m *mounted) Utimes(path string, atime, mtime Stamp) error {
	ts := []unix.Timespec{timespec(atime), timespec(mtime)}
	return codeOf(unix.UtimesNanoAt(m.fd, path, ts, unix.AT_SYMLINK_NOFOLLOW))
}

func timespec(s Stamp) unix.Timespec {
	switch {
	case s.Now:
		return unix.Timespec{Nsec: unix.UTIME_NOW}
	case s.Omit:
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	return unix.Timespec{Sec: s.Sec, Nsec: int64(s.Nsec)}
}

func (m *mounted) Truncate(path string, size int64) error {
	return codeOf(unix.Truncate(m.abs(path), size))
}

func (m *mounted) Usage(path string) (regions.Usage, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(m.abs(path), &s); err != nil {
		return regions.Usage{}, codeOf(err)
	}
	size := uint64(s.Bsize)
	return regions.Usage{
		Bytes: s.Blocks * size, BytesUsed: (s.Blocks - s.Bfree) * size,
		Nodes: s.Files, NodesUsed: s.Files - s.Ffree,
		BlockSize: uint32(s.Bsize), NameMax: uint32(s.Namelen),
	}, nil
}
