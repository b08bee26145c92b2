//go:build linux

package ledger

// Backing is a file that the kernel has registered for a node.
type Backing struct {
	Node uint64
	ID   int32
	// Closing says that a server was about to tell the kernel to let it go: tell again.
	Closing bool
	index   uint32
}

// EnterBacking enters what the kernel has just registered. It answers where, for LeaveBacking.
func (l *Ledger) EnterBacking(node uint64, id int32) (index uint32, err error) {
	i, ok := l.backings.take()
	if !ok {
		return 0, ErrFull
	}
	r := l.backing(uint64(i))
	*r.node(), *r.id() = node, id
	r.state().Store(backingHeld)
	l.head.backingID.Store(int64(id))
	return i, nil
}

// LeaveBacking takes a backing out; tell tells the kernel.
func (l *Ledger) LeaveBacking(index uint32, tell func()) {
	r := l.backing(uint64(index))
	r.state().Store(backingClosing)
	tell()
	r.state().Store(backingFree)
	l.backings.give(index)
}

// Index answers what LeaveBacking takes.
func (b Backing) Index() uint32 { return b.index }

// Backings calls fn for every backing. fn may not enter or leave any.
func (l *Ledger) Backings(fn func(Backing)) {
	for i := range l.head.backings.Load() {
		r := l.backing(i)
		if state := r.state().Load(); state != backingFree {
			fn(Backing{Node: *r.node(), ID: *r.id(), Closing: state != backingHeld, index: uint32(i)})
		}
	}
}

// NextBackingID is what the kernel may have given out to a server that was killed before it could enter it: ids count
// up (Linux fs/fuse/backing.c, idr_alloc_cyclic).
func (l *Ledger) NextBackingID() int32 {
	held := map[int32]bool{} // one may be entered, and not yet be the last
	l.Backings(func(b Backing) { held[b.ID] = true })
	next := int32(l.head.backingID.Load()) + 1
	for held[next] {
		next++
	}
	return next
}

// SkipBackingID takes note that an id was given out, and is free again.
func (l *Ledger) SkipBackingID(id int32) { l.head.backingID.Store(int64(id)) }

func (l *Ledger) scanBackings() {
	for i := range l.head.backings.Load() {
		if l.backing(i).state().Load() == backingFree {
			l.backings.give(uint32(i))
		}
	}
}
