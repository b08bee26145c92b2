package regions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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
	kept      UseKeeper // nil where the arena is none

	looking sync.Mutex // held over a look at what changed: one after the other, as it came. Above mu

	mu       sync.Mutex // guards the rest; held over some ends, so no request may wait for it. Above the manager's locks
	cares    map[NodeID]*care
	due      deadlines
	sessions int                 // of cares
	starting bool                // what is looked at was there before this server
	keeps    bool                // something is kept for the next server
	inOrder  bool                // the caretaker before this one ended so
	missed   bool                // it did not come as far as to look at all
	resumes  bool                // while starting: what an earlier server kept still holds
	unseen   map[NodeID]struct{} // while starting: used while no caretaker looked
	leaving  []NodeID            // their owner died, and they are yet to be let go of
	order    []LifetimeKind
	sums     CareSums

	pressed     chan string  // who said that memory is short
	relieved    func(Relief) // is told of what was ended then
	toldPressed time.Time    // the last time; guarded by mu
}

// CareSums are counts since the server started.
type CareSums struct {
	Cared     int // regions that have a lifetime other than manual
	Ended     uint64
	Bytes     uint64            // of those that ended
	Kinds     map[string]uint64 // of those that ended, by lifetime; "" those that were asked for
	Early     uint64            // of those that ended, before their time
	Held      uint64            // times that a region was in use at its deadline
	Failed    uint64            // ends that failed
	Failing   int               // regions whose last try failed
	Unwatched int               // regions whose owner cannot be watched
	Pressed   uint64            // times that memory was short
	Relieved  uint64            // of those that ended, because of that
	Longest   time.Duration     // from a deadline to the end of a region that nobody had

	RelievedBytes uint64 // memory that they had
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
	pinned   bool
	place    Place  // where it was seen last; zero for unknown
	maker    Record // zero until it is read
	state    CareState
	owner    WhoOwns // of lifetime owner, or of a session
	gone     bool    // its owner is
	orphan   bool    // and that somebody else has it was told
	watched  bool
	cancel   func()
	seen     time.Time // for the first time, or from when on its time counts
	kept     time.Time // what of seen, or of its last use, is kept for the next server; zero for nothing
	deadline time.Time // zero for none
	was      time.Time // its last deadline
	index    int       // in the heap, -1 for not in it
	tries    int       // in a row that did not end it
	early    whyEarly  // it ends before its time
	reason   string
}

// NewCaretaker makes one. Run does its work.
func NewCaretaker(m *Manager, p Processes) *Caretaker {
	c := &Caretaker{m: m, processes: p, cares: map[NodeID]*care{}, order: DefaultOrder(),
		pressed: make(chan string, 1), relieved: func(Relief) {}}
	c.kept, _ = m.Arena.(UseKeeper)
	c.expect()
	c.sums.Kinds = map[string]uint64{}
	return c
}

// Run works until ctx ends. All that is there is looked at once in the beginning, if anything has a lifetime.
func (c *Caretaker) Run(ctx context.Context) {
	c.m.Settled()
	var wiping sync.WaitGroup
	wiping.Go(func() { c.m.wipeAll(ctx) })
	defer wiping.Wait()
	c.begin(ctx)
	if ctx.Err() == nil { // it has looked at all
		defer c.leave()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.m.lives.anything:
			c.gather(ctx)
		case <-c.m.lives.urgent:
		case source := <-c.pressed:
			c.look(ctx)
			c.relieve(ctx, source)
		case <-timer.C:
		}
		c.look(ctx)
		c.hurry(ctx)
		next, ok := c.work(ctx)
		switch {
		case c.letGo(ctx):
			timer.Reset(0)
		case ok:
			timer.Reset(max(next.Sub(c.m.now()), 0))
		}
	}
}

// gatherTime is how long notes are left to gather: requests need not wake the caretaker for each, and of what comes and
// goes meanwhile nothing is left to do.
const gatherTime = 10 * time.Millisecond

func (c *Caretaker) gather(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-c.m.lives.urgent:
	case <-time.After(gatherTime):
	}
}

// look looks at what changed.
func (c *Caretaker) look(ctx context.Context) {
	c.looking.Lock()
	defer c.looking.Unlock()
	if begun := c.m.lives.begins(); begun != nil {
		c.collectRuns(ctx, begun)
	}
	c.lookAtNotes(ctx)
}

func (c *Caretaker) lookAtNotes(ctx context.Context) {
	for n := range c.m.lives.takeUsed() {
		c.use(n)
	}
	regions, below := c.m.lives.take()
	for dir := range below {
		c.lookBelow(ctx, dir)
	}
	for n, what := range regions {
		c.use(n)
		c.review(n, what)
	}
}

