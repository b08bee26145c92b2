package accounts

import "sync/atomic"

// sums are where a book writes down what its limited accounts hold, for the book after it: memory that outlives the
// process. So that one can say yes at once, and need not count first what there is.
//
// What is asked for is added before it is done, and what is given back is taken away after it was. If the process is
// killed in between, the sums are too high by that much, and never too low.
//
//	who wrote last | records ever used | record | record | ...
//
// A record is filled first and made valid last.
type sums struct {
	mem  []atomic.Uint64
	left map[sumKey]*sum // records of the last book that this one has not taken over
	free []*sum
	full bool
}

// sumKey is whose account it is.
type sumKey struct {
	kind Kind
	id   uint64
}

// The first words of the memory.
const (
	sumsWriter = iota // number of the last writer plus 1; 0: what there is cannot be relied on
	sumsUsed          // records that were ever used
	sumsHead
)

// sum is a record.
type sum [8]atomic.Uint64

// Its words.
const (
	sumKind    = iota // plus 1; 0 for a record that is free
	sumID             // a directory's node, ...
	sumBytes          // promised
	sumRegions        // how many
	sumNodes          // how many
	sumReserve        // bytes
	sumCopies         // bytes of second copies
)

// SumsWords answers how many words of memory hold so many accounts.
func SumsWords(accounts int) int { return sumsHead + accounts*len(sum{}) }

// openSums finds the records in a memory. Those that cannot be relied on are not looked at.
func openSums(mem []atomic.Uint64, reliable bool) *sums {
	s := &sums{mem: mem, left: map[sumKey]*sum{}}
	if !reliable {
		mem[sumsWriter].Store(0)
		mem[sumsUsed].Store(0)
	}
	for i := range min(mem[sumsUsed].Load(), s.room()) {
		r := s.at(i)
		if kind := r[sumKind].Load(); kind > 0 && kind <= uint64(kinds) {
			s.left[sumKey{Kind(kind - 1), r[sumID].Load()}] = r
		} else {
			s.free = append(s.free, r)
		}
	}
	return s
}

func (s *sums) room() uint64 { return uint64((len(s.mem) - sumsHead) / len(sum{})) }

func (s *sums) at(i uint64) *sum {
	from := sumsHead + i*uint64(len(sum{}))
	return (*sum)(s.mem[from : from+uint64(len(sum{}))])
}

// enter answers a new record for an account, nil if there is no room: then none can be relied on.
func (s *sums) enter(a *account) *sum {
	var r *sum
	switch n, used := len(s.free), s.mem[sumsUsed].Load(); {
	case n > 0:
		r, s.free = s.free[n-1], s.free[:n-1]
	case used < s.room():
		r = s.at(used)
		r[sumKind].Store(0)
		s.mem[sumsUsed].Store(used + 1)
	default:
		s.full = true
		s.mem[sumsWriter].Store(0)
		return nil
	}
	r[sumID].Store(a.id)
	r.store(a)
	r[sumKind].Store(uint64(a.kind) + 1)
	return r
}

// leave frees a record.
func (s *sums) leave(r *sum) {
	r[sumKind].Store(0)
	s.free = append(s.free, r)
}

// written says that the records are complete, and kept so from here on.
func (s *sums) written(writer uint64) {
	if !s.full {
		s.mem[sumsWriter].Store(writer + 1)
	}
}

// store writes down what an account holds.
func (r *sum) store(a *account) {
	r[sumBytes].Store(uint64(a.used.Bytes))
	r[sumRegions].Store(uint64(a.used.Regions))
	r[sumNodes].Store(uint64(a.used.Nodes))
	r[sumReserve].Store(uint64(a.settings.Reserve))
	r[sumCopies].Store(uint64(a.used.Copies))
}

// limited reports whether an account's sum decides about anything.
func (a *account) limited() bool {
	l := &a.settings.Limits
	return a.kind == Mount || l.Bytes != 0 || l.Regions != 0 || l.Nodes != 0 || l.Reserve != 0
}

// written sees to it that a limited account is written down, from before its limits hold until it is forgotten. It answers
// whether the book before this one wrote down what it holds.
func (b *Book) written(a *account) (before bool) {
	if b.sums == nil || !a.limited() {
		return false
	}
	if a.sum == nil {
		key := sumKey{a.kind, a.id}
		if r := b.sums.left[key]; r != nil {
			before = true
			delete(b.sums.left, key)
			a.sum = r
			was := Amount{Bytes: int64(r[sumBytes].Load()), Copies: int64(r[sumCopies].Load()),
				Regions: int64(r[sumRegions].Load()), Nodes: int64(r[sumNodes].Load())}
			a.used.add(was)
			a.taken(was)
		} else if a.sum = b.sums.enter(a); a.sum == nil {
			return false
		}
	}
	a.sum.store(a)
	return before
}

// unwritten ends that.
func (b *Book) unwritten(a *account) {
	if a.sum != nil {
		b.sums.leave(a.sum)
		a.sum = nil
	}
}
