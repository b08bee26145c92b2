package regions

import "time"

// UseKeeper is an arena that keeps when a region was last used, for the next server: as a time since the system's boot,
// which nobody sets.
type UseKeeper interface {
	KeepUse(node NodeID, at time.Duration) error
	// KeptUse answers it, NoData if there is none.
	KeptUse(node NodeID) (time.Duration, error)
}

// idle answers for how long nobody used a region, by a clock that is not stepped. What is not known counts from when it
// was first seen here.
func (c *Caretaker) idle(x *care, now time.Time) time.Duration {
	last := c.m.books.lastUsed(x.node)
	if !last.IsZero() {
		last = last.Add(time.Second) // it is kept in whole seconds
	}
	if x.seen.After(last) {
		last = x.seen
	}
	return max(now.Sub(last), 0)
}

// lastUse finds out when a region was last used that has a time to live from now on: what an earlier server kept, if it
// was there before this one.
func (c *Caretaker) lastUse(x *care, ttl time.Duration) {
	x.seen, x.kept = c.m.now(), time.Time{}
	if !c.starting || c.kept == nil {
		return
	}
	at, err := c.kept.KeptUse(x.node)
	if err != nil {
		return
	}
	if ago := c.m.uptime() - at - useStep(ttl); ago > 0 {
		x.seen = x.seen.Add(-ago)
	}
	x.kept = x.seen
}

// keepUse keeps when a region was last used, unless what is kept is near enough.
func (c *Caretaker) keepUse(x *care) {
	now := c.m.now()
	last := now.Add(-c.idle(x, now))
	if c.kept == nil || !x.kept.IsZero() && last.Sub(x.kept) < useStep(x.lifetime.TTL) {
		return
	}
	if c.kept.KeepUse(x.node, c.m.uptime()-now.Sub(last)) == nil {
		x.kept = last
	}
}

// useStep is how exactly a use is kept: a region lives longer by that, and never shorter, when its server is replaced.
func useStep(ttl time.Duration) time.Duration {
	const least, most = 50 * time.Millisecond, time.Minute
	return min(max(ttl/64, least), most)
}
