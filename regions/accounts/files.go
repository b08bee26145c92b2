package accounts

import "slices"

// New is a node that is to be made.
type NewNode struct {
	Type  Type
	Owner Owner
	Bytes int64 // that it takes from the beginning
	Named bool
}

// Claim is room for something that is yet to be done. Keep or Undo must follow. nil is for nothing.
type Claim struct {
	book *Book
	keep func()
	undo func()
	node *file    // of Make
	dir  *account // of Make, of a directory
}

// Undo gives the room back, because it was not done.
func (c *Claim) Undo() {
	if c == nil {
		return
	}
	c.book.mu.Lock()
	defer c.book.mu.Unlock()
	c.undo()
}

// Keep takes note that it was done.
func (c *Claim) Keep() {
	if c == nil {
		return
	}
	c.book.mu.Lock()
	defer c.book.mu.Unlock()
	c.keep()
}

// Make claims room for a new node in a directory. What was made is told with Made, in the place of Keep.
func (b *Book) Make(dir Node, n NewNode) (*Claim, *Exceeded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	parent := b.directory(dir)
	c := &Claim{book: b}
	if n.Type == Directory {
		c.dir = &account{kind: OfDirectory, parent: parent}
		return c, b.claimDirectory(c, parent, false)
	}
	f := &file{home: parent, region: n.Type == Region, nameless: !n.Named, promised: n.Bytes, resident: n.Bytes,
		owners: b.owners(n.Owner, &nobody)}
	c.node = f
	if e := b.charge(f, f.amount(), false); e != nil {
		return nil, e
	}
	c.undo = func() { b.charge(f, f.amount().minus(), true) }
	return c, nil
}

func (b *Book) claimDirectory(c *Claim, parent *account, force bool) *Exceeded {
	var x changes
	x.begin()
	x.addAbove(parent, Amount{Directories: 1, Nodes: 1})
	c.undo = func() {
		var back changes
		back.begin()
		back.addAbove(parent, Amount{Directories: -1, Nodes: -1})
		b.apply(&back, true)
	}
	return b.apply(&x, force)
}

func (c *changes) addAbove(a *account, by Amount) {
	var s set
	s.begin()
	s.above(a)
	for _, x := range s.list {
		c.add(x, by)
	}
}

func (b *Book) charge(f *file, by Amount, force bool) *Exceeded {
	c := &b.scratch.changes
	c.begin()
	c.charge(b.counts(f), by)
	return b.apply(c, force)
}

// Made takes note of what was made under a claim of Make, and of whose it became.
func (c *Claim) Made(n Node, s Seen, o Owner) {
	b := c.book
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.dir != nil {
		b.madeDirectory(c, n)
		return
	}
	f := c.node
	if found := b.files[n]; found != nil {
		var x changes
		x.begin()
		x.charge(b.counts(found), found.amount())
		b.uncount(&x)
	}
	b.files[n] = f
	if f.nameless {
		b.nameless[n] = f
	}
	next := b.heirs(f, o)
	b.become(f, true, func() { f.owners, f.twice = next, b.held[n] > 0 })
	b.update(n, f, s)
}

// Came takes note of a node that was made without a claim.
func (b *Book) Came(n, dir Node, t Type, s Seen, o Owner) {
	b.mu.Lock()
	f := &file{home: b.directory(dir), region: t == Region, owners: b.owners(o, &nobody)}
	b.charge(f, f.amount(), true)
	b.mu.Unlock()
	(&Claim{book: b, node: f}).Made(n, s, o)
}

// madeDirectory takes note of a directory. A walk may have found it before who made it tells of it, and what is in it, too.
func (b *Book) madeDirectory(c *Claim, n Node) {
	if b.dirs[n] == nil {
		c.dir.id = uint64(n)
		b.dirs[n] = c.dir
		return
	}
	var x changes
	x.begin()
	x.addAbove(c.dir.parent, Amount{Directories: 1, Nodes: 1})
	b.uncount(&x)
}

// addHome adds a name in a directory.
func (b *Book) addHome(f *file, dir *account, force bool) *Exceeded {
	more := f.rare().more
	if e := b.become(f, force, func() { f.setMore(append(more[:len(more):len(more)], dir)) }); e != nil {
		f.setMore(more)
		return e
	}
	b.several[f] = struct{}{}
	return nil
}

