package regions

import "github.com/shmfs/shmfs/regions/accounts"

// renaming is a rename on its way.
type renaming struct {
	*Rename
	m      *Manager
	moved  Attr
	other  Attr              // that gets the old name; else NoNode
	claims []*accounts.Claim // for what goes to another directory: it counts in both
	whole  bool              // it is done: there was room for the whole of it, and not for the claims
	lost   Attr              // what stood at the new name
	err    error
}

// Rename moves a name. While it does, what goes to another directory counts in both. Where there is no room for that, it is
// asked for what comes of it.
func (m *Manager) Rename(r Rename) (Attr, error) {
	m.meetName(r.Dir, r.Name)
	m.meetName(r.NewDir, r.NewName)
	x := &renaming{Rename: &r, m: m}
	counts := r.Dir != r.NewDir && x.look()
	if counts && (x.moved.IsDir() || r.Flags&RenameExchange != 0) {
		m.Settled() // what is in a directory moves with it
		m.accounts.LockDirectories()
		defer m.accounts.UnlockDirectories()
	}
	if counts {
		if err := m.ask(x.claim); err != nil {
			return Attr{}, err
		}
		m.comes()
	}
	if !x.whole {
		defer m.names.share(r.Dir, r.NewDir)()
		x.do()
	}
	if x.err == nil {
		m.countWhiteout(r)
		m.lives.moved(m, &r)
	}
	return x.lost, x.err
}

// do renames what there is room for beside what is there.
func (x *renaming) do() {
	x.lost, x.err = x.m.Arena.Rename(*x.Rename)
	for _, c := range x.claims {
		if x.err != nil {
			c.Undo()
		} else {
			c.Keep()
		}
	}
	if x.err == nil {
		x.m.unlinked(&x.lost, Place{x.NewDir, x.NewName})
	}
}

// look finds out what is renamed, and answers whether that is to be counted. What is not there, the arena will tell.
func (x *renaming) look() bool {
	var err error
	if x.moved, err = x.m.Arena.Lookup(x.Dir, x.Name); err != nil {
		return false
	}
	var there Attr
	if x.Flags&RenameExchange != 0 || x.moved.Nlink > 1 && !x.moved.IsDir() {
		if there, err = x.m.Arena.Lookup(x.NewDir, x.NewName); err != nil {
			there = Attr{}
		}
	}
	if x.Flags&RenameExchange != 0 {
		x.other = there
	}
	return there.Node != x.moved.Node // two names of one node: nothing is done
}

// claim asks for room where things are moved to: beside what is there, or else for the rename as a whole.
func (x *renaming) claim() *accounts.Exceeded {
	e := x.claimOne(&x.moved, x.Dir, x.NewDir)
	if e == nil && x.other.Node != NoNode {
		e = x.claimOne(&x.other, x.NewDir, x.Dir)
	}
	if e == nil {
		return nil
	}
	for _, c := range x.claims {
		c.Undo()
	}
	x.claims = nil
	switch e.What {
	case accounts.Bytes, accounts.Regions, accounts.Nodes:
		return x.claimWhole(e)
	}
	return e
}

func (x *renaming) claimOne(a *Attr, from, to NodeID) *accounts.Exceeded {
	c, e := x.m.accounts.Move(accounts.Node(a.Node), accounts.Node(from), accounts.Node(to), typeOf(a))
	if e == nil {
		x.claims = append(x.claims, c)
	}
	return e
}

// claimWhole renames if there is room for what comes of that; e is why there is none beside what is there. What is replaced
// makes room unless somebody has it: nobody can open it meanwhile.
func (x *renaming) claimWhole(e *accounts.Exceeded) *accounts.Exceeded {
	m := x.m
	m.Settled()
	defer m.names.share(x.Dir, x.NewDir)()
	moved, err := m.Arena.Lookup(x.Dir, x.Name)
	if err != nil || moved.Node != x.moved.Node {
		return e
	}
	there, err := m.Arena.Lookup(x.NewDir, x.NewName)
	if err != nil || there.Node == moved.Node {
		return e
	}
	r := accounts.Renaming{Node: accounts.Node(moved.Node), Type: typeOf(&moved), Other: accounts.Node(there.Node), OtherType: typeOf(&there),
		From: accounts.Node(x.Dir), To: accounts.Node(x.NewDir), Exchange: x.Flags&RenameExchange != 0}
	r.Left = !there.IsDir() && there.Nlink > 1
	last := !r.Exchange && !r.Left && there.IsRegion()
	if last {
		r.Held = m.users.beginEnd(there.Node) != nil
	}
	zeroes := last && m.zeroes(there.Node) // which goes by the directory that it is in
	e, x.err = m.accounts.Rename(r, func() (err error) {
		x.lost, err = m.Arena.Rename(*x.Rename)
		return err
	})
	x.whole = e == nil
	if r.Held && !x.whole {
		m.comes()
	}
	done := x.whole && x.err == nil
	if last && !r.Held {
		if done {
			m.users.lostName(there.Node)
		}
		m.users.endEnd(there.Node)
	}
	if done && x.lost.Node != NoNode {
		at := Place{x.NewDir, x.NewName}
		if zeroes {
			m.markZero(&x.lost, at)
		}
		m.lostName(&x.lost, at)
	}
	return e
}

// countWhiteout takes note of what a rename left behind: nothing, if both names were the same node's.
func (m *Manager) countWhiteout(r Rename) {
	if r.Flags&RenameWhiteout == 0 {
		return
	}
	a, err := m.Arena.Lookup(r.Dir, r.Name)
	if err == nil && a.Type() == TypeChar && a.Nlink == 1 {
		m.accounts.Came(accounts.Node(a.Node), accounts.Node(r.Dir), accounts.Other, seen(&a), owner(&a, &Record{}, ""))
	}
}
