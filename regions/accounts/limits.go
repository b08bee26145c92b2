package accounts

// SetSettings sets what holds for a directory. A reservation for which there is no room is refused, and nothing is
// changed then, unless it is forced.
func (b *Book) SetSettings(n Node, s Settings, force bool) *Exceeded {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.dirs[n]
	if a == nil {
		return nil
	}
	old := a.settings
	if a == b.root {
		s.Bytes = old.Bytes // the size
	}
	if e := b.reserve(a, s.Reserve, force); e != nil {
		return e
	}
	reserve := a.settings.Reserve
	b.countOver(a, -1)
	a.settings = s
	b.countOver(a, 1)
	a.settings.Reserve = reserve
	b.written(a)
	b.noted(a)
	if s.Overcommit != old.Overcommit {
		b.promiseAnew()
	}
	return nil
}

func (b *Book) reserve(a *account, bytes int64, force bool) *Exceeded {
	old := a.settings.Reserve
	if bytes == old || a.parent == nil {
		return nil
	}
	for f := range b.several {
		if old == 0 && !force && f.straddles(a) {
			return &Exceeded{Kind: a.kind, ID: a.id, What: Apart}
		}
	}
	a.reserveAnew(bytes)
	for p := a.parent; p != nil && bytes > old && !force; p = p.parent {
		if l := p.settings.Bytes; l > 0 && p.committed() > l {
			e := &Exceeded{Kind: p.kind, ID: p.id, What: Bytes, Limit: l, Kept: p.slack, Asked: bytes - old}
			e.Used = p.committed()
			a.reserveAnew(old)
			e.Used, e.Kept = p.committed(), p.slack
			return e
		}
	}
	switch {
	case old == 0:
		b.reserves++
	case bytes == 0:
		b.reserves--
	}
	return nil
}

func (a *account) reserveAnew(bytes int64) {
	a.settings.Reserve = bytes
	a.refresh()
}

// straddles reports whether a file has names below a directory and others that are not.
func (f *file) straddles(a *account) bool {
	in := f.home.below(a)
	for _, home := range f.rare().more {
		if home.below(a) != in {
			return true
		}
	}
	return false
}

// promiseAnew counts every region as what now holds says.
func (b *Book) promiseAnew() {
	for _, f := range b.files {
		bytes := b.promise(f)
		if f.pending > 0 {
			bytes = max(bytes, f.promised) // it may reach that far
		}
		b.promiseTo(f, bytes, true)
	}
}

// Settings answers what was set for a directory.
func (b *Book) Settings(n Node) Settings {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.dirs[n]; a != nil {
		return a.settings
	}
	return Settings{}
}

// SetSize limits the bytes of the mount; 0 is no limit. Less than what is promised is refused.
func (b *Book) SetSize(bytes int64, force bool) *Exceeded {
	b.mu.Lock()
	defer b.mu.Unlock()
	if have := b.root.committed(); bytes > 0 && bytes < have && !force {
		e := &Exceeded{Kind: Mount, ID: b.root.id, What: Bytes, Limit: bytes, Used: have, Kept: b.root.slack}
		return e
	}
	b.root.settings.Bytes = bytes
	return nil
}

// SetHabits says how writes past the end and holes are met where no directory says anything.
func (b *Book) SetHabits(w Writes, overcommit bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes = w
	if b.over != overcommit {
		b.over = overcommit
		b.promiseAnew()
	}
}

// WritesAt answers how writes past the end of a region are met, or of those in a directory. A limit or a reservation of
// their own makes them strict where nothing else is said.
func (b *Book) WritesAt(n Node) Writes {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[n]
	if f == nil {
		return b.writesIn(b.dirs[n])
	}
	for _, a := range f.owners {
		for ; a != nil; a = a.parent {
			if a.settings.Bytes > 0 || a.settings.Largest > 0 {
				return WritesStrict
			}
		}
	}
	writes := b.writesIn(f.home)
	for _, a := range f.rare().more {
		writes = careful(writes, b.writesIn(a))
	}
	return writes
}

