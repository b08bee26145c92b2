//go:build linux

package gofuse

import (
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
	"github.com/shmfs/shmfs/regions"
)

// Lookup resolves a name. That there is none is an answer too, and the kernel keeps it.
func (s *Server) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	c := s.receive(fs.OpLookup, h, name)
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
	failpoint.Hit(failpoint.Forgetting)
	s.forgetting.RLock()
	defer s.forgetting.RUnlock()
	s.forget(regions.NodeID(node))
}

func (s *Server) forget(n regions.NodeID) {
	s.tree.Forget(n)
	if s.backings != nil && !s.tree.Arena().ToWipe(n) {
		s.backings.forget(n)
	}
}

// Readlink answers a symlink's target.
func (s *Server) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	c := s.receive(fs.OpReadlink, h, "")
	target, err := s.tree.Readlink(c.node)
	return []byte(target), c.end(err)
}

// Link gives a node one more name.
func (s *Server) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	c := s.receive(fs.OpLink, &in.InHeader, name)
	n := regions.NodeID(in.Oldnodeid)
	var a regions.Attr
	err := s.withRoom(func() (err error) {
		a, err = s.tree.Link(n, c.node, name)
		return err
	})
	if made, ok := c.linked(n, err); ok {
		a, err = made, nil
	}
	if err == nil && s.backings != nil {
		s.backings.named(n)
	}
	return c.entry(out, a, err)
}

// Unlink takes a name away.
func (s *Server) Unlink(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	c := s.receive(fs.OpUnlink, h, name)
	a, err := s.tree.Unlink(c.caller, c.node, name)
	if c.gone(err) {
		return c.end(nil)
	}
	s.nameless(&a, err)
	return c.end(err)
}

// Rmdir takes an empty directory away.
func (s *Server) Rmdir(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	c := s.receive(fs.OpRmdir, h, name)
	_, err := s.tree.Rmdir(c.node, name)
	if c.gone(err) {
		err = nil
	}
	return c.end(err)
}

// Rename moves a name.
func (s *Server) Rename(_ <-chan struct{}, in *fuse.RenameIn, name, newName string) fuse.Status {
	c := s.receive(fs.OpRename, &in.InHeader, name)
	flags := regions.RenameFlags(in.Flags)
	slot, done := c.swapping(flags)
	defer slot.End()
	if done {
		return c.end(nil)
	}
	var a regions.Attr
	err := s.withRoom(func() (err error) {
		a, err = s.tree.Rename(c.caller, regions.Rename{
			Dir: c.node, Name: name, NewDir: regions.NodeID(in.Newdir), NewName: newName, Flags: flags,
		})
		return err
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
	u, ok := s.tree.Arena().Inner().(pinner)
	if !ok {
		return
	}
	if s.backings.keep(a.Node, u.Pinned() > fewPins) {
		s.tree.Arena().Inner().Drop(a.Node)
	}
}

// reclaim lets go of nodes without a name that the kernel does not know any more, though it has not said so yet, or
// said it to a server that died. What is open is left alone: the kernel may just be told of it.
func (s *Server) reclaim() {
	s.forgetting.Lock()
	defer s.forgetting.Unlock()
	var nameless []regions.NodeID
	if p, ok := s.tree.Arena().Inner().(pinner); ok {
		nameless = p.Pins()
	}
	if s.backings != nil {
		nameless = append(nameless, s.backings.nameless()...)
	}
	for _, n := range nameless {
		if s.tree.Arena().Use(n).Opens == 0 && !s.device.knows(uint64(n)) {
			s.forget(n)
		}
	}
}

// fewPins is how many nameless nodes the arena may hold before they are registered just to be held: most of them are
// forgotten at once.
const fewPins = 64

// pinner is an arena that holds nameless nodes by descriptors, until Drop.
type pinner interface {
	Pinned() int
	Pins() []regions.NodeID
}
