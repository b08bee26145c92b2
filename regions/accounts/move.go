package accounts

// LockDirectories is taken over Move of a directory, up to its Keep or Undo.
func (b *Book) LockDirectories() { b.moving.Lock() }

// UnlockDirectories ends LockDirectories.
func (b *Book) UnlockDirectories() { b.moving.Unlock() }

// Move claims room for a node that is renamed from one directory to another. Until Keep or Undo it counts in both.
func (b *Book) Move(n, from, to Node, t Type) (*Claim, *Exceeded) {
	if t == Directory {
		return b.moveDirectory(n, to)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f, old, next := b.files[n], b.directory(from), b.directory(to)
	c := &Claim{book: b, keep: func() {}, undo: func() {}}
	if f == nil || old == next {
		return c, nil
	}
	if e := b.tooLarge(f, next); e != nil {
		return nil, e
	}
	if e := b.apart(old, next); e != nil {
		return nil, e
	}
	if e := b.addHome(f, next, false); e != nil {
		return nil, e
	}
	c.keep = func() { b.dropHome(f, old) }
	c.undo = func() { b.dropHome(f, next) }
	return c, nil
}

func (b *Book) moveDirectory(n, to Node) (*Claim, *Exceeded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, next := b.dirs[n], b.directory(to)
	c := &Claim{book: b, keep: func() {}, undo: func() {}}
	if a == nil || a.parent == next || a.parent == nil || next.below(a) {
		return c, nil
	}
	e := b.holdsTooLarge(a, next)
	if e == nil {
		e = b.apartInReserve(a.parent, next)
	}
	if e == nil && a.settings.Overcommit == OvercommitInherit {
		e = b.apartInHoles(a.parent, next)
	}
	if e == nil && b.reservesBelow(a) {
		e = &Exceeded{Kind: a.kind, ID: a.id, What: Apart}
	}
	if e == nil {
		e = b.reparent(a, func() { a.also = next }, func() { a.also = nil }, false)
	}
	if e != nil {
		return nil, e
	}
	c.undo = func() { b.reparent(a, func() { a.also = nil }, nil, true) }
	c.keep = func() { b.reparent(a, func() { a.parent, a.also = next, nil }, nil, true) }
	return c, nil
}

// holdsTooLarge asks whether one of the regions in a directory is larger than one may be elsewhere.
func (b *Book) holdsTooLarge(a, next *account) *Exceeded {
	limited := false
	for p := next; p != nil; p = p.parent {
		limited = limited || p.settings.Largest > 0
	}
	if !limited {
		return nil
	}
	for _, f := range b.files {
		if !f.home.below(a) {
			continue
		}
		if e := b.tooLarge(f, next); e != nil {
			return e
		}
	}
	return nil
}

// apart asks whether two directories count so differently that nothing can go from one to the other.
func (b *Book) apart(from, to *account) *Exceeded {
	if e := b.apartInReserve(from, to); e != nil {
		return e
	}
	return b.apartInHoles(from, to)
}

// apartInHoles asks whether holes count in one of two directories only. What is full of holes would be promised memory
// that is not there.
func (b *Book) apartInHoles(from, to *account) *Exceeded {
	if b.overcommitted(from) == b.overcommitted(to) {
		return nil
	}
	return &Exceeded{Kind: to.kind, ID: to.id, What: Holes}
}

// apartInReserve asks whether one of two directories counts in a reservation and the other does not. What goes from one
// to the other would leave a reservation unfilled that others may have no room for any more.
func (b *Book) apartInReserve(from, to *account) *Exceeded {
	if b.reserves == 0 {
		return nil
	}
	for _, way := range [2][2]*account{{from, to}, {to, from}} {
		for a := way[0]; a != nil; a = a.parent {
			if a.settings.Reserve > 0 && !way[1].below(a) {
				return &Exceeded{Kind: a.kind, ID: a.id, What: Apart}
			}
		}
	}
	return nil
}

// reservesBelow reports whether a directory, or one below it, has a reservation.
func (b *Book) reservesBelow(a *account) bool {
	if b.reserves == 0 {
		return false
	}
	for _, d := range b.dirs {
		if d.settings.Reserve > 0 && d.below(a) {
			return true
		}
	}
	return false
}

// below reports whether a is d or below it.
func (a *account) below(d *account) bool {
	for ; a != nil; a = a.parent {
		if a == d {
			return true
		}
	}
	return false
}

// reparent changes where a directory stands, and what its regions count in. Those of several names may count above it
// by another one, and are asked one by one.
func (b *Book) reparent(a *account, change, back func(), force bool) *Exceeded {
	type one struct {
		file   *file
		before set
	}
	rest := a.used
	rest.add(Amount{Directories: 1, Nodes: 1}) // itself
	var several []*one
	for f := range b.several {
		x := &one{file: f}
		x.before.begin()
		x.before.of(f)
		if x.before.has(a) {
			rest.add(f.amount().minus())
			several = append(several, x)
		}
	}
	var before, after set
	before.begin()
	before.above(a)
	change()
	after.begin()
	after.above(a)
	var c changes
	c.begin()
	for _, x := range after.list {
		if !before.has(x) {
			c.add(x, rest)
		}
	}
	for _, x := range before.list {
		if !after.has(x) {
			c.add(x, rest.minus())
		}
	}
	for _, x := range several {
		c.difference(&x.before, x.file)
	}
	e := b.apply(&c, force)
	if e != nil && back != nil {
		back()
	}
	return e
}
