package mem

import "github.com/shmfs/shmfs/regions"

// Remove takes a name away.
func (a *Arena) Remove(parent regions.NodeID, name string, dir bool) (regions.Attr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, err := a.findDir(parent)
	if err != nil {
		return regions.Attr{}, err
	}
	e, err := d.lookup(name)
	if err != nil {
		return regions.Attr{}, err
	}
	if e == nil {
		return regions.Attr{}, regions.NotFound
	}
	if err := e.node.removable(dir); err != nil {
		return regions.Attr{}, err
	}
	if dir && !e.node.dir.isEmpty() {
		return regions.Attr{}, regions.NotEmpty
	}
	n, now := e.node, a.now()
	d.leave(e)
	dirs := 0
	if dir {
		dirs = -1
	}
	d.changedEntries(-1, dirs, now)
	a.lostName(n, now)
	return n.stat(), nil
}

// removable asks whether a node may give way to rmdir(2) or to a directory (dir), or else to unlink(2) or to a file.
func (n *node) removable(dir bool) error {
	switch {
	case dir && n.dir == nil:
		return regions.NotDir
	case !dir && n.dir != nil:
		return regions.IsDir
	}
	return nil
}

// lostName takes note that a name of n is gone. The caller holds a.mu.
func (a *Arena) lostName(n *node, now regions.Timestamp) {
	if n.dir != nil {
		n.dir.dead = true
		n.linked(-2, now)
		return
	}
	if n.names != nil {
		a.limits.giveSpace(nodeSpace)
	}
	n.linked(-1, now)
}

// Drop lets go of a node without names. What has it open keeps its memory until it is closed.
func (a *Arena) Drop(id regions.NodeID) {
	a.mu.Lock()
	n, err := a.find(id)
	if err != nil || n.names != nil || id == regions.RootNode {
		a.mu.Unlock()
		return
	}
	delete(a.nodes, id.Ino())
	a.mu.Unlock()
	a.release(n)
}