// review looks at one region: what its lifetime is, and when it is over.
func (c *Caretaker) review(n NodeID, what note) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.cares[n]
	switch {
	case what.removed:
		c.drop(n)
		return
	case what.directory || x != nil && x.lifetime.Kind == Session:
		c.reviewSession(n, what.gone)
		return
	}
	if x == nil || what.named {
		if x = c.known(n, what); x == nil {
			return
		}
	}
	c.lost(x, what.gone)
	x.tries = 0
	c.plan(x)
	if x.lifetime.Kind == TTL {
		c.keepUse(x)
	}
}

// known finds out what holds for a region: nil if it has no lifetime. Nothing is read of one that was just made.
func (c *Caretaker) known(n NodeID, what note) *care {
	x := c.cares[n]
	if what.maker.ID == 0 && x == nil {
		if a, err := c.m.Arena.Getattr(n); err != nil || !a.IsRegion() || a.Nlink == 0 {
			return nil
		}
	}
	l, pinned := c.m.LifetimeOf(n)
	if l.Kind == Manual || l.Kind == Session {
		c.forgetUse(n, x)
		c.drop(n)
		return nil
	}
	if x == nil {
		x = &care{node: n, index: -1}
		c.cares[n] = x
	}
	if what.place != (Place{}) {
		x.place = what.place
	}
	if what.maker.ID != 0 {
		x.maker = what.maker
	}
	if x.lifetime.Kind != l.Kind {
		c.unwatch(x)
		c.lastUse(x, l)
	}
	x.lifetime, x.pinned = l, pinned
	if l.Kind == Owner {
		c.hand(x)
	}
	return x
}

