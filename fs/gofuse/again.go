//go:build linux

package gofuse

import (
	"errors"

	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
	"github.com/shmfs/shmfs/regions"
)

// A request that was read by a server that died comes again (call.again). What it asked for may have been done, half or
// wholly, and it must be answered as the first attempt would have been. The kernel keeps the directories of a request
// locked until it is answered, and sends a request about a name only when it knows whether the name is there. So:
//
//   - A name that is to be made was not there. What stands there now, and was made since, is the first attempt's: nobody
//     has seen it, and it is taken away and made anew (making). That it was made since is told by its number, because
//     tmpfs counts up; clocks are set by people.
//   - A name that is to go was there. If it is not, it was done (gone).
//   - A link that is there and leads to the right node was made (linked).
//   - An exchange, an attribute that must or must not be there: what was found before is in the request's slot.
//   - An open has its handle in the ledger, with the request's number (handle).
//   - Everything else comes to the same when it is done twice.

// slot remembers what a request found, before it acts. End must follow.
func (c *call) slot(f ledger.Found) ledger.Slot {
	if !slots || c.server.ledger == nil {
		return ledger.Slot{}
	}
	f.Begun = c.start
	defer failpoint.Hit(failpoint.Slot)
	return c.server.ledger.BeginRequest(c.caller.Request, f)
}

// first answers what the first attempt found; false if it did not come as far.
func (c *call) first() (ledger.Found, ledger.Slot, bool) {
	if !c.again || c.server.ledger == nil {
		return ledger.Found{}, ledger.Slot{}, false
	}
	return c.server.ledger.FindRequest(c.caller.Request)
}

// making is a request that makes a name.
type making struct {
	ledger.Slot
	server *Server
}

// making remembers that a name is made, and takes away what the first attempt left of it.
func (c *call) making() making {
	f, slot, ok := c.first()
	m := making{slot, c.server}
	if !ok {
		if c.server.ledger != nil {
			f.Node = uint64(c.server.ledger.Newest())
		}
		m.Slot = c.slot(f)
		return m
	}
	if c.name == "" || f.Existed {
		return m
	}
	a, err := c.server.tree.Lookup(c.node, c.name)
	if err != nil || c.node.Virtual() || a.Node.Virtual() || !newer(a.Node.Ino(), uint32(f.Node)) {
		return m
	}
	c.server.tree.Arena().Remove(c.node, c.name, a.IsDir())
	c.server.tree.Arena().Forgotten(a.Node) // the kernel never knew it
	return m
}

// made takes note of what came of it: of the number of a new node, or of a name that somebody had made beside the mount.
func (m making) made(a *regions.Attr, err error) {
	switch {
	case m.server.ledger == nil:
	case err == nil:
		m.server.ledger.SetNewest(a.Node.Ino())
	case errors.Is(err, regions.Exists):
		m.Existed()
	}
}

// newer answers whether a node was made after another one, any if that is not known. tmpfs gives numbers out in their
// order, and begins anew after the last of 32 bits (Linux mm/shmem.c, shmem_reserve_inode).
func newer(ino, than uint32) bool { return than == 0 || int32(ino-than) > 0 }

// handle answers the handle that the first attempt opened, and its node.
func (c *call) handle() (fh uint64, ok bool) {
	if !c.again {
		return 0, false
	}
	fh, ok = c.server.opened[c.caller.Request]
	return fh, ok
}

// created answers what the first attempt made and opened.
func (c *call) createdBefore() (a regions.Attr, fh uint64, ok bool) {
	fh, ok = c.handle()
	if !ok {
		return a, 0, false
	}
	n, ok := c.server.tree.NodeOf(fh)
	if !ok {
		return a, 0, false
	}
	a, err := c.server.tree.Getattr(n)
	if err != nil { // it had no name, and ended with its server
		c.server.tree.Release(fh)
		return a, 0, false
	}
	return a, fh, true
}

// gone answers whether a name that a request was to take away went with the first attempt.
func (c *call) gone(err error) bool { return c.again && errors.Is(err, regions.NotFound) }

// linked answers whether the first attempt made the link.
func (c *call) linked(n regions.NodeID, err error) (regions.Attr, bool) {
	if !c.again || !errors.Is(err, regions.Exists) {
		return regions.Attr{}, false
	}
	a, err := c.server.tree.Lookup(c.node, c.name)
	return a, err == nil && a.Node == n
}

// swapping remembers what stood at a name that stands for something afterwards, too. It answers whether the first
// attempt moved it.
func (c *call) swapping(flags regions.RenameFlags) (slot ledger.Slot, done bool) {
	if flags&(regions.RenameExchange|regions.RenameWhiteout) == 0 || c.server.ledger == nil {
		return ledger.Slot{}, false
	}
	a, err := c.server.tree.Lookup(c.node, c.name)
	if err != nil {
		return ledger.Slot{}, false
	}
	if f, slot, ok := c.first(); ok {
		return slot, f.Node != uint64(a.Node)
	}
	return c.slot(ledger.Found{Node: uint64(a.Node)}), false
}

// hadXattr remembers whether an attribute was there before the first attempt.
func (c *call) hadXattr(name string) (existed bool, slot ledger.Slot) {
	if f, slot, ok := c.first(); ok {
		return f.Existed, slot
	}
	_, err := c.server.tree.Getxattr(c.node, name)
	return err == nil, c.slot(ledger.Found{Existed: err == nil})
}
