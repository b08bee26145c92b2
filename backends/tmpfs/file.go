//go:build linux

package tmpfs

import (
	"io"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// file is an open region.
type file struct {
	fd      int
	closing func() // before it is closed; nil for nothing
}

var _ regions.File = (*file)(nil)

// Open opens a region. O_NONBLOCK, because an open must never wait.
func (a *Arena) Open(n regions.NodeID, access regions.Access) (regions.File, error) {
	flags := unix.O_RDONLY
	switch access {
	case regions.WriteAccess:
		flags = unix.O_WRONLY
	case regions.ReadAccess | regions.WriteAccess:
		flags = unix.O_RDWR
	}
	flags |= unix.O_NONBLOCK | unix.O_NOFOLLOW
	fd, err := a.open(n, flags)
	if err == nil {
		fd, err = a.through(n, fd, flags)
	}
	if err != nil {
		return nil, code(err)
	}
	return a.opened(n, fd), nil
}

// Descriptor opens a region's file, with path as O_PATH.
func (a *Arena) Descriptor(n regions.NodeID, path bool) (int, error) {
	flags := unix.O_RDWR | unix.O_NONBLOCK
	if path {
		flags = unix.O_PATH
	}
	flags |= unix.O_NOFOLLOW
	fd, err := a.open(n, flags)
	if err == nil {
		fd, err = a.through(n, fd, flags)
	}
	return fd, code(err)
}

// InUse asks with a lease: a write lease is refused while there is any other open or mapping (fcntl(2), F_SETLEASE;
// Linux fs/locks.c, check_conflicting_open). It is given back at once, by the close.
func (a *Arena) InUse(n regions.NodeID) (bool, error) { return a.leased(n, unix.F_WRLCK) }

// Written asks with a read lease, which is refused while there is an open for writing, or a mapping that came from one
// (Linux include/linux/fs.h, inode_is_open_for_write).
func (a *Arena) Written(n regions.NodeID) (bool, error) { return a.leased(n, unix.F_RDLCK) }

// leased reports whether a lease is refused.
func (a *Arena) leased(n regions.NodeID, kind int) (bool, error) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOFOLLOW
	fd, err := a.open(n, flags)
	if err == nil {
		if fd, err = a.through(n, fd, flags); err == unix.ESTALE {
			return false, nil // a share of what is gone
		}
	}
	if err != nil {
		return false, code(err)
	}
	defer unix.Close(fd)
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, kind)
	if err == unix.EAGAIN {
		return true, nil
	}
	return false, code(err)
}

func (f *file) Close() error {
	if f.closing != nil {
		f.closing()
	}
	return code(unix.Close(f.fd))
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Pread(f.fd, p[done:], off+int64(done))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return done, code(err)
		}
		if n == 0 {
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Pwrite(f.fd, p[done:], off+int64(done))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return done, code(err)
		}
		done += n
	}
	return done, nil
}

func (f *file) Truncate(size int64) error { return code(unix.Ftruncate(f.fd, size)) }

// Allocate is fallocate(2), and zero-range too, which tmpfs has not (mm/shmem.c, shmem_fallocate): a hole is punched and
// filled again. If there is no room to fill it, the range reads as zeros and the answer is NoSpace.
func (f *file) Allocate(off, length int64, mode regions.AllocateMode) error {
	if mode&^regions.AllocateKeepSize != regions.AllocateZeroRange {
		return f.fallocate(off, length, mode)
	}
	if err := f.fallocate(off, length, regions.AllocatePunchHole|regions.AllocateKeepSize); err != nil {
		return err
	}
	return f.fallocate(off, length, mode&regions.AllocateKeepSize)
}

// fallocate blocks this thread's signals meanwhile: tmpfs gives up at any of them, and the Go runtime sends them as it
// likes.
func (f *file) fallocate(off, length int64, mode regions.AllocateMode) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	all, old := unix.Sigset_t{}, unix.Sigset_t{}
	for i := range all.Val {
		all.Val[i] = ^uint64(0)
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &old); err != nil {
		return code(err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	return code(unix.Fallocate(f.fd, uint32(mode), off, length))
}

// SeekExtent finds the next data or the next hole: NoDevice past the end.
func (f *file) SeekExtent(off int64, hole bool) (int64, error) {
	const seekData, seekHole = 3, 4 // linux/fs.h
	whence := seekData
	if hole {
		whence = seekHole
	}
	at, err := unix.Seek(f.fd, off, whence)
	return at, code(err)
}

// CopyRange copies in the kernel.
func (a *Arena) CopyRange(src regions.File, srcOff int64, dst regions.File, dstOff, length int64) (int64, error) {
	s, ok1 := src.(*file)
	d, ok2 := dst.(*file)
	if !ok1 || !ok2 {
		return 0, regions.NotSupported
	}
	n, err := unix.CopyFileRange(s.fd, &srcOff, d.fd, &dstOff, int(min(length, 1<<30)), 0)
	return int64(max(n, 0)), code(err)
}
