package accounts

// Seen is what was seen of a region.
type Seen struct {
	Size     int64
	Resident int64 // bytes of memory
	Xattrs   int64 // bytes of extended attributes; only when it is found
	Beyond   int64 // end of what was allocated past the size; only when it is found
	Unasked  int64 // bytes that it grew by without asking where there was no room; only when it is found
}

// promise is what a file counts.
func (b *Book) promise(f *file) int64 {
	if !f.region || b.overcommitted(f.home) {
		return f.resident
	}
	return max(b.rounded(f.size), f.rare().beyond)
}

func (b *Book) overcommitted(a *account) bool {
	for ; a != nil; a = a.parent {
		if o := a.settings.Overcommit; o != OvercommitInherit {
			return o == OvercommitOn
		}
	}
	return b.over
}

// tooLarge asks whether a region is larger than one may be in an account and in those above, as far as it does not count in
// them already.
func (b *Book) tooLarge(f *file, at *account) *Exceeded {
	if !f.region {
		return nil
	}
	var in set
	in.begin()
	in.of(f)
	for ; at != nil && !in.has(at); at = at.parent {
		if e := at.tooLarge(f.size, f.size); e != nil {
			return e
		}
	}
	return nil
}

func (a *account) tooLarge(size, was int64) *Exceeded {
	if l := a.settings.Largest; l > 0 && size > l {
		return &Exceeded{Kind: a.kind, ID: a.id, Name: a.name, What: Largest, Limit: l, Used: was, Asked: size - was}
	}
	return nil
}

// Grow promises a region that it may reach to end. With least below end it may be less: as much as there is room for,
// if that is more than least. It answers how far it may reach. Settle must follow, or Cancel on refusal. A region that
// is not known is not refused anything.
func (b *Book) Grow(n Node, end, least int64) (granted int64, e *Exceeded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[n]
	if f == nil {
		return end, nil
	}
	f.pending++
	f.seq++
	if f.pending > 1 {
		f.overlap = true
	}
	if end <= f.size {
		return end, nil
	}
	e = b.reach(f, end)
	if e == nil || least >= end || b.adopting {
		return end, e
	}
	if most := f.size + b.room(f); most > least {
		if b.reach(f, most) == nil {
			return most, nil
		}
	}
	return 0, e
}

// reach promises f to reach to end.
func (b *Book) reach(f *file, end int64) *Exceeded {
	for _, a := range b.counts(f) {
		if e := a.tooLarge(end, f.size); e != nil {
			return e
		}
	}
	if b.overcommitted(f.home) {
		return nil
	}
	return b.promiseTo(f, max(f.promised, b.rounded(end)), false)
}

func (b *Book) promiseTo(f *file, bytes int64, force bool) *Exceeded {
	if force {
		bytes = b.countable(f, bytes)
	}
	by := Amount{Bytes: bytes - f.promised}
	if by.Bytes == 0 {
		return nil
	}
	if f.nameless {
		by.Unlinked = by.Bytes
	}
	if f.twice {
		by.Copies = by.Bytes
	}
	if e := b.charge(f, by, force); e != nil {
		return e
	}
	f.promised = bytes
	return nil
}

// Throttle answers how far a region that reaches to end would be between where growth is slowed down and where it is
// refused, from 0 to 1: in its directory, or one above. It is 0 for what is refused, and for a region with names in
// several directories, whose others may be somebody else's.
func (b *Book) Throttle(n Node, end int64) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[n]
	if f == nil || len(f.rare().more) > 0 || b.overcommitted(f.home) {
		return 0
	}
	more := b.rounded(end) - f.promised
	if more <= 0 {
		return 0
	}
	most := 0.0
	for a := f.home; a != nil; a = a.parent {
		l, after := &a.settings.Limits, a.committed()+more
		from := float64(l.Bytes) / 100 * float64(l.Throttle)
		if l.Throttle > 0 && l.Bytes > 0 && after <= l.Bytes {
			most = max(most, (float64(after)-from)/(float64(l.Bytes)-from))
		}
	}
	return most
}

