package accounts

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
		owners: b.owners(n.Owner, owners{})}
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
	if b.held[n] > 0 {
		b.charge(f, f.amount().minus(), true)
		f.twice = true
		b.charge(f, f.amount(), true)
	}
	next := b.heirs(f, o)
	b.reown(f, func() { f.owners = next }, true)
	b.update(n, f, s)
}

// Came takes note of a node that was made without a claim.
func (b *Book) Came(n, dir Node, t Type, s Seen, o Owner) {
	b.mu.Lock()
	f := &file{home: b.directory(dir), region: t == Region, owners: b.owners(o, owners{})}
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
	var before set
	before.begin()
	before.of(f)
	f.more = append(f.more, dir)
	var c changes
	c.begin()
	c.difference(&before, f)
	if e := b.apply(&c, force); e != nil {
		f.more = f.more[:len(f.more)-1]
		return e
	}
	b.several[f] = struct{}{}
	return nil
}

// dropHome takes a name in a directory away, which is not the last one.
func (b *Book) dropHome(f *file, dir *account) {
	if len(f.more) == 0 {
		return
	}
	var before set
	before.begin()
	before.of(f)
	switch i := index(f.more, dir); {
	case f.home == dir:
		f.home, f.more = f.more[0], f.more[1:]
	case i >= 0:
		f.more = append(f.more[:i:i], f.more[i+1:]...)
	default:
		return
	}
	if len(f.more) == 0 {
		f.more = nil
		delete(b.several, f)
	}
	var c changes
	c.begin()
	c.difference(&before, f)
	b.apply(&c, true)
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
	for _, home := range append(f.more[:len(f.more):len(f.more)], f.home) {
		if e := b.apart(home, to); e != nil {
			return nil, e
		}
	}
	if e := b.addHome(f, to, false); e != nil {
		return nil, e
	}
	c.undo = func() { b.dropHome(f, to) }
	if f.nameless {
		c.keep = func() { b.name(n, f, to) }
	}
	return c, nil
}

// name takes note of the first name of a region that had none.
func (b *Book) name(n Node, f *file, dir *account) {
	b.charge(f, f.amount().minus(), true)
	f.nameless = false
	if f.dying {
		f.dying = false
		b.dying--
	}
	delete(b.nameless, n)
	f.home, f.more = dir, nil
	delete(b.several, f)
	b.charge(f, f.amount(), true)
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

func (b *Book) unname(n Node, f *file, held bool) {
	if f.nameless {
		return
	}
	b.charge(f, f.amount().minus(), true)
	f.nameless = true
	f.more = nil
	delete(b.several, f)
	b.nameless[n] = f
	b.charge(f, f.amount(), true)
	if !held {
		b.die(f)
	}
}

// die lets a region count for the mount only. Not where it uses a reservation, which would count as unused before the
// memory is there, or where holes count nothing: that goes on until it is freed.
func (b *Book) die(f *file) {
	if f.dying {
		return
	}
	b.charge(f, f.amount().minus(), true)
	f.owners, f.heirs = owners{}, nil
	if b.apart(f.home, b.root) == nil {
		f.home = b.root
	}
	f.dying = true
	b.dying++
	b.deaths++
	b.charge(f, f.amount(), true)
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
	b.charge(f, f.amount().minus(), true)
	f.heirs = nil
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
	delete(b.dirs, n)
	b.ended(n)
	b.countOver(a, -1)
	if a.settings.Reserve > 0 {
		b.reserves--
	}
	a.settings.Reserve = 0
	a.refresh()
	b.unwritten(a)
	var c changes
	c.begin()
	c.addAbove(a.parent, Amount{Bytes: -a.xattrs, Directories: -1, Nodes: -1})
	b.apply(&c, true)
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
	if next == f.owners {
		return c, nil
	}
	if e := b.reown(f, func() { f.heirs = &next }, false); e != nil {
		f.heirs = nil
		return nil, e
	}
	end := func(these owners) {
		if f.heirs == &next { // it is still there
			b.reown(f, func() { f.owners, f.heirs = these, nil }, true)
		}
	}
	c.keep = func() { end(next) }
	c.undo = func() { end(f.owners) }
	return c, nil
}

// heirs answers the accounts of a file's owners as they shall be; what o does not tell is as it was.
func (b *Book) heirs(f *file, o Owner) owners { return b.owners(o, f.owners) }

// reown changes to whom a file belongs.
func (b *Book) reown(f *file, change func(), force bool) *Exceeded {
	var before set
	before.begin()
	before.of(f)
	change()
	var c changes
	c.begin()
	c.difference(&before, f)
	return b.apply(&c, force)
}
