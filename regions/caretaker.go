package regions

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shmfs/shmfs/regions/events"
)

// Processes watches processes until they end.
type Processes interface {
	// Watch calls gone once, when the process ends that had the number pid at an uptime of the system. Alive is false
	// if it has ended already, and then gone is not called. Cancel takes it back.
	Watch(pid uint32, uptime time.Duration, gone func()) (cancel func(), alive bool, err error)
}

// Caretaker ends regions whose lifetime is over. It is one goroutine with a heap of deadlines: it looks at a region when
// something happened to it, and at its deadline, and never at all of them.
type Caretaker struct {
	m         *Manager
	processes Processes

	mu    sync.Mutex // guards the rest; held over an end, so no request may wait for it. Above the manager's locks
	cares map[NodeID]*care
	due   deadlines
	sums  CareSums
}

// CareSums are counts since the server started.
type CareSums struct {
	Cared     int // regions that have a lifetime other than manual
	Ended     uint64
	Held      uint64 // times that a region was in use at its deadline
	Failed    uint64 // ends that failed
	Failing   int    // regions whose last try failed
	Unwatched int    // regions whose owner cannot be watched
}

// CareState is why a region is not ended yet.
type CareState string

// The states.
const (
	CareOwner     CareState = "owner_alive"
	CareCounting  CareState = "counting"      // until its deadline
	CareInUse     CareState = "in_use"        // it was in use when it was last looked at
	CarePinned    CareState = "pinned"        // it does not end by itself
	CareUnknown   CareState = "unknown_owner" // as if it were manual
	CareUnwatched CareState = "unwatched"     // its owner cannot be watched now; it is tried again
	CareFailing   CareState = "failing"       // its end failed; it is tried again
)

// care is what is known of a region that has a lifetime.
type care struct {
	node     NodeID
	lifetime Lifetime
	state    CareState
	owner    uint32
	since    time.Duration // an uptime at which the owner was there
	gone     bool          // its owner is
	watched  bool
	cancel   func()
	seen     time.Time // for the first time
	deadline time.Time // zero for none
	index    int       // in the heap, -1 for not in it
	tries    int       // in a row that did not end it
	reason   string
}

// NewCaretaker makes one. Run does its work.
func NewCaretaker(m *Manager, p Processes) *Caretaker {
	return &Caretaker{m: m, processes: p, cares: map[NodeID]*care{}}
}

// Run works until ctx ends. All that is there is looked at once in the beginning, if anything has a lifetime.
func (c *Caretaker) Run(ctx context.Context) {
	c.m.adopted()
	var wiping sync.WaitGroup
	wiping.Go(func() { c.m.wipeAll(ctx) })
	defer wiping.Wait()
	c.begin(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.m.lives.anything:
		case <-timer.C:
		}
		c.look(ctx)
		if next, ok := c.work(ctx); ok {
			timer.Reset(max(next.Sub(c.m.now()), 0))
		}
	}
}

// begin looks for regions that say something themselves, which nobody has told of in a server that was started anew.
func (c *Caretaker) begin(ctx context.Context) {
	c.m.Arena.Walk(ctx, RootNode, func(it Item) error {
		if it.Attr.IsRegion() && c.m.readSaying(it.Attr.Node) != (saying{}) {
			c.m.lives.any.Store(true)
		}
		return nil
	})
	if c.m.lives.any.Load() {
		c.m.lives.changedBelow(RootNode)
	}
	c.collectRuns(ctx)
}

// look looks at what changed.
func (c *Caretaker) look(ctx context.Context) {
	if c.m.lives.begins() {
		c.collectRuns(ctx)
	}
	regions, below := c.m.lives.take()
	for dir := range below {
		c.m.Arena.Walk(ctx, dir, func(it Item) error {
			if it.Attr.IsRegion() || it.Attr.IsDir() {
				c.review(it.Attr.Node, nil)
			}
			return nil
		})
	}
	for n, gone := range regions {
		c.review(n, gone)
	}
}

// review looks at one region: what its lifetime is, and when it is over. Gone are processes that ended since.
func (c *Caretaker) review(n NodeID, gone []process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, err := c.m.Arena.Getattr(n)
	if x := c.cares[n]; err == nil && a.IsDir() || x != nil && x.lifetime.Kind == Session {
		c.reviewSession(n, gone)
		return
	}
	l, pinned := Lifetime{}, false
	if err == nil && a.IsRegion() && a.Nlink > 0 {
		l, pinned = c.m.LifetimeOf(n)
	}
	c.used(n)
	if l.Kind == Manual || l.Kind == Session {
		c.drop(n)
		return
	}
	x := c.cares[n]
	if x == nil {
		x = &care{node: n, seen: c.m.now(), index: -1}
		c.cares[n] = x
	}
	if x.lifetime.Kind != l.Kind {
		c.unwatch(x)
	}
	c.hand(x, gone)
	x.lifetime, x.tries = l, 0
	c.plan(x, pinned)
}

// plan sets a region's state and deadline.
func (c *Caretaker) plan(x *care, pinned bool) {
	now := c.m.now()
	x.state, x.reason = CareCounting, ""
	switch {
	case pinned:
		x.state = CarePinned
		c.schedule(x, time.Time{})
		return
	case x.lifetime.Kind == TTL:
		c.schedule(x, now.Add(x.lifetime.TTL-c.idle(x, now)))
		return
	case x.lifetime.Kind == Owner && !c.ownerGone(x):
		return
	}
	if c.m.users.isOpen(x.node) {
		x.state = CareInUse // its release is told
		c.schedule(x, time.Time{})
		return
	}
	c.schedule(x, now.Add(x.lifetime.Grace))
}