// room answers by how many bytes the size of f may grow.
func (b *Book) room(f *file) int64 {
	const most = 1 << 62
	room, largest := int64(most), int64(most)
	for _, a := range b.counts(f) {
		if l := a.settings.Bytes; l > 0 {
			here := l - a.committed() + b.owned(a, f)
			if a.kind == Mount && f.twice {
				here /= 2
			}
			room = min(room, here)
		}
		if l := a.settings.Largest; l > 0 {
			largest = min(largest, l-f.size)
		}
	}
	room = max(room, 0) &^ (b.unit - 1)
	return max(min(room+f.promised-f.size, largest), 0)
}

// owned answers what f may take in the account a because it is reserved for a directory below it.
func (b *Book) owned(a *account, f *file) int64 {
	if b.reserves == 0 || len(f.rare().more) > 0 {
		return 0
	}
	for d := f.home; d != nil && d != a; d = d.parent {
		if d.settings.Reserve > 0 {
			return max(d.settings.Reserve-d.committed(), 0)
		}
	}
	return 0
}

// Allocated promises a region that memory up to end may be allocated past its size. Undo takes that back.
func (b *Book) Allocated(n Node, end int64) (undo func(), e *Exceeded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[n]
	end = b.rounded(end)
	if f == nil || end <= max(f.rare().beyond, f.size) {
		return func() {}, nil
	}
	if !b.overcommitted(f.home) {
		if e := b.promiseTo(f, max(f.promised, end), false); e != nil {
			return nil, e
		}
	}
	old := f.rare().beyond
	f.setBeyond(end)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		f.setBeyond(old)
		b.promiseTo(f, b.promise(f), true)
	}, nil
}

// Beyond answers the end of what was allocated past the size of a region, 0 for nothing.
func (b *Book) Beyond(n Node) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.files[n]; f != nil {
		return f.rare().beyond
	}
	return 0
}

// Settle takes note of what a region is after a change that Grow was asked for. Truncated says that its size was set:
// what was allocated past the end is gone then, unless it became longer (Linux mm/shmem.c, shmem_setattr). It answers
// whether the region must be looked at again, because there were several changes at once.
func (b *Book) Settle(n Node, s Seen, truncated bool) (again bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[n]
	if f == nil {
		return false
	}
	if f.pending > 0 {
		f.pending--
	}
	f.seq++
	if f.pending > 0 {
		return false
	}
	if truncated && s.Size <= f.size {
		f.setBeyond(0)
	}
	again = f.overlap
	f.overlap = false
	b.update(n, f, s)
	return again
}

// Reached is Settle for who knows how far a write came and nothing else.
func (b *Book) Reached(n Node, end int64) (again bool) {
	b.mu.Lock()
	f := b.files[n]
	if f == nil {
		b.mu.Unlock()
		return false
	}
	s := Seen{Size: max(f.size, end), Resident: f.resident}
	b.mu.Unlock()
	return b.Settle(n, s, false)
}

// Sequence numbers the changes of a region's size, so that what was read before one is not taken for what is after it.
func (b *Book) Sequence(n Node) uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.files[n]; f != nil {
		return f.seq
	}
	return 0
}

// See takes note of what a region is, as it was read after Sequence answered seq. It cannot be refused.
func (b *Book) See(n Node, seq uint32, s Seen) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.files[n]; f != nil && f.seq == seq && f.pending == 0 {
		b.update(n, f, s)
	}
}

// Hold takes note that somebody more, or less, has a region open so that it may be mapped for writing, where what is
// mapped is in memory a second time. It cannot be refused.
func (b *Book) Hold(n Node, more int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	held := max(b.held[n]+more, 0)
	if held == 0 {
		delete(b.held, n)
	} else {
		b.held[n] = held
	}
	f := b.files[n]
	if f == nil || f.twice == (held > 0) {
		return
	}
	b.become(f, true, func() { f.twice = held > 0 })
}

func (b *Book) update(n Node, f *file, s Seen) {
	before, promised := f.amount(), f.promised
	f.size, f.resident = s.Size, s.Resident
	f.promised = b.countable(f, b.promise(f))
	if f.amount() == before {
		return
	}
	by := f.amount()
	by.add(before.minus())
	b.charge(f, by, true)
	b.notice(n, f, f.promised-promised)
}

// Cancel ends a change that Grow refused.
func (b *Book) Cancel(n Node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.files[n]; f != nil && f.pending > 0 {
		f.pending--
	}
}

// Size answers a region's size as it was last seen, false for one that is not known.
func (b *Book) Size(n Node) (int64, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[n]
	if f == nil {
		return 0, false
	}
	return f.size, true
}
