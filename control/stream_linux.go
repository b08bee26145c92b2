//go:build linux

package control

import (
	"os"

	"golang.org/x/sys/unix"
)

// openStream opens a file whose reads wait. os.Open would make it one that is waited for with epoll(7), which FUSE answers
// with "ready" always: then nobody would ever wake up.
func openStream(path string) (*os.File, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), path), nil
		case unix.EINTR:
		default:
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}
