package mem

import "github.com/shmfs/shmfs/regions"

const targetMax = 4095 // PATH_MAX counts the NUL

// Make makes a node and names it.
func (a *Arena) Make(dir regions.NodeID, name string, s regions.Spec) (regions.Attr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, err := a.findDir(dir)
	if err != nil {
		return regions.Attr{}, err
	}
	if err := checkSpec(&s); err != nil {
		return regions.Attr{}, err
	}
	if err := d.checkVacant(name); err != nil {
		return regions.Attr{}, err
	}
	n, err := a.newNode(d, s)
	if err != nil {
		return regions.Attr{}, err
	}
	dirs := 0
	if n.dir != nil {
		dirs = 1 // Nlink 2 is the new one's from the start: its name and its "."
	} else {
		n.attr.Nlink = 1
	}
	d.enter(name, n)
	d.changedEntries(1, dirs, n.attr.Ctime)
	return n.stat(), nil
}

// MakeTemp makes a region without a name.
func (a *Arena) MakeTemp(dir regions.NodeID, s regions.Spec) (regions.Attr, error) {
	if s.Mode&regions.TypeMask != regions.TypeRegular {
		return regions.Attr{}, regions.Invalid
	}
	s.Target = ""
	a.mu.Lock()
	defer a.mu.Unlock()
	d, err := a.findDir(dir)
	if err != nil {
		return regions.Attr{}, err
	}
	n, err := a.newNode(d, s)
	if err != nil {
		return regions.Attr{}, err
	}
	n.linkable = true
	return n.stat(), nil
}

// checkSpec refuses what cannot be made, and clears what a directory does not take: vfs_mkdir (Linux fs/namei.c) drops
// set-user-id and set-group-id.
func checkSpec(s *regions.Spec) error {
	switch s.Mode & regions.TypeMask {
	case regions.TypeSymlink:
		switch {
		case s.Target == "":
			return regions.NotFound
		case len(s.Target) > targetMax:
			return regions.NameTooLong
		}
		s.Mode = regions.TypeSymlink | 0o777
		return nil
	case regions.TypeDir:
		s.Mode &^= regions.ModeSetUID | regions.ModeSetGID
	case regions.TypeRegular, regions.TypeChar, regions.TypeBlock, regions.TypeFIFO, regions.TypeSocket:
	default:
		return regions.Invalid
	}
	s.Target = ""
	return nil
}

// checkVacant asks whether a name can be made in a directory: Exists if it is taken. The caller holds Arena.mu.
func (n *node) checkVacant(name string) error {
	e, err := n.lookup(name)
	if err == nil && e != nil {
		err = regions.Exists
	}
	return err
}

// newNode makes a node without a name that inherits from d, and takes what it needs from the limits. The caller holds
// a.mu.
func (a *Arena) newNode(d *node, s regions.Spec) (*node, error) {
	if err := a.limits.takeSpace(nodeSpace); err != nil {
		return nil, err
	}
	if err := a.limits.takeBytes(targetBytes(s.Target)); err != nil {
		a.limits.giveSpace(nodeSpace)
		return nil, err
	}
	n := &node{id: a.nextID(), kind: s.Mode & regions.TypeMask, target: s.Target, record: s.Record}
	n.inherit(d, &s)
	n.attr = a.newAttr(n.id, s)
	n.refs.Store(1)
	switch n.kind {
	case regions.TypeDir:
		n.dir = &directory{parent: d, last: regions.FirstPosition - 1}
	case regions.TypeRegular:
		memory, err := a.store.Allocate()
		if err != nil {
			a.limits.giveSpace(nodeSpace)
			return nil, err
		}
		n.memory = memory
	}
	a.nodes[n.id.Ino()] = n
	return n, nil
}

// inherit applies what the directory decides about a new node in it: set-group-id gives its group (Linux fs/inode.c,
// inode_init_owner), a default ACL takes the place of the umask (fs/posix_acl.c, posix_acl_create).
func (n *node) inherit(d *node, s *regions.Spec) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.attr.Mode&regions.ModeSetGID != 0 {
		s.GID = d.attr.GID
		if n.kind == regions.TypeDir {
			s.Mode |= regions.ModeSetGID
		}
	}
	switch {
	case n.kind == regions.TypeSymlink:
	case d.defaultACL == nil:
		s.Mode &^= s.Umask & 0o777
	default:
		n.access, s.Mode = d.defaultACL.inherited(s.Mode)
		if n.kind == regions.TypeDir {
			n.defaultACL = d.defaultACL
		}
	}
}

// Link gives a node one more name.
func (a *Arena) Link(id, dir regions.NodeID, name string) (regions.Attr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, err := a.find(id)
	if err != nil {
		return regions.Attr{}, err
	}
	d, err := a.findDir(dir)
	if err != nil {
		return regions.Attr{}, err
	}
	if err := d.checkVacant(name); err != nil {
		return regions.Attr{}, err
	}
	if err := a.takeLink(n); err != nil {
		return regions.Attr{}, err
	}
	now := a.now()
	d.enter(name, n)
	d.changedEntries(1, 0, now)
	n.linked(1, now)
	return n.stat(), nil
}

// takeLink asks whether a node can have one more name. A first one, of a region made without, is paid for already; a
// node that lost its last name gets none any more (Linux fs/namei.c, vfs_link).
func (a *Arena) takeLink(n *node) error {
	switch {
	case n.dir != nil:
		return regions.NotPermitted
	case n.names != nil:
		return a.limits.takeSpace(nodeSpace)
	case !n.linkable:
		return regions.NotFound
	}
	n.linkable = false
	return nil
}