// ownerGone answers whether a region's owner is gone, and watches it otherwise.
func (c *Caretaker) ownerGone(x *care) bool {
	if x.gone {
		return true
	}
	if x.watched {
		x.state = CareOwner
		c.schedule(x, time.Time{})
		return false
	}
	if x.owner == 0 || x.since == 0 {
		x.state, x.reason = CareUnknown, "nobody knows which process made it: it ends as if it were manual"
		c.schedule(x, time.Time{})
		return false
	}
	n, owner := x.node, process{x.owner, x.since}
	cancel, alive, err := c.processes.Watch(x.owner, x.since, func() { c.m.lives.orphaned(n, owner) })
	switch {
	case err != nil:
		x.state, x.reason = CareUnwatched, err.Error()
		x.tries++
		c.schedule(x, c.m.now().Add(backOff(x.tries)))
		return false
	case !alive:
		x.gone = true
		c.tell(events.OwnerGone, x, fmt.Sprintf("process %d is gone", x.owner))
		return true
	}
	x.watched, x.cancel, x.state = true, cancel, CareOwner
	c.schedule(x, time.Time{})
	return false
}

func (c *Caretaker) unwatch(x *care) {
	if x.cancel != nil {
		x.cancel()
	}
	x.cancel, x.watched = nil, false
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

func (c *Caretaker) drop(n NodeID) {
	x := c.cares[n]
	if x == nil {
		return
	}
	c.unwatch(x)
	c.schedule(x, time.Time{})
	delete(c.cares, n)
}

// work ends what is due, and answers when the next one is.
func (c *Caretaker) work(ctx context.Context) (next time.Time, ok bool) {
	for ctx.Err() == nil {
		c.mu.Lock()
		if len(c.due) == 0 {
			c.mu.Unlock()
			return time.Time{}, false
		}
		x := c.due[0]
		if next := x.deadline; next.After(c.m.now()) {
			c.mu.Unlock()
			return next, true
		}
		c.settle(x)
		c.mu.Unlock()
	}
	return time.Time{}, false
}

// settle ends a region at its deadline, or sets another one.
func (c *Caretaker) settle(x *care) {
	if x.lifetime.Kind == Session {
		c.settleSession(x)
		return
	}
	if x.state == CareUnwatched {
		tries := x.tries
		c.plan(x, false)
		if x.state == CareUnwatched {
			x.tries = tries + 1
		}
		return
	}
	now := c.m.now()
	if x.lifetime.Kind == TTL {
		if left := x.lifetime.TTL - c.idle(x, now); left > 0 {
			c.schedule(x, now.Add(left))
			return
		}
	}
	c.after(x, c.m.End(x.node, c.why(x)))
}

// why says what ended a region.
func (c *Caretaker) why(x *care) string {
	switch x.lifetime.Kind {
	case Owner:
		return fmt.Sprintf("lifetime %s: process %d is gone, and nobody else has it", x.lifetime, x.owner)
	case LastUser:
		return fmt.Sprintf("lifetime %s: nobody has it any more", x.lifetime)
	}
	return fmt.Sprintf("lifetime %s: nobody used it for as long", x.lifetime)
}

// after takes note of what became of an end.
func (c *Caretaker) after(x *care, err error) {
	now := c.m.now()
	x.tries++
	switch {
	case err == nil:
		c.sums.Ended++
		c.drop(x.node)
	case errors.Is(err, NotFound) || errors.Is(err, Stale):
		c.drop(x.node)
	case errors.Is(err, ErrHeld):
		c.sums.Held++
		if x.state != CareInUse {
			c.tell(events.InUse, x, "its lifetime is over, and somebody has it: it ends when nobody does")
		}
		x.state, x.reason = CareInUse, ""
		switch {
		case x.lifetime.Kind == TTL:
			c.schedule(x, now.Add(x.lifetime.TTL))
		case c.m.users.isOpen(x.node):
			c.schedule(x, time.Time{}) // its release is told
		default:
			c.schedule(x, now.Add(backOff(x.tries)))
		}
	default:
		c.sums.Failed++
		if x.state != CareFailing || x.reason != err.Error() {
			c.tell(events.EndFailed, x, err.Error())
		}
		x.state, x.reason = CareFailing, err.Error()
		c.schedule(x, now.Add(backOff(x.tries)))
	}
}

// backOff is how long to wait after so many tries: a mapping ends without a word, so whoever has one is asked for again.
func backOff(tries int) time.Duration {
	const first, most = 250 * time.Millisecond, time.Minute
	return min(first<<min(tries, 10), most)
}

func (c *Caretaker) tell(k events.Kind, x *care, reason string) {
	c.m.events.Add(events.Event{Kind: k, Time: c.m.now(), Node: uint64(x.node), Path: c.m.Path(x.node), Reason: reason})
}

// schedule sets a deadline; the zero time is none.
func (c *Caretaker) schedule(x *care, t time.Time) {
	x.deadline = t
	switch {
	case t.IsZero() && x.index >= 0:
		heap.Remove(&c.due, x.index)
	case t.IsZero():
	case x.index >= 0:
		heap.Fix(&c.due, x.index)
	default:
		heap.Push(&c.due, x)
	}
}

// deadlines is a heap, the next one first.
type deadlines []*care

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline.Before(d[j].deadline) }
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

func (d *deadlines) Push(x any) {
	e := x.(*care)
	e.index = len(*d)
	*d = append(*d, e)
}

func (d *deadlines) Pop() any {
	last := len(*d) - 1
	e := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	e.index = -1
	return e
}
