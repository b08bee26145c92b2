//go:build linux

package gofuse

import (
	"errors"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// Mknod makes a FIFO, a socket, a device node or a region.
func (s *Server) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	c := s.receive(fs.OpMknod, &in.InHeader, name)
	c.caller.Umask = in.Umask
	return c.make(out, fs.NewNode{Mode: in.Mode, Rdev: in.Rdev})
}

// Mkdir makes a directory.
func (s *Server) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	c := s.receive(fs.OpMkdir, &in.InHeader, name)
	c.caller.Umask = in.Umask
	return c.make(out, fs.NewNode{Mode: in.Mode&regions.ModePerm | regions.TypeDir})
}

// Symlink makes a symlink.
func (s *Server) Symlink(_ <-chan struct{}, h *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	c := s.receive(fs.OpSymlink, h, name)
	return c.make(out, fs.NewNode{Mode: regions.TypeSymlink | 0o777, Target: target})
}

func (c *call) make(out *fuse.EntryOut, n fs.NewNode) fuse.Status {
	m := c.making()
	defer m.End()
	var a regions.Attr
	err := c.server.withRoom(func() (err error) {
		a, err = c.server.tree.Make(c.caller, c.node, c.name, n)
		return err
	})
	m.made(&a, err)
	return c.entry(out, a, err)
}

// withRoom does what needs room. A node that lost its last name has its own until the kernel forgets it, and the request
// that says so may come after the next one that needs room. So what is refused is asked once more, without those nodes, and again as long as more of them are on their way.
func (s *Server) withRoom(attempt func() error) error {
	err := attempt()
	m := s.tree.Arena()
	for pause := firstPause; full(err) && pause <= lastPause; pause *= 2 {
		more := m.RoomToCome()
		s.reclaim()
		if err = attempt(); !full(err) || !more {
			return err
		}
		time.Sleep(pause)
	}
	if full(err) {
		m.RoomDidNotCome()
	}
	return err
}

// throttle puts off what grows a region in a directory that is nearly full, if it has a throttle. The kernel holds the
// region's own lock meanwhile (Linux fs/open.c, do_truncate): others read, map and look it up, and who removes it waits
// with its directory locked. So this is for directories that are one's own, and short. Who does not wait any more because
// of a signal is served at once.
func (s *Server) throttle(cancel <-chan struct{}, n regions.NodeID, end int64) {
	if n.Virtual() {
		return
	}
	if d := s.tree.Arena().Throttle(n, end); d > 0 {
		pause(cancel, d)
	}
}

// pause waits, until it is cancelled.
func pause(cancel <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-cancel:
	}
}

// How long it is waited for memory that is about to come back: 63 times firstPause at most.
const (
	firstPause = time.Millisecond
	lastPause  = 32 * time.Millisecond
)

func full(err error) bool { return errors.Is(err, regions.NoSpace) || errors.Is(err, regions.Quota) }

// Create makes a region and opens it; without O_EXCL it opens one that is there already.
func (s *Server) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	c := s.receive(fs.OpCreate, &in.InHeader, name)
	c.caller.Umask = in.Umask
	access := accessOf(in.Flags)
	if a, fh, ok := c.createdBefore(); ok {
		return c.created(out, a, fh, in.Flags, nil)
	}
	m := c.making()
	defer m.End()
	var a regions.Attr
	var fh uint64
	err := s.withRoom(func() (err error) {
		a, fh, err = s.tree.Create(c.caller, c.node, name, in.Mode, access)
		return err
	})
	m.made(&a, err)
	if errors.Is(err, regions.Exists) && in.Flags&syscall.O_EXCL == 0 {
		if a, err = s.tree.Lookup(c.node, name); err == nil {
			fh, err = s.tree.Open(interruptible(cancel), c.caller, a.Node, access)
		}
	}
	return c.created(out, a, fh, in.Flags, err)
}

// Tmpfile makes a region without a name and opens it.
func (s *Server) Tmpfile(_ <-chan struct{}, in *fuse.CreateIn, out *fuse.CreateOut) fuse.Status {
	c := s.receive(fs.OpTmpfile, &in.InHeader, "")
	c.caller.Umask = in.Umask
	access := accessOf(in.Flags)
	a, fh, ok := c.createdBefore()
	var err error
	if !ok {
		err = s.withRoom(func() (err error) {
			s.forgetting.RLock()
			defer s.forgetting.RUnlock()
			a, fh, err = s.tree.Tmpfile(c.caller, c.node, in.Mode, access)
			return err
		})
	}
	status := c.created(out, a, fh, in.Flags, err)
	s.nameless(&a, err)
	return status
}

func (c *call) created(out *fuse.CreateOut, a regions.Attr, fh uint64, flags uint32, err error) fuse.Status {
	if err == nil {
		err = c.server.openOut(&out.OpenOut, fh, a.Node, flags)
	}
	return c.entry(&out.EntryOut, a, err)
}
