package regions

import (
	"context"
	"time"
)

// UseKeeper is an arena that keeps when a region, or a session, was last used, or since when its grace period counts, for
// the next server: as a time since the system's boot, which nobody sets.
type UseKeeper interface {
	KeepUse(node NodeID, at time.Duration) error
	// KeptUse answers it, NoData if there is none.
	KeptUse(node NodeID) (time.Duration, error)
	ForgetUse(node NodeID) error
}

// Of the root it is kept when the last caretaker ended in order, or that one works, or is to begin. What is found in an
// arena whose caretaker did not end in order was used afterwards, or was not: then all begins anew. But where a server goes
// on with the mount of the one before, the kernel tells it of all that was done meanwhile; unless it dies before it has
// looked at what that was about.
const (
	works        time.Duration = iota
	toBegin                    // and serves already
	endedInOrder               // from here on, when
)

// expect says that this caretaker is to begin. It must come before the first request.
func (c *Caretaker) expect() {
	c.m.lives.expect()
	if c.kept == nil {
		return
	}
	before, err := c.kept.KeptUse(RootNode)
	c.keeps = err == nil && c.kept.KeepUse(RootNode, toBegin) == nil
	c.inOrder, c.missed = before >= endedInOrder, before == toBegin
}

// begin looks at all regions if anything has a lifetime. What is used meanwhile, it hears of afterwards.
func (c *Caretaker) begin(ctx context.Context) {
	keeps, resumes := c.resumable()
	lives := c.m.lives.any.Load()
	if keeps && (!resumes || !lives) {
		c.forgetAll(ctx)
	}
	defer c.begun(ctx)
	defer c.m.lives.started()
	if !lives {
		return
	}
	c.lookAtAll(ctx, resumes)
	c.collectRuns(ctx, nil)
}

func (c *Caretaker) lookAtAll(ctx context.Context, resumes bool) {
	c.looking.Lock()
	defer c.looking.Unlock()
	unseen := c.m.lives.takeUsed()
	c.setStarting(true, resumes, unseen)
	c.lookBelow(ctx, RootNode)
	for n := range unseen {
		c.use(n)
	}
	c.setStarting(false, false, nil)
}

func (c *Caretaker) setStarting(is, resumes bool, unseen map[NodeID]struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starting, c.resumes, c.unseen = is, resumes, unseen
}

// resumable answers whether an earlier server kept anything, and whether that still holds.
func (c *Caretaker) resumable() (keeps, resumes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keeps, c.keeps && !c.missed && (c.inOrder || !c.m.adoption.others.Load())
}

// begun says that all was looked at, unless ctx ended.
func (c *Caretaker) begun(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keeps && ctx.Err() == nil {
		c.kept.KeepUse(RootNode, works)
	}
}

// forgetAll takes away what is kept of all regions and directories.
func (c *Caretaker) forgetAll(ctx context.Context) {
	c.m.Arena.Walk(ctx, RootNode, func(it Item) error {
		if it.Attr.IsRegion() || it.Attr.IsDir() {
			c.m.kept.forget(it.Attr.Node)
		}
		return ctx.Err()
	})
}

// leave takes note of what is not yet looked at, and says that this caretaker ended in order.
func (c *Caretaker) leave() {
	c.looking.Lock()
	defer c.looking.Unlock()
	for n := range c.m.lives.takeUsed() {
		c.use(n)
	}
	regions, _ := c.m.lives.take()
	for n, what := range regions {
		c.use(n)
		c.review(n, what)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keeps {
		c.kept.KeepUse(RootNode, max(c.m.uptime(), endedInOrder))
	}
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

// use takes note that a region was opened or closed: its session was used.
func (c *Caretaker) use(region NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used(region)
}

// lastUse finds out from when on the time of something counts that has another lifetime from now on: from now, or what
// an earlier server kept, if it was there before this one and nobody used it since.
func (c *Caretaker) lastUse(x *care, l Lifetime) {
	c.forgetUse(x.node, x)
	uptime := c.m.uptime() // before the time: what passes between the two makes a life longer, and not shorter
	x.seen, x.kept = c.m.now(), time.Time{}
	if !c.starting || !c.resumes || l.time() == 0 {
		return
	}
	if _, used := c.unseen[x.node]; used || !c.m.books.lastUsed(x.node).IsZero() {
		return
	}
	at, err := c.m.kept.found(x.node)
	if err != nil {
		return
	}
	if ago := uptime - at - l.useStep(); ago > 0 {
		x.seen = x.seen.Add(-ago)
	}
	x.kept = x.seen
}

// countDown begins a grace period, or goes on with one that an earlier server began.
func (c *Caretaker) countDown(x *care, now time.Time) {
	if !c.starting || x.kept.IsZero() {
		x.seen = now
	}
	c.schedule(x, x.seen.Add(x.lifetime.Grace))
	if x.lifetime.Grace < leastGrace {
		return
	}
	c.keepUse(x)
	if x.lifetime.Kind == Owner {
		c.leaving = append(c.leaving, x.node)
	}
}

// leastGrace is the shortest grace period that goes on in the next server, and that is used to let go of regions.
const leastGrace = 200 * time.Millisecond

// letGo lets go of regions whose owner died, and which nobody has: until their grace period is over, there is time for that.
// It answers whether there are more.
func (c *Caretaker) letGo(ctx context.Context) (more bool) {
	const most = 5 * time.Millisecond // something else may be due
	for begun := time.Now(); ctx.Err() == nil && time.Since(begun) < most; {
		c.mu.Lock()
		n := min(batch, len(c.leaving))
		all := make([]Ending, n)
		for i, node := range c.leaving[:n] {
			all[i].Node = node
		}
		if c.leaving = c.leaving[n:]; len(c.leaving) == 0 {
			c.leaving = nil
		}
		c.mu.Unlock()
		if n == 0 {
			return false
		}
		c.m.letGo(all)
	}
	return ctx.Err() == nil
}

// keepUse keeps from when on the time of something counts, unless what is kept is near enough.
func (c *Caretaker) keepUse(x *care) {
	if c.kept == nil || x.lifetime.time() == 0 {
		return
	}
	now, last := c.m.now(), x.seen
	if x.lifetime.Kind == TTL {
		last = now.Add(-c.idle(x, now))
	}
	if !x.kept.IsZero() && last.Sub(x.kept) < x.lifetime.useStep() {
		return
	}
	if !c.keeps {
		c.keeps = c.kept.KeepUse(RootNode, works) == nil
	}
	if c.keeps && c.m.kept.keep(x.node, c.m.uptime()-now.Sub(last)) == nil {
		x.kept = last
	}
}

// forgetUse takes away what is kept of a region, x nil for one that has no lifetime: nothing of it counts now.
func (c *Caretaker) forgetUse(n NodeID, x *care) {
	switch {
	case x == nil && (!c.starting || !c.keeps):
	case x == nil:
		c.m.kept.forget(n)
	case !x.kept.IsZero():
		c.m.kept.forget(n)
		x.kept = time.Time{}
	}
}

// time is what counts of a lifetime, 0 for nothing.
func (l Lifetime) time() time.Duration {
	switch l.Kind {
	case TTL, Session:
		return l.TTL
	case Owner, LastUser:
		return l.Grace
	}
	return 0
}

// useStep is how exactly it is kept from when on that counts: a region lives longer by that, and never shorter, when its
// server is replaced. The use of sessions is told once a second.
func (l Lifetime) useStep() time.Duration {
	const least, most, told = 50 * time.Millisecond, time.Minute, time.Second
	step := min(max(l.time()/64, least), most)
	if l.Kind == Session {
		step += told
	}
	return step
}
