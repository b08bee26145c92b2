//go:build linux

package gofuse

import (
	"errors"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// Mknod makes a FIFO, a socket, a device node or a region.
func (s *Server) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	c := s.receive(fs.OpMknod, &in.InHeader, name)
	c.caller.Umask = in.Umask
	defer c.making().End()
	a, err := s.tree.Make(c.caller, c.node, name, fs.NewNode{Mode: in.Mode, Rdev: in.Rdev})
	return c.entry(out, a, err)
}

// Mkdir makes a directory.
func (s *Server) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	c := s.receive(fs.OpMkdir, &in.InHeader, name)
	c.caller.Umask = in.Umask
	defer c.making().End()
	mode := in.Mode&regions.ModePerm | regions.TypeDir
	a, err := s.tree.Make(c.caller, c.node, name, fs.NewNode{Mode: mode})
	return c.entry(out, a, err)
}

// Symlink makes a symlink.
func (s *Server) Symlink(_ <-chan struct{}, h *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	c := s.receive(fs.OpSymlink, h, name)
	defer c.making().End()
	a, err := s.tree.Make(c.caller, c.node, name, fs.NewNode{Mode: regions.TypeSymlink | 0o777, Target: target})
	return c.entry(out, a, err)
}

// Create makes a region and opens it; without O_EXCL it opens one that is there already.
func (s *Server) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	c := s.receive(fs.OpCreate, &in.InHeader, name)
	c.caller.Umask = in.Umask
	access := accessOf(in.Flags)
	if a, fh, ok := c.createdBefore(); ok {
		return c.created(out, a, fh, access, nil)
	}
	defer c.making().End()
	a, fh, err := s.tree.Create(c.caller, c.node, name, in.Mode, access)
	if errors.Is(err, regions.Exists) && in.Flags&syscall.O_EXCL == 0 {
		if a, err = s.tree.Lookup(c.node, name); err == nil {
			fh, err = s.tree.Open(interruptible(cancel), c.caller, a.Node, access)
		}
	}
	return c.created(out, a, fh, access, err)
}

// Tmpfile makes a region without a name and opens it.
func (s *Server) Tmpfile(_ <-chan struct{}, in *fuse.CreateIn, out *fuse.CreateOut) fuse.Status {
	c := s.receive(fs.OpTmpfile, &in.InHeader, "")
	c.caller.Umask = in.Umask
	access := accessOf(in.Flags)
	a, fh, ok := c.createdBefore()
	var err error
	if !ok {
		a, fh, err = s.tree.Tmpfile(c.caller, c.node, in.Mode, access)
	}
	status := c.created(out, a, fh, access, err)
	s.nameless(&a, err)
	return status
}

func (c *call) created(out *fuse.CreateOut, a regions.Attr, fh uint64, access regions.Access, err error) fuse.Status {
	if err == nil {
		c.server.openOut(&out.OpenOut, fh, a.Node, access)
	}
	return c.entry(&out.EntryOut, a, err)
}
