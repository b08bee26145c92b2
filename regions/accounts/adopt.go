package accounts

import "sync/atomic"

// A book may begin with what was there before it. Until all of that is found, by a walk, an account has two sums: what
// it is thought to hold, which the book before wrote down, and what was found of it. What is asked for changes both,
// what is found changes the second only, and when everything is found the second holds.

// Expect says that what was there before is going to be found.
func (b *Book) Expect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.adopting {
		b.adopting = true
		b.gone = map[Node]struct{}{}
		b.partial = map[*file]struct{}{}
	}
}

// Inherit gives the book a memory to write its sums down in, where the book before may have done so. Writers are
// numbered: sums are relied on only if the one before this one wrote them. It answers whether that is so, or there is
// nothing to rely on, and which directories had reservations: they must be found before anything is asked for.
func (b *Book) Inherit(mem []atomic.Uint64, writer uint64) (reserved []Node, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ok = !b.adopting || mem[sumsWriter].Load() == writer
	b.writer = writer
	b.sums = openSums(mem, b.adopting && ok)
	b.writeAll()
	if ok {
		b.sums.written(writer)
	}
	for key, r := range b.sums.left {
		if key.kind == OfDirectory && r[sumReserve].Load() > 0 {
			reserved = append(reserved, Node(key.id))
		}
	}
	return reserved, ok
}

func (b *Book) writeAll() { b.each(func(a *account) { b.written(a) }) }

func (b *Book) each(do func(*account)) {
	for _, a := range b.dirs {
		do(a)
	}
	for k := range b.subjects {
		for _, a := range b.subjects[k] {
			do(a)
		}
	}
}

// Adopted says that everything is found.
func (b *Book) Adopted() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.adopting {
		return
	}
	b.adopting = false
	for f := range b.partial {
		f.partial = false
	}
	b.gone, b.partial = nil, nil
	b.each(func(a *account) {
		a.taken(a.found)
		a.taken(a.used.minus())
		a.used, a.found, a.slack, a.own, a.blank = a.found, Amount{}, 0, 0, false
	})
	if b.reserves > 0 {
		b.each((*account).refresh)
	}
	b.each(b.noted)
	if b.sums == nil {
		return
	}
	for _, r := range b.sums.left {
		b.sums.leave(r)
	}
	clear(b.sums.left)
	b.writeAll()
	b.sums.written(b.writer)
}

// FoundDirectory takes note of a directory that was there before the book, of what is set for it, and how many bytes its
// extended attributes have.
func (b *Book) FoundDirectory(n, dir Node, s Settings, xattrs int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, gone := b.gone[n]; gone || !b.adopting || b.dirs[n] != nil {
		return
	}
	a := &account{kind: OfDirectory, id: uint64(n), parent: b.directory(dir), settings: s, xattrs: xattrs}
	b.dirs[n] = a
	a.blank = !b.written(a) && a.limited()
	b.countOver(a, 1)
	if s.Reserve > 0 {
		b.reserves++
		a.refresh()
	}
	var x changes
	x.begin()
	x.addAbove(a.parent, Amount{Directories: 1, Nodes: 1})
	x.addAbove(a, Amount{Bytes: xattrs})
	b.count(&x)
}

// Found takes note of a region, or another node that is no directory, that was there before the book: of one of its
// names, as many as there are links. Who has several is not known until all are found. It answers whether the node is
// known now.
func (b *Book) Found(n, dir Node, t Type, s Seen, o Owner, links uint32) (known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[n]
	if _, gone := b.gone[n]; gone || !b.adopting {
		return f != nil
	}
	switch {
	case f == nil:
		f = b.enter(n, &file{home: b.directory(dir), region: t == Region, owners: b.owners(o, &nobody)}, s)
		if links > 1 {
			f.partial = true
			b.partial[f] = struct{}{}
		}
	case f.partial:
		var before set
		before.begin()
		before.of(f)
		f.setMore(append(f.rare().more, b.directory(dir)))
		b.several[f] = struct{}{}
		var c changes
		c.begin()
		c.step(&before, f.amount(), f)
		b.count(&c)
	}
	return true
}

// FoundNameless takes note of a region without a name that a book before this one knew, and of where it was last; only for
// the mount where that is not known.
func (b *Book) FoundNameless(n, home Node, s Seen, o Owner) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, gone := b.gone[n]; gone || b.files[n] != nil {
		return
	}
	b.nameless[n] = b.enter(n, &file{home: b.directory(home), region: true, nameless: true, owners: b.owners(o, &nobody)}, s)
}

// enter takes in a file that is there.
func (b *Book) enter(n Node, f *file, s Seen) *file {
	f.size, f.resident = s.Size, s.Resident
	f.setRare(rare{beyond: s.Beyond, xattrs: s.Xattrs})
	if s.Resident > roundUp(s.Size, b.unit) {
		f.setBeyond(max(s.Beyond, s.Resident)) // whoever allocated it
	}
	f.twice = b.held[n] > 0
	f.promised = b.countable(f, b.promise(f))
	b.files[n] = f
	b.setUnasked(n, min(s.Unasked, f.promised))
	var c changes
	c.begin()
	c.charge(b.counts(f), f.amount())
	b.count(&c)
	return f
}

// count does changes that only tell of what was there: as long as that is being found, the sums have it.
func (b *Book) count(c *changes) {
	if !b.adopting {
		b.apply(c, true)
		for i := range c.list {
			c.list[i].account.taken(c.list[i].by)
		}
		return
	}
	for i := range c.list {
		c.list[i].account.found.add(c.list[i].by)
	}
}

// uncount takes back what was found of something that is also told of by who made it.
func (b *Book) uncount(c *changes) {
	for i := range c.list {
		c.list[i].by = c.list[i].by.minus()
	}
	b.count(c)
}

// Known answers whether a node is in the book, and whether with all of its names.
func (b *Book) Known(n Node) (known, whole bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.files[n]; f != nil {
		return true, !f.partial
	}
	known = b.dirs[n] != nil
	return known, known
}
