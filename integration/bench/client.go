//go:build linux

package main

import (
	"runtime"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"
)

// quietly runs a measurement without what Go's runtime would add to it: the thread is its own, no collection starts,
// and no signal arrives. The last one matters most: the runtime preempts with SIGURG, and a signal makes the kernel
// send FUSE_INTERRUPT after the request that is being waited for (fs/fuse/dev.c, request_wait_answer).
func quietly(measurement func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^uint64(0)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &all, &before); err != nil {
		return err
	}
	defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil) }()
	return measurement()
}

// The calls below are raw: the scheduler is not told. An ordinary one that waits 20 µs for a server loses its
// processor to the scheduler's watch, and pays for getting it back.

// noDir stands where a directory is not used: paths are absolute.
const noDir = ^uintptr(99) // AT_FDCWD, -100

func answer(r uintptr, e unix.Errno) (int, error) {
	if e != 0 {
		return -1, e
	}
	return int(r), nil
}

func open(path *byte, flags int) (int, error) {
	r, _, e := unix.RawSyscall6(unix.SYS_OPENAT, noDir, uintptr(unsafe.Pointer(path)), uintptr(flags|unix.O_CLOEXEC), 0o600, 0, 0)
	return answer(r, e)
}

func closeFd(fd int) error {
	_, _, e := unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	_, err := answer(0, e)
	return err
}

func truncate(fd, size int) error {
	_, _, e := unix.RawSyscall(unix.SYS_FTRUNCATE, uintptr(fd), uintptr(size), 0)
	_, err := answer(0, e)
	return err
}

func unlink(path *byte) error {
	_, _, e := unix.RawSyscall(unix.SYS_UNLINKAT, noDir, uintptr(unsafe.Pointer(path)), 0)
	_, err := answer(0, e)
	return err
}

func statAt(dir uintptr, path *byte, st *unix.Stat_t) error {
	_, _, e := unix.RawSyscall6(unix.SYS_NEWFSTATAT, dir, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(st)),
		unix.AT_SYMLINK_NOFOLLOW, 0, 0)
	_, err := answer(0, e)
	return err
}

func pread(fd int, p []byte, off int) (int, error) {
	r, _, e := unix.RawSyscall6(unix.SYS_PREAD64, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(off), 0, 0)
	return answer(r, e)
}

func pwrite(fd int, p []byte, off int) (int, error) {
	r, _, e := unix.RawSyscall6(unix.SYS_PWRITE64, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(off), 0, 0)
	return answer(r, e)
}

func getdents(fd int, p []byte) (int, error) {
	r, _, e := unix.RawSyscall(unix.SYS_GETDENTS64, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return answer(r, e)
}

// lgetxattr answers the length of a value; that there is none is an answer too.
func lgetxattr(path, name *byte, value []byte) (int, error) {
	r, _, e := unix.RawSyscall6(unix.SYS_LGETXATTR, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(name)),
		uintptr(unsafe.Pointer(&value[0])), uintptr(len(value)), 0, 0)
	if e == unix.ENODATA || e == unix.EOPNOTSUPP {
		return 0, nil
	}
	return answer(r, e)
}

// mapping is memory outside Go's heap.
type mapping struct {
	addr uintptr
	size int
}

func mmap(fd, size int) (mapping, error) {
	flags := uintptr(unix.MAP_SHARED)
	if fd < 0 {
		flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	}
	r, _, e := unix.RawSyscall6(unix.SYS_MMAP, 0, uintptr(size), unix.PROT_READ|unix.PROT_WRITE, flags, uintptr(fd), 0)
	if e != 0 {
		return mapping{}, e
	}
	return mapping{r, size}, nil
}

func (m mapping) unmap() error {
	_, _, e := unix.RawSyscall(unix.SYS_MUNMAP, m.addr, uintptr(m.size), 0)
	_, err := answer(0, e)
	return err
}

// bytes is the mapping as a slice, valid until unmap.
func (m mapping) bytes() []byte {
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&m.addr)), m.size)
}

func (m mapping) words() []uint64 {
	return unsafe.Slice(*(**uint64)(unsafe.Pointer(&m.addr)), m.size/8)
}

// touch writes a byte into each page.
func (m mapping) touch() {
	b := m.bytes()
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}

// cpath is a path as system calls take it, made before the clock starts.
func cpath(path string) *byte {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		panic(err) // our own names have no NUL
	}
	return p
}