// careful answers which of two ways counts a region of several names in time.
func careful(x, y Writes) Writes {
	switch {
	case x == WritesStrict || y == WritesStrict:
		return WritesStrict
	case x == WritesAuto || y == WritesAuto:
		return WritesAuto
	}
	return WritesFast
}

func (b *Book) writesIn(a *account) Writes {
	for ; a != nil; a = a.parent {
		s := &a.settings
		switch {
		case s.Writes != WritesInherit:
			return s.Writes
		case s.Overcommit == OvercommitOn:
			return WritesFast
		case a != b.root && (s.Bytes > 0 || s.Reserve > 0) || s.Largest > 0:
			return WritesStrict
		}
	}
	return b.writes
}

// Room is what a directory may hold in all, and what it holds.
type Room struct {
	Bytes, BytesUsed int64
	Nodes, NodesUsed int64
	// HasBytes and HasNodes say that there is a limit; Own that one of them is not the mount's.
	HasBytes, HasNodes, Own bool
}

// RoomAt answers the room at a node: at its directory if it is none. What is reserved for it and not used is room there,
// though it counts as used above.
func (b *Book) RoomAt(n Node) Room {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.dirs[n]
	if f := b.files[n]; f != nil {
		at = f.home
	}
	if at == nil {
		at = b.root
	}
	var r Room
	left, nodes := int64(-1), int64(-1)
	var ours int64 // reserved on the way up, and not used
	for a := at; a != nil; a = a.parent {
		if l := a.settings.Bytes; l > 0 {
			here := max(l-a.committed(), 0) + ours
			if left < 0 {
				r.BytesUsed = a.committed() - ours
				left = here
				r.Own = r.Own || a != b.root
			}
			left = min(left, here)
		}
		ours += max(a.settings.Reserve-a.committed(), 0)
		if l := a.settings.Nodes; l > 0 {
			here := max(l-a.used.Nodes, 0)
			if nodes < 0 {
				r.NodesUsed = a.used.Nodes
				nodes = here
				r.Own = r.Own || a != b.root
			}
			nodes = min(nodes, here)
		}
	}
	if left >= 0 {
		r.HasBytes, r.Bytes = true, r.BytesUsed+left
	}
	if nodes >= 0 {
		r.HasNodes, r.Nodes = true, r.NodesUsed+nodes
	}
	return r
}

// Overcommits reports whether holes count nothing in a directory.
func (b *Book) Overcommits(n Node) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.overcommitted(b.directory(n))
}

// Home answers the directory of a name of a node that is none, the root's node if there is no such node.
func (b *Book) Home(n Node) Node {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.files[n]; f != nil && f.home != nil {
		return Node(f.home.id)
	}
	return Node(b.root.id)
}

// MoreHomes answers the directories of the further names of a node; nil for none.
func (b *Book) MoreHomes(n Node) (all []Node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.files[n]; f != nil {
		for _, a := range f.rare().more {
			all = append(all, Node(a.id))
		}
	}
	return all
}

// PagesAt answers when what is allocated for a region gets its memory: at once also where nothing else would keep the
// promise, because holes count nothing or the mount has no size.
func (b *Book) PagesAt(n Node) Pages {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[n]
	if f == nil || b.root.settings.Bytes == 0 || b.overcommitted(f.home) {
		return PagesNow
	}
	for a := f.home; a != nil; a = a.parent {
		if p := a.settings.Pages; p != PagesInherit {
			return p
		}
	}
	return PagesLater
}

// Parent answers the directory that a directory is in; the root's is the root.
func (b *Book) Parent(n Node) Node {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.dirs[n]; a != nil && a.parent != nil {
		return Node(a.parent.id)
	}
	return Node(b.root.id)
}
