package accounts

import "time"

// How fast an account grows is told from what it held some time ago. Time is cut into slots by who calls Tick, while
// something changes; an account remembers what it held when this slot began, and the one before, and finds out with its
// next change that there is a new one. So nothing has to be done for all accounts, and nothing at all while nothing
// changes.

// tally is what has a limit and can grow.
type tally struct{ bytes, regions, nodes int64 }

func tallyOf(u *Amount) tally { return tally{u.Bytes, u.Regions, u.Nodes} }

func (t *tally) add(by *Amount) {
	t.bytes += by.Bytes
	t.regions += by.Regions
	t.nodes += by.Nodes
}

// slots are the book's.
type slots struct {
	begin         func() time.Time // asked when something changes while no slot runs; Tick must follow
	runs          bool
	number        uint32
	before, began time.Time  // beginning of the slot before, and of this one
	changed       bool       // in this slot
	limited       []*account // those with limits that changed in this slot
}

// pace is an account's.
type pace struct {
	slot         uint32
	before, then tally // when the slot before began, and this one
	foreseen     bool  // it was told that it will be full
}

// OnBegin sets who is asked for the time when the first account changes after a while. He calls Tick then, again and
// again, until it answers false. He must not call the book. Set it before anything else.
func (b *Book) OnBegin(f func() time.Time) { b.slots.begin = f }

// Tick ends a slot, and answers whether another one begins: not when nothing has changed in it.
func (b *Book) Tick(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &b.slots
	for _, a := range s.limited {
		b.foresee(a, now)
	}
	s.limited = s.limited[:0]
	s.runs = s.changed
	s.changed = false
	s.before, s.began = s.began, now
	s.number++
	return s.runs
}

// pacing is called before an account changes.
func (b *Book) pacing(a *account) {
	s := &b.slots
	if !s.runs && s.begin != nil {
		s.runs = true
		s.began = s.begin()
		s.before = s.began
		s.number += 2
	}
	s.changed = true
	if a.pace.slot != s.number {
		a.turn(s.number)
		if l := &a.settings.Limits; l.Bytes > 0 || l.Regions > 0 || l.Nodes > 0 {
			s.limited = append(s.limited, a)
		}
	}
}

// turn lets an account notice that there is a new slot.
func (a *account) turn(slot uint32) {
	p := &a.pace
	held := tallyOf(&a.used)
	if slot-p.slot == 1 {
		p.before = p.then
	} else {
		p.before, p.foreseen = held, false
	}
	p.then, p.slot = held, slot
}

// taken is called after an account changed by what was there before: that is no growth.
func (a *account) taken(by Amount) {
	a.pace.before.add(&by)
	a.pace.then.add(&by)
}

// Growth is by how much an account grew since some time ago, and what is left of its limits.
type Growth struct {
	Since                 time.Time
	Bytes, Regions, Nodes int64
	left                  tally // -1 is no limit
}

func (b *Book) growth(a *account) Growth {
	g := Growth{Since: b.slots.before}
	if a.pace.slot != b.slots.number {
		a.turn(b.slots.number)
	}
	before, l := &a.pace.before, &a.settings.Limits
	g.Bytes, g.Regions, g.Nodes = a.used.Bytes-before.bytes, a.used.Regions-before.regions, a.used.Nodes-before.nodes
	g.left = tally{leftOf(l.Bytes, a.committed()), leftOf(l.Regions, a.used.Regions), leftOf(l.Nodes, a.used.Nodes)}
	return g
}

func leftOf(limit, used int64) int64 {
	if limit == 0 {
		return -1
	}
	return max(limit-used, 0)
}

// LeastWindow is the time over which a growth is spread that is more recent.
const LeastWindow = 5 * time.Second

func (g *Growth) seconds(now time.Time) float64 { return max(now.Sub(g.Since), LeastWindow).Seconds() }

// Rate is the growth of what is promised, in bytes a second.
func (g *Growth) Rate(now time.Time) int64 { return int64(float64(g.Bytes) / g.seconds(now)) }

// FullIn answers after what time the first of the limits is reached if it goes on like this; false if none will be.
func (g *Growth) FullIn(now time.Time) (in time.Duration, ok bool) {
	for _, x := range [...]struct{ left, grown int64 }{
		{g.left.bytes, g.Bytes}, {g.left.regions, g.Regions}, {g.left.nodes, g.Nodes},
	} {
		if x.left < 0 || x.left > 0 && x.grown <= 0 {
			continue
		}
		seconds := 0.0
		if x.left > 0 {
			seconds = float64(x.left) / float64(x.grown) * g.seconds(now)
		}
		if seconds > farAway.Seconds() {
			continue
		}
		if d := time.Duration(seconds * float64(time.Second)); !ok || d < in {
			in, ok = d, true
		}
	}
	return in, ok
}

// farAway is what nobody can foresee.
const farAway = 365 * 24 * time.Hour

// Foresight is how long before an account is full it is told.
const Foresight = 5 * time.Minute

// foresee tells of an account that will be full soon. The less of what it grew in two slots counts: who takes a lot at one
// stroke is not going to go on like that.
func (b *Book) foresee(a *account, now time.Time) {
	p, l, held := &a.pace, &a.settings.Limits, tallyOf(&a.used)
	slot := now.Sub(b.slots.began).Seconds()
	soonest := Crossing{Kind: a.kind, ID: a.id, Name: a.name, In: farAway}
	for _, x := range [...]struct {
		what               What
		before, then, held int64
		limit, used        int64
	}{
		{Bytes, p.before.bytes, p.then.bytes, held.bytes, l.Bytes, a.committed()},
		{Regions, p.before.regions, p.then.regions, held.regions, l.Regions, held.regions},
		{Nodes, p.before.nodes, p.then.nodes, held.nodes, l.Nodes, held.nodes},
	} {
		grown := min(x.then-x.before, x.held-x.then)
		if x.limit == 0 || grown <= 0 {
			continue
		}
		seconds := float64(max(x.limit-x.used, 0)) / float64(grown) * slot
		if seconds < soonest.In.Seconds() {
			in := time.Duration(seconds * float64(time.Second))
			soonest.What, soonest.Limit, soonest.Used, soonest.In = x.what, x.limit, x.used, max(in, 1)
		}
	}
	switch {
	case soonest.In > 2*Foresight:
		p.foreseen = false
	case soonest.In <= Foresight && !p.foreseen:
		p.foreseen = true
		b.tell(soonest)
	}
}
