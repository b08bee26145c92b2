//go:build linux

package gofuse

import (
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// Lookup resolves a name. That there is none is an answer too, and the kernel keeps it.
func (s *Server) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	c := s.begin(fs.OpLookup, h, name)
	a, err := s.tree.Lookup(c.node, name)
	if err == regions.NotFound && !c.node.Virtual() {
		out.SetEntryTimeout(longValid) // NodeId 0
		c.end(err)
		return fuse.OK
	}
	return c.entry(out, a, err)
}

// Forget says that the kernel does not know a node any more, or not as often.
func (s *Server) Forget(node, _ uint64) {
	n := regions.NodeID(node)
	s.tree.Forget(n)
	if s.backings != nil {
		s.backings.forget(n)
	}
}

// Readlink answers a symlink's target.
func (s *Server) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	c := s.begin(fs.OpReadlink, h, "")
	target, err := s.tree.Readlink(c.node)
	return []byte(target), c.end(err)
}

// Link gives a node one more name.
func (s *Server) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	c := s.begin(fs.OpLink, &in.InHeader, name)
	n := regions.NodeID(in.Oldnodeid)
	a, err := s.tree.Link(n, c.node, name)
	if made, ok := c.linked(n, err); ok {
		a, err = made, nil
	}
	return c.entry(out, a, err)
}

// Unlink takes a name away.
func (s *Server) Unlink(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	c := s.begin(fs.OpUnlink, h, name)
	a, err := s.tree.Unlink(c.caller, c.node, name)
	if c.gone(err) {
		return c.end(nil)
	}
	s.nameless(&a, err)
	return c.end(err)
}

// Rmdir takes an empty directory away.
func (s *Server) Rmdir(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	c := s.begin(fs.OpRmdir, h, name)
	_, err := s.tree.Rmdir(c.node, name)
	if c.gone(err) {
		err = nil
	}
	return c.end(err)
}

// Rename moves a name.
func (s *Server) Rename(_ <-chan struct{}, in *fuse.RenameIn, name, newName string) fuse.Status {
	c := s.begin(fs.OpRename, &in.InHeader, name)
	flags := regions.RenameFlags(in.Flags)
	slot, done := c.swapping(flags)
	defer slot.End()
	if done {
		return c.end(nil)
	}
	a, err := s.tree.Rename(c.caller, regions.Rename{
		Dir: c.node, Name: name, NewDir: regions.NodeID(in.Newdir), NewName: newName, Flags: flags,
	})
	if c.gone(err) {
		return c.end(nil)
	}
	s.nameless(&a, err)
	return c.end(err)
}

// nameless lets the kernel's own reference keep a region that lost its last name, where there is one: descriptors of
// ours are few.
func (s *Server) nameless(a *regions.Attr, err error) {
	if err != nil || s.backings == nil || a.Node == regions.NoNode || a.Nlink > 0 || !a.IsRegion() {
		return
	}
	u, ok := s.tree.Arena().Inner().(unpinner)
	if !ok {
		return
	}
	if u.Pinned() > fewPins {
		s.backings.acquire(a.Node)
	}
	if s.backings.keep(a.Node) {
		u.Unpin(a.Node)
	}
}

// fewPins is how many nameless nodes the arena may hold before they are registered just to be held: most of them are
// forgotten at once.
const fewPins = 64

// unpinner is an arena that holds nameless nodes by descriptors.
type unpinner interface {
	Unpin(regions.NodeID)
	Pinned() int
}