// plan sets a region's state and deadline.
func (c *Caretaker) plan(x *care) {
	now := c.m.now()
	x.state, x.reason = CareCounting, ""
	switch {
	case x.pinned:
		if x.lifetime.Kind == Owner {
			c.ownerGone(x) // that is shown
		}
		x.state, x.reason = CarePinned, ""
		if x.lifetime.Kind != TTL {
			c.forgetUse(x.node, x)
		}
		c.schedule(x, time.Time{})
		return
	case x.lifetime.Kind == TTL:
		c.m.lives.wantClose(x.node, true)
		c.schedule(x, now.Add(x.lifetime.TTL-c.idle(x, now)))
		return
	case x.lifetime.Kind == Owner && !c.ownerGone(x):
		c.m.lives.wantClose(x.node, false)
		c.forgetUse(x.node, x)
		return
	}
	c.m.lives.wantClose(x.node, true) // before it is asked whether it is open
	if c.m.users.isOpen(x.node) {
		x.state = CareInUse // its release is told
		c.orphaned(x)
		c.forgetUse(x.node, x)
		c.schedule(x, time.Time{})
		return
	}
	c.countDown(x, now)
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
	if !x.owner.known() {
		x.state, x.reason = CareUnknown, unknownOwner(x.owner)
		c.schedule(x, time.Time{})
		return false
	}
	n, owner := x.node, x.owner
	cancel, alive, err := c.watch(owner, func() { c.m.lives.orphaned(n, owner) })
	switch {
	case err != nil:
		x.state, x.reason = CareUnwatched, err.Error()
		x.tries++
		c.schedule(x, c.m.now().Add(backOff(x.tries)))
		return false
	case !alive:
		x.gone = true
		c.tell(events.OwnerGone, x, x.owner.String()+" is gone")
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

func (c *Caretaker) drop(n NodeID) {
	x := c.cares[n]
	if x == nil {
		return
	}
	c.unwatch(x)
	c.m.lives.wantClose(n, false)
	c.m.kept.gone(n)
	c.schedule(x, time.Time{})
	delete(c.cares, n)
	if x.lifetime.Kind == Session {
		c.countSessions(-1)
	}
}

// batch is how many regions end at one go, which takes less than a millisecond.
const batch = 16

// work ends what is due, and answers when the next one is. What is said of it meanwhile holds.
func (c *Caretaker) work(ctx context.Context) (next time.Time, ok bool) {
	for ctx.Err() == nil {
		c.look(ctx)
		c.mu.Lock()
		all := c.takeDue()
		c.end(all)
		if len(all) < batch {
			if ok = len(c.due) > 0; ok {
				next = c.due[0].deadline
			}
			c.mu.Unlock()
			return next, ok
		}
		c.mu.Unlock()
	}
	return time.Time{}, false
}

// takeDue takes what is to end now off the heap. What is due and not to end gets another deadline.
func (c *Caretaker) takeDue() (all []*care) {
	now := c.m.now()
	for len(c.due) > 0 && len(all) < batch {
		x := c.due[0]
		switch {
		case x.deadline.After(now):
			return all
		case x.lifetime.Kind == Session:
			c.settleSession(x)
		case x.state == CareUnwatched:
			tries := x.tries
			c.plan(x)
			if x.state == CareUnwatched {
				x.tries = tries + 1
			}
		case x.lifetime.Kind == TTL && x.lifetime.TTL > c.idle(x, now):
			c.schedule(x, now.Add(x.lifetime.TTL-c.idle(x, now)))
		default:
			if x.was = x.deadline; x.tries == 0 {
				c.tell(events.Expired, x, "its lifetime "+x.lifetime.String()+" is over")
			}
			c.schedule(x, time.Time{})
			all = append(all, x)
		}
	}
	return all
}

// end ends regions that have no deadline any more, those of a directory one after the other.
func (c *Caretaker) end(all []*care) {
	if len(all) == 0 {
		return
	}
	slices.SortStableFunc(all, func(x, y *care) int { return cmp.Compare(x.place.Dir, y.place.Dir) })
	ends := make([]Ending, len(all))
	for i, x := range all {
		ends[i] = Ending{Node: x.node, Why: c.why(x), place: x.place, maker: x.maker}
	}
	c.m.EndAll(ends)
	for i, x := range all {
		c.after(x, &ends[i])
	}
}

// why says what ended a region.
func (c *Caretaker) why(x *care) string {
	if x.early != notEarly {
		return fmt.Sprintf("lifetime %s, before its time: %s, and nobody has it", x.lifetime, x.early)
	}
	switch x.lifetime.Kind {
	case Owner:
		return fmt.Sprintf("lifetime %s: %s is gone, and nobody else has it", x.lifetime, x.owner)
	case LastUser:
		return fmt.Sprintf("lifetime %s: nobody has it any more", x.lifetime)
	}
	return fmt.Sprintf("lifetime %s: nobody used it for as long", x.lifetime)
}

// after takes note of what became of an end.
func (c *Caretaker) after(x *care, end *Ending) {
	now, err := c.m.now(), end.Err
	x.tries++
	switch {
	case err == nil:
		c.sums.count(x.lifetime.Kind.String(), end.size)
		if x.tries == 1 && x.state == CareCounting {
			c.sums.Longest = max(c.sums.Longest, now.Sub(x.was))
		}
		c.drop(x.node)
	case errors.Is(err, NotFound) || errors.Is(err, Stale):
		c.drop(x.node)
	case errors.Is(err, ErrHeld):
		c.sums.Held++
		if x.state != CareInUse {
			c.tell(events.InUse, x, "its lifetime is over, and somebody has it: it ends when nobody does")
		}
		c.orphaned(x)
		x.state, x.reason = CareInUse, ""
		switch {
		case x.lifetime.Kind == TTL:
			x.seen = now
			c.keepUse(x)
			c.schedule(x, now.Add(x.lifetime.TTL))
		case c.m.users.isOpen(x.node):
			c.forgetUse(x.node, x)
			c.schedule(x, time.Time{}) // its release is told
		default:
			c.forgetUse(x.node, x)
			c.schedule(x, now.Add(backOff(x.tries)))
		}
	default:
		c.sums.Failed++
		reason := err.Error() + remedyOf(err)
		if x.state != CareFailing || x.reason != reason {
			c.tell(events.EndFailed, x, reason)
		}
		x.state, x.reason = CareFailing, reason
		c.schedule(x, now.Add(backOff(x.tries)))
	}
}

// remedyOf says what a person must do about an end that failed.
func remedyOf(err error) string {
	var r *Refusal
	switch {
	case errors.As(err, &r) && r.Remedy != "":
		return ": " + r.Remedy
	case errors.Is(err, AccessDenied) || errors.Is(err, NotPermitted):
		return ": the server may not remove it: see who owns its directory, or remove it as root; it is tried again"
	case errors.Is(err, IO):
		return ": run shmfs fsck; it is tried again"
	}
	return ": remove it by hand, or give it another lifetime; it is tried again"
}

// backOff is how long to wait after so many tries: a mapping ends without a word, so whoever has one is asked for again.
func backOff(tries int) time.Duration {
	const first, most = 250 * time.Millisecond, time.Minute
	return min(first<<min(tries, 10), most)
}

func (c *Caretaker) tell(k events.Kind, x *care, reason string) {
	e := events.Event{Kind: k, Time: c.m.now(), Node: uint64(x.node), Reason: reason}
	if x.place != (Place{}) {
		e.Dir, e.Name = uint64(x.place.Dir), x.place.Name
	} else {
		e.Path = c.m.Path(x.node)
	}
	c.m.events.Add(e)
}
