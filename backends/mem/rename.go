package mem

import "github.com/shmfs/shmfs/regions"

// move is a rename that is under way.
type move struct {
	flags    regions.RenameFlags
	dir, to  *node
	name     string // the new one
	old, new *entry // new is nil if there is nothing of the new name
}

// Rename moves a name. The checks come in the kernel's order (Linux fs/namei.c, do_renameat2 and vfs_rename, then
// mm/shmem.c, shmem_rename2), so that of several errors the same one is told.
func (a *Arena) Rename(r regions.Rename) (regions.Attr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, err := a.resolve(r)
	if err != nil {
		return regions.Attr{}, err
	}
	if m.new != nil && m.new.node == m.old.node {
		return m.new.node.stat(), nil // two names of one node: nothing to do, rename(2)
	}
	if err := m.check(); err != nil {
		return regions.Attr{}, err
	}
	if m.flags&regions.RenameExchange != 0 {
		return m.exchange(a.now()), nil
	}
	return a.move(m)
}

// resolve finds what the names stand for.
func (a *Arena) resolve(r regions.Rename) (move, error) {
	const all = regions.RenameNoReplace | regions.RenameExchange | regions.RenameWhiteout
	m := move{flags: r.Flags, name: r.NewName}
	var err error
	if m.dir, err = a.findDir(r.Dir); err != nil {
		return m, err
	}
	if m.to, err = a.findDir(r.NewDir); err != nil {
		return m, err
	}
	if r.Flags&^all != 0 || r.Flags&regions.RenameExchange != 0 && r.Flags != regions.RenameExchange {
		return m, regions.Invalid
	}
	if m.old, err = m.dir.lookup(r.Name); err != nil {
		return m, err
	}
	if m.old == nil {
		return m, regions.NotFound
	}
	if m.new, err = m.to.lookup(r.NewName); err != nil {
		return m, err
	}
	switch {
	case m.new != nil && r.Flags&regions.RenameNoReplace != 0:
		return m, regions.Exists
	case m.new == nil && r.Flags&regions.RenameExchange != 0:
		return m, regions.NotFound
	}
	return m, m.checkLoop()
}

// checkLoop refuses to move a directory below itself, and to replace one by something below it.
func (m *move) checkLoop() error {
	if m.dir == m.to {
		return nil
	}
	if m.old.node.holds(m.to) {
		return regions.Invalid
	}
	if m.new == nil || !m.new.node.holds(m.dir) {
		return nil
	}
	if m.flags&regions.RenameExchange != 0 {
		return regions.Invalid
	}
	return regions.NotEmpty
}

// holds reports whether d is n or below it.
func (n *node) holds(d *node) bool {
	for n.dir != nil {
		if d == n {
			return true
		}
		if d == d.dir.parent {
			return false
		}
		d = d.dir.parent
	}
	return false
}

// check asks whether what is there may be replaced.
func (m *move) check() error {
	if m.new == nil || m.flags&regions.RenameExchange != 0 {
		return nil
	}
	if err := m.new.node.removable(m.old.node.dir != nil); err != nil {
		return err
	}
	if m.new.node.dir != nil && !m.new.node.dir.isEmpty() {
		return regions.NotEmpty
	}
	return nil
}

// exchange lets each of two names stand for the other's node. The names keep their positions.
func (m *move) exchange(now regions.Timestamp) regions.Attr {
	one, other := m.old.node, m.new.node
	m.old.unpoint()
	m.new.unpoint()
	m.old.point(other)
	m.new.point(one)
	dirs := one.dirCount() - other.dirCount()
	m.dir.changedEntries(0, m.delta(-dirs), now)
	m.to.changedEntries(0, m.delta(dirs), now)
	one.linked(0, now)
	other.linked(0, now)
	return other.stat()
}

// delta is n, but 0 if nothing leaves its directory.
func (m *move) delta(n int) int {
	if m.dir == m.to {
		return 0
	}
	return n
}

// dirCount is what a node adds to the links of its parent.
func (n *node) dirCount() int {
	if n.dir != nil {
		return 1
	}
	return 0
}

// move does the rest. A whiteout is made first: it is all that can fail.
func (a *Arena) move(m move) (regions.Attr, error) {
	var whiteout *node
	if m.flags&regions.RenameWhiteout != 0 {
		var err error
		if whiteout, err = a.newNode(m.dir, regions.Spec{Mode: regions.TypeChar}); err != nil {
			return regions.Attr{}, err
		}
		whiteout.attr.Nlink = 1
	}
	n, now := m.old.node, a.now()
	m.dir.leave(m.old)
	m.dir.changedEntries(-1, m.delta(-n.dirCount()), now)
	if whiteout != nil {
		m.dir.enter(m.old.name, whiteout)
		m.dir.changedEntries(1, 0, now)
	}
	replaced := m.place(n, now)
	n.linked(0, now)
	if replaced == nil {
		return regions.Attr{}, nil
	}
	a.lostName(replaced, now)
	return replaced.stat(), nil
}

// place gives the new name to n, and answers what had it before. A name that was there keeps its position.
func (m *move) place(n *node, now regions.Timestamp) *node {
	if m.new == nil {
		m.to.enter(m.name, n)
		m.to.changedEntries(1, m.delta(n.dirCount()), now)
		return nil
	}
	replaced := m.new.node
	m.new.unpoint()
	m.new.point(n)
	dirs := m.delta(n.dirCount()) - replaced.dirCount()
	m.to.changedEntries(0, dirs, now)
	return replaced
}
