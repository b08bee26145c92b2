package accounts

import "slices"

// LockDirectories is taken over Move of a directory, up to its Keep or Undo.
func (b *Book) LockDirectories() { b.moving.Lock() }

// UnlockDirectories ends LockDirectories.
func (b *Book) UnlockDirectories() { b.moving.Unlock() }

// Move claims room for a node that is renamed from one directory to another. Until Keep or Undo it counts in both.
func (b *Book) Move(n, from, to Node, t Type) (*Claim, *Exceeded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := &Claim{book: b, keep: func() {}, undo: func() {}}
	m, ok := b.movement(n, from, to, t)
	if !ok {
		return c, nil
	}
	if e := b.mayMove(&m); e != nil {
		return nil, e
	}
	if a := m.dir; a != nil {
		if e := b.reparent(a, func() { a.also = m.to }, func() { a.also = nil }, false); e != nil {
			return nil, e
		}
		c.undo = func() { b.reparent(a, func() { a.also = nil }, nil, true) }
		c.keep = func() { b.reparent(a, func() { a.parent, a.also = m.to, nil }, nil, true) }
		return c, nil
	}
	if e := b.addHome(m.file, m.to, false); e != nil {
		return nil, e
	}
	c.keep = func() { b.dropHome(m.file, m.from) }
	c.undo = func() { b.dropHome(m.file, m.to) }
	return c, nil
}

// movement is a directory or a file that goes from one directory to another.
type movement struct {
	dir      *account // nil for a file
	file     *file
	from, to *account
}

// movement answers what moves, false where nothing is to be counted.
func (b *Book) movement(n, from, to Node, t Type) (m movement, ok bool) {
	m = movement{from: b.directory(from), to: b.directory(to)}
	if t != Directory {
		m.file = b.files[n]
		return m, m.file != nil && m.from != m.to
	}
	m.dir = b.dirs[n]
	if m.dir == nil || m.dir.parent == nil || m.to.below(m.dir) {
		return m, false
	}
	m.from = m.dir.parent
	return m, m.from != m.to
}

// mayMove asks for all but room.
func (b *Book) mayMove(m *movement) *Exceeded {
	if m.file != nil {
		if e := b.tooLarge(m.file, m.to); e != nil {
			return e
		}
		return b.apart(m.from, m.to)
	}
	if e := b.holdsTooLarge(m.dir, m.to); e != nil {
		return e
	}
	if e := b.apartInReserve(m.from, m.to); e != nil {
		return e
	}
	if m.dir.settings.Overcommit == OvercommitInherit {
		if e := b.apartInHoles(m.from, m.to); e != nil {
			return e
		}
	}
	if b.reservesBelow(m.dir) {
		return &Exceeded{Kind: m.dir.kind, ID: m.dir.id, What: Apart}
	}
	return nil
}

// holdsTooLarge asks whether one of the regions in a directory is larger than one may be elsewhere.
func (b *Book) holdsTooLarge(a, next *account) *Exceeded {
	limited := false
	for p := next; p != nil && !a.below(p); p = p.parent {
		limited = limited || p.settings.Largest > 0
	}
	if !limited {
		return nil
	}
	for _, f := range b.files {
		if !f.namedBelow(a) {
			continue
		}
		if e := b.tooLarge(f, next); e != nil {
			return e
		}
	}
	return nil
}

// namedBelow reports whether a file has a name in a directory, or in one below it.
func (f *file) namedBelow(a *account) bool {
	if f.home.below(a) {
		return true
	}
	for _, home := range f.rare().more {
		if home.below(a) {
			return true
		}
	}
	return false
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

// reparent changes where a directory stands, and what its regions count in.
func (b *Book) reparent(a *account, change, back func(), force bool) *Exceeded {
	x := b.rearrange(nil, []*account{a})
	change()
	e := b.apply(x.changes(), force)
	if e != nil && back != nil {
		back()
	}
	return e
}

// rearrangement is a change of where directories and files stand: what differs is charged at once.
type rearrangement struct {
	files []*placed
	dirs  []*carried
}

// placed is a file that counts in other accounts afterwards.
type placed struct {
	file   *file
	before set
	was    Amount
}

// carried is a directory that stands elsewhere afterwards, with what is in it: all but what has names in several
// directories, which may count above it by another one, and is asked for each.
type carried struct {
	dir    *account
	before set
	rest   Amount
}

// rearrange notes how files and directories count, before they are changed.
func (b *Book) rearrange(files []*file, dirs []*account) *rearrangement {
	x := &rearrangement{}
	for _, f := range files {
		x.place(f)
	}
	if len(dirs) == 0 {
		return x
	}
	for f := range b.several {
		if !slices.Contains(files, f) {
			x.place(f)
		}
	}
	for _, a := range dirs {
		c := &carried{dir: a, rest: a.used}
		c.rest.add(Amount{Directories: 1, Nodes: 1}) // itself
		for _, p := range x.files {
			if p.before.has(a) {
				c.rest.add(p.was.minus())
			}
		}
		c.before.begin()
		c.before.above(a)
		x.dirs = append(x.dirs, c)
	}
	return x
}

func (x *rearrangement) place(f *file) {
	p := &placed{file: f, was: f.amount()}
	p.before.begin()
	p.before.of(f)
	x.files = append(x.files, p)
}

// changes answers what differs now.
func (x *rearrangement) changes() *changes {
	c := &changes{}
	c.begin()
	for _, d := range x.dirs {
		var after set
		after.begin()
		after.above(d.dir)
		for _, a := range after.list {
			if !d.before.has(a) {
				c.add(a, d.rest)
			}
		}
		for _, a := range d.before.list {
			if !after.has(a) {
				c.add(a, d.rest.minus())
			}
		}
	}
	for _, p := range x.files {
		c.step(&p.before, p.was, p.file)
	}
	return c
}
