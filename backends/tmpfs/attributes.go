//go:build linux

package tmpfs

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

const statxMask = unix.STATX_BASIC_STATS | unix.STATX_BTIME

// stat reads the attributes of a name in an open directory; with an empty name, the descriptor's own. Node is not
// filled in.
func stat(dirfd int, name string, a *regions.Attr) error {
	var x unix.Statx_t
	flags := unix.AT_SYMLINK_NOFOLLOW
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	if err := unix.Statx(dirfd, name, flags, statxMask, &x); err != nil {
		return err
	}
	*a = regions.Attr{
		Ino: x.Ino, Size: int64(x.Size), Blocks: x.Blocks, Mode: uint32(x.Mode), Nlink: x.Nlink,
		UID: x.Uid, GID: x.Gid, Rdev: uint32(unix.Mkdev(x.Rdev_major, x.Rdev_minor)), Blksize: x.Blksize,
		Atime: timestamp(x.Atime), Mtime: timestamp(x.Mtime), Ctime: timestamp(x.Ctime), Btime: timestamp(x.Btime),
	}
	return nil
}

func timestamp(t unix.StatxTimestamp) regions.Timestamp {
	return regions.Timestamp{Sec: t.Sec, Nsec: t.Nsec}
}

// describe reads node and attributes of an open descriptor.
func (a *Arena) describe(fd int) (regions.Attr, error) {
	n, err := nodeAt(fd, "")
	if err != nil {
		return regions.Attr{}, code(err)
	}
	return a.describeNode(fd, n)
}

// describeNode reads the attributes of an open descriptor, of which the kernel's name for its node is known.
func (a *Arena) describeNode(fd int, n regions.NodeID) (regions.Attr, error) {
	var at regions.Attr
	err := stat(fd, "", &at)
	at.Node = a.outer(n)
	a.reflect(&at)
	return at, code(err)
}

// Getattr reads attributes.
func (a *Arena) Getattr(n regions.NodeID) (regions.Attr, error) {
	at := regions.Attr{}
	if a.inner(n) == a.rootID {
		err := stat(a.root, "", &at)
		at.Node = regions.RootNode
		return at, code(err)
	}
	fd, err := a.open(n, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return at, code(err)
	}
	defer unix.Close(fd)
	err = stat(fd, "", &at)
	at.Node = n
	a.reflect(&at)
	return at, code(err)
}

// Setattr sets attributes in the order that keeps the later ones from being undone by the earlier: owner, mode, size,
// times.
func (a *Arena) Setattr(n regions.NodeID, c regions.Change) (regions.Attr, error) {
	flags := unix.O_PATH | unix.O_NOFOLLOW
	if c.Set&regions.SetSize != 0 {
		flags = unix.O_WRONLY | unix.O_NONBLOCK
	}
	fd, err := a.open(n, flags)
	if err != nil {
		return regions.Attr{}, code(err)
	}
	defer unix.Close(fd)
	if _, shared := a.sourceBehind(n, fd); shared && c.Set&regions.SetSize != 0 {
		return regions.Attr{}, regions.ReadOnly
	}
	for _, set := range []func(int, *regions.Change) error{setOwner, setMode, setSize, setTimes} {
		if err := set(fd, &c); err != nil {
			return regions.Attr{}, code(err)
		}
	}
	at := regions.Attr{}
	err = stat(fd, "", &at)
	at.Node = n
	a.reflect(&at)
	return at, code(err)
}

func setOwner(fd int, c *regions.Change) error {
	if c.Set&(regions.SetUID|regions.SetGID) == 0 {
		return nil
	}
	uid, gid := -1, -1
	if c.Set&regions.SetUID != 0 {
		uid = int(c.UID)
	}
	if c.Set&regions.SetGID != 0 {
		gid = int(c.GID)
	}
	return unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH)
}

func setMode(fd int, c *regions.Change) error {
	if c.Set&regions.SetMode != 0 {
		return unix.Chmod(procPath(fd), c.Mode&regions.ModePerm)
	}
	if c.Set&regions.KillPrivileges == 0 {
		return nil
	}
	at := regions.Attr{}
	if err := stat(fd, "", &at); err != nil {
		return err
	}
	if killed := regions.KilledMode(at.Mode); killed != at.Mode {
		return unix.Chmod(procPath(fd), killed&regions.ModePerm)
	}
	return nil
}

func setSize(fd int, c *regions.Change) error {
	if c.Set&regions.SetSize == 0 {
		return nil
	}
	return unix.Ftruncate(fd, c.Size)
}

func setTimes(fd int, c *regions.Change) error {
	const any = regions.SetAtime | regions.SetAtimeNow | regions.SetMtime | regions.SetMtimeNow
	if c.Set&any == 0 {
		return nil
	}
	times := []unix.Timespec{
		timespec(c.Set&regions.SetAtime != 0, c.Set&regions.SetAtimeNow != 0, c.Atime),
		timespec(c.Set&regions.SetMtime != 0, c.Set&regions.SetMtimeNow != 0, c.Mtime),
	}
	return unix.UtimesNanoAt(fd, "", times, unix.AT_EMPTY_PATH)
}

func timespec(set, now bool, t regions.Timestamp) unix.Timespec {
	switch {
	case now:
		return unix.Timespec{Nsec: unix.UTIME_NOW}
	case set:
		return unix.Timespec{Sec: t.Sec, Nsec: int64(t.Nsec)}
	}
	return unix.Timespec{Nsec: unix.UTIME_OMIT}
}

// Record reads what shmfs keeps about a node.
func (a *Arena) Record(n regions.NodeID) (r regions.Record, err error) {
	if a.recordName == "" {
		return regions.Record{}, regions.NoData
	}
	err = a.withPath(n, func(path string) (err error) {
		r, err = a.recordAt(path)
		return err
	})
	return r, err
}

func (a *Arena) recordAt(path string) (regions.Record, error) {
	record, err := growing(func(buf []byte) (int, error) { return unix.Getxattr(path, a.recordName, buf) })
	if err != nil {
		return regions.Record{}, code(err)
	}
	return regions.DecodeRecord(record)
}

// xattrArgs is struct xattr_args (linux/xattr.h).
type xattrArgs struct {
	value unsafe.Pointer
	size  uint32
	flags uint32
}

const sysGetxattrat = 464 // the same on every architecture (Linux 6.13)

// recordIn reads the record of a name in an open directory: half as dear as by a path through /proc, where the kernel
// has getxattrat(2).
func (a *Arena) recordIn(dirfd int, name string) (regions.Record, error) {
	if a.noXattrAt.Load() {
		return a.recordAt(procPath(dirfd) + "/" + name)
	}
	var buf [256]byte // enough for almost all
	args := xattrArgs{value: unsafe.Pointer(&buf), size: uint32(len(buf))}
	path, err := unix.BytePtrFromString(name)
	if err != nil {
		return regions.Record{}, regions.Invalid
	}
	attr, err := unix.BytePtrFromString(a.recordName)
	if err != nil {
		return regions.Record{}, regions.Invalid
	}
	size, _, e := unix.Syscall6(sysGetxattrat, uintptr(dirfd), uintptr(unsafe.Pointer(path)), unix.AT_SYMLINK_NOFOLLOW,
		uintptr(unsafe.Pointer(attr)), uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args))
	switch e {
	case 0:
		return regions.DecodeRecord(buf[:size])
	case unix.ENOSYS:
		a.noXattrAt.Store(true)
		return a.recordIn(dirfd, name)
	case unix.ERANGE:
		return a.recordAt(procPath(dirfd) + "/" + name)
	}
	return regions.Record{}, code(e)
}