// dropHome takes a name in a directory away, which is not the last one.
func (b *Book) dropHome(f *file, dir *account) {
	if len(f.rare().more) == 0 {
		return
	}
	b.become(f, true, func() { f.drop(dir) })
	if len(f.rare().more) == 0 {
		delete(b.several, f)
	}
}

// drop takes a name in a directory out of those that a file has.
func (f *file) drop(dir *account) {
	more := f.rare().more
	switch i := index(more, dir); {
	case f.home == dir:
		f.home, more = more[0], more[1:]
	case i >= 0:
		more = append(more[:i:i], more[i+1:]...)
	}
	if len(more) == 0 {
		more = nil
	}
	f.setMore(more)
}

func index(list []*account, a *account) int {
	for i, x := range list {
		if x == a {
			return i
		}
	}
	return -1
}

// Link claims room for one more name of a node in a directory. A node that is not known needs none.
func (b *Book) Link(n, dir Node) (*Claim, *Exceeded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, to := b.files[n], b.directory(dir)
	c := &Claim{book: b, keep: func() {}, undo: func() {}}
	if f == nil {
		return c, nil
	}
	if e := b.tooLarge(f, to); e != nil {
		return nil, e
	}
	for _, home := range append(slices.Clone(f.rare().more), f.home) {
		if e := b.apart(home, to); e != nil {
			return nil, e
		}
	}
	if f.nameless {
		return b.linkFirst(n, f, to)
	}
	if e := b.addHome(f, to, false); e != nil {
		return nil, e
	}
	c.undo = func() { b.dropHome(f, to) }
	return c, nil
}

// linkFirst claims room for the first name of a region that has none: it counts as one more above that name, and for its
// owners.
func (b *Book) linkFirst(n Node, f *file, to *account) (*Claim, *Exceeded) {
	var named, before set
	named.begin()
	named.above(to)
	for _, a := range f.owners {
		named.above(a)
	}
	before.begin()
	before.of(f)
	f.setMore([]*account{to})
	var x changes
	x.begin()
	x.step(&before, f.amount(), f)
	x.charge(named.list, Amount{Regions: 1})
	if e := b.apply(&x, false); e != nil {
		f.setMore(nil)
		return nil, e
	}
	end := func(change func()) {
		var with set
		with.begin()
		with.of(f)
		was := f.amount()
		if b.nameless[n] == f { // it is still there
			change()
		}
		var x changes
		x.begin()
		x.step(&with, was, f)
		x.charge(named.list, Amount{Regions: -1})
		b.apply(&x, true)
	}
	return &Claim{book: b, undo: func() { end(func() { f.setMore(nil) }) }, keep: func() { end(func() { b.name(n, f, to) }) }}, nil
}

// name takes note of the first name of a region that had none.
func (b *Book) name(n Node, f *file, dir *account) {
	if f.dying {
		b.dying--
	}
	delete(b.nameless, n)
	f.nameless, f.dying = false, false
	f.home = dir
	f.setMore(nil)
}

// Unlinked takes note that a name in a directory is gone. Left says whether there are others, held whether somebody
// has the node all the same.
func (b *Book) Unlinked(n, dir Node, left, held bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[n]
	switch {
	case f == nil:
	case left:
		b.dropHome(f, b.directory(dir))
	case f.region:
		b.unname(n, f, held)
	default:
		b.free(n, f)
	}
}

// unname takes the last name of a region away. Held says whether somebody has it all the same.
func (b *Book) unname(n Node, f *file, held bool) {
	if f.nameless && (held || f.dying) {
		return
	}
	b.become(f, true, func() { b.loseName(f, held) })
	b.lostName(n, f)
}

// loseName makes a region one without a name. If nobody holds it, it counts for the mount only: it is about to go.
func (b *Book) loseName(f *file, held bool) {
	f.nameless = true
	f.setMore(nil)
	if !held {
		f.owners = &nobody
		f.setHeirs(nil)
		f.home = b.resting(f.home)
		f.dying = true
	}
}

// lostName takes note of what loseName made of a region.
func (b *Book) lostName(n Node, f *file) {
	delete(b.several, f)
	b.nameless[n] = f
	if f.dying {
		b.dying++
		b.deaths++
	}
}

