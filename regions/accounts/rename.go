package accounts

// Renaming is a rename of which the result is asked for as a whole.
type Renaming struct {
	Node, Other     Node // what is renamed, and what stands at the new name
	Type, OtherType Type
	From, To        Node // directories
	Exchange        bool // Other gets the old name; else it loses the new one
	Left            bool // Other has further names
	Held            bool // Other is a region, and somebody has it
}

// Rename asks for the result of a rename, and if there is room for that, does it by do and takes note of it. What is
// replaced makes room for what comes, but for the memory of a region that somebody has: that counts on where it was. Of two
// that are exchanged for each other each takes the other's room.
//
// Nobody else is answered until it is done: so none of that room is given away, or seen to be missing, in between. do must
// not ask the book.
func (b *Book) Rename(r Renaming, do func() error) (*Exceeded, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := renaming{Renaming: r}
	if e := b.plan(&x); e != nil {
		return e, nil
	}
	all := b.rearrange(x.files(), x.dirs())
	x.move(b)
	c := all.changes()
	if x.dir != nil {
		c.addAbove(x.dir.parent, x.dir.itself().minus())
	}
	if e := b.attempt(c, &x); e != nil {
		return e, nil
	}
	b.lift(c, 1) // if the process ends here, what is written down is enough for both
	if err := do(); err != nil {
		b.undo(c)
		b.lift(c, -1)
		x.back()
		return nil, err
	}
	b.lift(c, -1)
	x.lost(b)
	b.notedAll(c)
	return nil, nil
}

// attempt does changes, if there is room for them. They are not written down.
func (b *Book) attempt(c *changes, x *renaming) *Exceeded {
	b.prepare(c)
	b.unwriting = true
	defer func() { b.unwriting = false }()
	x.unreserve()
	for i := range c.list {
		b.change(c.list[i].account, c.list[i].by)
	}
	e := b.checkAll(c)
	if e != nil {
		b.undo(c)
		x.back()
	}
	return e
}

// lift adds what changes take away, so that what is held is the most of before and after; -1 takes it away again.
func (b *Book) lift(c *changes, by int64) {
	for i := range c.list {
		x := &c.list[i].by
		b.change(c.list[i].account, Amount{Bytes: by * max(-x.Bytes, 0), Copies: by * max(-x.Copies, 0),
			Regions: by * max(-x.Regions, 0), Nodes: by * max(-x.Nodes, 0)})
	}
}

// renaming is what a Renaming moves and takes away.
type renaming struct {
	Renaming
	moves   []movement
	file    *file    // that is replaced, nil for none
	dir     *account // the same
	above   *account // where it is replaced
	reserve int64    // of dir
	undo    []func()
}

// plan finds what moves, and asks for all but room.
func (b *Book) plan(x *renaming) *Exceeded {
	if m, ok := b.movement(x.Node, x.From, x.To, x.Type); ok {
		x.moves = append(x.moves, m)
	}
	if m, ok := b.movement(x.Other, x.To, x.From, x.OtherType); ok && x.Exchange {
		x.moves = append(x.moves, m)
	}
	for i := range x.moves {
		if e := b.mayMove(&x.moves[i]); e != nil {
			return e
		}
	}
	x.above = b.directory(x.To)
	switch {
	case x.Exchange:
	case x.OtherType == Directory:
		x.dir = b.dirs[x.Other]
	default:
		x.file = b.files[x.Other]
	}
	return nil
}

func (x *renaming) files() (all []*file) {
	if x.file != nil {
		all = append(all, x.file)
	}
	for _, m := range x.moves {
		if m.file != nil {
			all = append(all, m.file)
		}
	}
	return all
}

func (x *renaming) dirs() (all []*account) {
	for _, m := range x.moves {
		if m.dir != nil {
			all = append(all, m.dir)
		}
	}
	return all
}

// move makes it so, but for what unreserve and lost do.
func (x *renaming) move(b *Book) {
	for _, m := range x.moves {
		if m.dir != nil {
			m.dir.parent = m.to
			x.undo = append(x.undo, func() { m.dir.parent = m.from })
			continue
		}
		was := *m.file
		m.file.rehome(m.from, m.to)
		x.undo = append(x.undo, func() { *m.file = was })
	}
	if x.file == nil {
		return
	}
	f, was := x.file, *x.file
	x.undo = append(x.undo, func() { *f = was })
	switch {
	case x.Left:
		f.drop(x.above)
	case f.region:
		b.loseName(f, x.Held)
	default:
		f.leaveAll()
	}
}

// unreserve gives back what a directory had reserved that is replaced.
func (x *renaming) unreserve() {
	if a := x.dir; a != nil {
		x.reserve = a.settings.Reserve
		a.reserveAnew(0)
		x.undo = append(x.undo, func() { a.reserveAnew(x.reserve) })
	}
}

// back undoes move and unreserve.
func (x *renaming) back() {
	for _, undo := range x.undo {
		undo()
	}
}

// lost takes note of what was replaced.
func (x *renaming) lost(b *Book) {
	if x.dir != nil {
		b.lostDirectory(x.Other, x.dir, x.reserve > 0)
	}
	switch f := x.file; {
	case f == nil:
	case x.Left:
		if len(f.rare().more) == 0 {
			delete(b.several, f)
		}
	case f.region:
		b.lostName(x.Other, f)
	default:
		b.lostFile(x.Other, f)
	}
}

// rehome puts a name of a file from one directory into another.
func (f *file) rehome(from, to *account) {
	if f.home == from {
		f.home = to
		return
	}
	more := f.rare().more
	if i := index(more, from); i >= 0 {
		f.setMore(append(append(more[:i:i], more[i+1:]...), to))
	}
}
