package main

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/tmpfs"
	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
	"github.com/shmfs/shmfs/regions"
)

// linuxMounter mounts through FUSE.
type linuxMounter struct{}

var (
	_ mounter   = linuxMounter{}
	_ unmounter = linuxMounter{}
)

func newMounter() mounter { return linuxMounter{} }

func newUnmounter() unmounter { return linuxMounter{} }

func (linuxMounter) unmount(point string, lazy bool) error {
	table, err := fusemount.Table()
	if err != nil {
		return err
	}
	if err := removable(table, point); err != nil {
		return err
	}
	err = fusemount.Unmount(point, lazy)
	if err == nil || errors.Is(err, unix.EBUSY) || os.Geteuid() == 0 {
		return err
	}
	return notPermitted("unmounting "+point, err) // fusermount3 says why in words only
}

func (linuxMounter) renew(keeper int) error { return unix.Kill(keeper, renewSignal) }

func (linuxMounter) discard(point string) error { return tmpfs.End(tmpfs.Place(point, os.Geteuid())) }

// inUse answers for root's arenas only: an ordinary user's regions are held by his server alone, which is dead.
func (linuxMounter) inUse(ctx context.Context, point string) ([]string, error) {
	at := tmpfs.Place(point, os.Geteuid())
	if os.Geteuid() != 0 || !tmpfs.Attached(at) {
		return nil, nil
	}
	a, err := tmpfs.Attach(at)
	if err != nil {
		return nil, err
	}
	var names []string
	err = a.Walk(ctx, regions.RootNode, func(it regions.Item) error {
		if !it.Attr.IsRegion() {
			return nil
		}
		if used, err := a.InUse(it.Attr.Node); err == nil && used { // an error is that it is gone
			names = append(names, it.Path)
		}
		return nil
	})
	return names, errors.Join(err, a.Close())
}

// gone waits by the process's own descriptor (pidfd_open(2)): a number that is used again is not mistaken for it.
func (linuxMounter) gone(ctx context.Context, pid int) error {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(pollTime/time.Millisecond))
		switch {
		case n > 0:
			return nil
		case err != nil && err != unix.EINTR:
			return os.NewSyscallError("poll", err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}