// resting answers where a region counts from which nobody has any more, until its memory is there: the mount. Not where it
// uses a reservation, which would count as unused before that, or where holes count nothing: there it is the highest
// directory that counts in the same way.
func (b *Book) resting(home *account) *account {
	if b.apart(home, b.root) == nil {
		return b.root
	}
	at := home
	for a := home.parent; a != nil; a = a.parent {
		if b.apart(home, a) == nil {
			at = a
		}
	}
	return at
}

// Freed takes note that the memory of a region without a name is given back.
func (b *Book) Freed(n Node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.nameless[n]; f != nil {
		b.free(n, f)
	}
}

func (b *Book) free(n Node, f *file) {
	b.become(f, true, f.leaveAll)
	b.lostFile(n, f)
}

// lostFile takes note that there is a file no more.
func (b *Book) lostFile(n Node, f *file) {
	if f.dying {
		b.dying--
	}
	delete(b.files, n)
	delete(b.nameless, n)
	delete(b.several, f)
	delete(b.held, n)
	b.setUnasked(n, 0)
	b.ended(n)
}

// leaveAll takes a file out of all accounts.
func (f *file) leaveAll() {
	f.home, f.owners = nil, &nobody
	f.setMore(nil)
	f.setHeirs(nil)
}

// ended sees to it that a walk that met a node before its end does not bring it back.
func (b *Book) ended(n Node) {
	if b.adopting {
		b.gone[n] = struct{}{}
	}
}

// DirectoryRemoved takes note that a directory is gone. Regions without a name that were in it go on counting above it.
func (b *Book) DirectoryRemoved(n Node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.dirs[n]
	if a == nil || a == b.root {
		return
	}
	reserved := a.settings.Reserve > 0
	a.reserveAnew(0)
	var c changes
	c.begin()
	c.addAbove(a.parent, a.itself().minus())
	b.apply(&c, true)
	b.lostDirectory(n, a, reserved)
}

// itself is what a directory counts above it, beside what is in it.
func (a *account) itself() Amount { return Amount{Bytes: a.xattrs, Directories: 1, Nodes: 1} }

// lostDirectory takes note that there is a directory no more.
func (b *Book) lostDirectory(n Node, a *account, reserved bool) {
	delete(b.dirs, n)
	b.ended(n)
	if reserved {
		b.reserves--
	}
	b.countOver(a, -1)
	b.unwritten(a)
}

// IsNameless reports whether a node is a region without a name.
func (b *Book) IsNameless(n Node) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.nameless[n] != nil
}

// Unnamed answers how many regions have no name.
func (b *Book) Unnamed() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(len(b.nameless))
}

// NamelessBelow answers the regions without a name that were made in a directory, or had their last name there, or below it.
func (b *Book) NamelessBelow(dir Node) (all []Node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.directory(dir)
	for n, f := range b.nameless {
		if f.home.below(a) {
			all = append(all, n)
		}
	}
	return all
}

// Dying answers how many regions have no name and nobody who holds them.
func (b *Book) Dying() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dying
}

// Deaths counts the regions that became so.
func (b *Book) Deaths() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.deaths
}

// Chown claims a node for another owner; Process 0 leaves that as it is. Until Keep or Undo it counts for both.
func (b *Book) Chown(n Node, o Owner) (*Claim, *Exceeded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[n]
	c := &Claim{book: b, keep: func() {}, undo: func() {}}
	if f == nil || f.dying {
		return c, nil
	}
	next := b.heirs(f, o)
	if *next == *f.owners {
		return c, nil
	}
	if e := b.largerThanAllowed(f, next); e != nil {
		return nil, e
	}
	if e := b.become(f, false, func() { f.setHeirs(next) }); e != nil {
		f.setHeirs(nil)
		return nil, e
	}
	end := func(these *owners) {
		if f.rare().heirs == next { // it is still there
			b.become(f, true, func() {
				f.owners = these
				f.setHeirs(nil)
			})
		}
	}
	c.keep = func() { end(next) }
	c.undo = func() { end(f.owners) }
	return c, nil
}

// heirs answers the accounts of a file's owners as they shall be; what o does not tell is as it was.
func (b *Book) heirs(f *file, o Owner) *owners { return b.owners(o, f.owners) }

// largerThanAllowed asks whether a region is larger than one may be for owners that are to come.
func (b *Book) largerThanAllowed(f *file, next *owners) *Exceeded {
	for _, a := range next {
		if e := b.tooLarge(f, a); e != nil {
			return e
		}
	}
	return nil
}
