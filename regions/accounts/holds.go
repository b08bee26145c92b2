package accounts

// Holds answers what a node counts in an account: nothing if it is none of its.
func (b *Book) Holds(n Node, k Kind, id uint64) Amount {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[n]
	if f == nil {
		return Amount{}
	}
	var s set
	s.begin()
	s.of(f)
	for _, a := range s.list {
		if a.kind == k && a.id == id {
			return f.amount()
		}
	}
	return Amount{}
}

// Of answers how much of what is limited an amount is.
func (a Amount) Of(w What) int64 {
	switch w {
	case Bytes:
		return a.Bytes
	case Regions:
		return a.Regions
	case Nodes:
		return a.Nodes
	}
	return 0
}

// Short answers by how much an account would exceed a limit with more of something; 0 or less if it would not.
func (b *Book) Short(k Kind, id uint64, w What, more int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.root
	switch k {
	case Mount:
	case OfDirectory:
		a = b.dirs[Node(id)]
	default:
		a = b.subjects[k][id]
	}
	if a == nil {
		return 0
	}
	l := &a.settings.Limits
	limit, used := l.Bytes, a.committed()
	switch w {
	case Regions:
		limit, used = l.Regions, a.used.Regions
	case Nodes:
		limit, used = l.Nodes, a.used.Nodes
	}
	if limit == 0 {
		return 0
	}
	return used + more - limit
}
