package regions

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// Care is a region that has a lifetime, as it is shown.
type Care struct {
	Path     string
	Node     NodeID
	Lifetime Lifetime
	State    CareState
	Owner    WhoOwns   // where that matters
	Gone     bool      // it is
	Deadline time.Time // zero for none
	Tries    int
	Reason   string
}

func (x *care) shown() Care {
	return Care{Node: x.node, Lifetime: x.lifetime, State: x.state, Owner: x.owner, Gone: x.gone, Deadline: x.deadline,
		Tries: x.tries, Reason: x.reason}
}

// Sums answers counts.
func (c *Caretaker) Sums() CareSums {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sums
	s.Kinds = maps.Clone(c.sums.Kinds)
	s.Cared = len(c.cares)
	for _, x := range c.due { // what is tried again has a deadline
		switch x.state {
		case CareFailing:
			s.Failing++
		case CareUnwatched:
			s.Unwatched++
		}
	}
	return s
}

// count takes note of an end.
func (s *CareSums) count(kind string, bytes int64) {
	s.Ended++
	s.Bytes += uint64(bytes)
	s.Kinds[kind]++
}

// Cares answers all regions that have a lifetime other than manual, the next deadline first.
func (c *Caretaker) Cares() []Care {
	c.showNew(context.Background())
	c.mu.Lock()
	all := make([]Care, 0, len(c.cares))
	for _, x := range c.cares {
		all = append(all, x.shown())
	}
	c.mu.Unlock()
	for i := range all {
		all[i].Path = c.m.Path(all[i].Node)
	}
	slices.SortFunc(all, func(x, y Care) int {
		if x.Deadline.IsZero() != y.Deadline.IsZero() {
			if x.Deadline.IsZero() {
				return 1
			}
			return -1
		}
		return cmp.Or(x.Deadline.Compare(y.Deadline), cmp.Compare(x.Path, y.Path))
	})
	return all
}

// showNew sees to it that what is shown next is what was asked for before. It ends nothing, and does not wait for the first
// look at all that there is.
func (c *Caretaker) showNew(ctx context.Context) {
	if c.m.lives.starting.Load() {
		return
	}
	c.looking.Lock()
	defer c.looking.Unlock()
	c.lookAtNotes(ctx)
}

// RunNow ends what only waits for its grace period or for another try.
func (c *Caretaker) RunNow(ctx context.Context) {
	c.look(ctx) // whoever looks afterwards sets other deadlines
	c.mu.Lock()
	for _, x := range slices.Clone(c.due) {
		if x.lifetime.Kind != TTL {
			c.schedule(x, c.m.now())
		}
	}
	c.mu.Unlock()
	c.work(ctx)
	c.m.lives.wake() // the next deadline may be another one
}

// Choice says which regions to end beside those whose lifetime is over.
type Choice struct {
	// Below is the directory, or the region, at or below which all are meant.
	Below NodeID
	// Orphans means only those whose owner is known, and is gone.
	Orphans bool
	// Run means only those of a run.
	Run string
	// Runs means only those of runs that made regions there, and none of whose processes lives.
	Runs bool

	begun map[string]struct{} // runs that are none of those
}

// Chosen ranges over the regions that a choice means, pinned ones left out. In use is looked at by who ends them.
func (c *Caretaker) Chosen(ctx context.Context, want Choice, fn func(NodeID) error) error {
	alive := &living{c, map[WhoOwns]bool{}}
	var over map[string]bool
	if want.Runs {
		var err error
		if over, err = c.overRuns(ctx, want.Below, alive); err != nil {
			return err
		}
		for run := range want.begun {
			delete(over, run)
		}
	}
	visit := func(n NodeID, r Record) error {
		if _, pinned := c.m.LifetimeOf(n); pinned {
			return nil
		}
		if want.Orphans {
			if lives, known := alive.lives(c.m.OwnerIn(n, &r)); lives || !known {
				return nil
			}
		}
		run := ""
		if want.Runs || want.Run != "" {
			run = c.m.Labels(n)[RunLabel]
		}
		if want.Runs && !over[run] || want.Run != "" && run != want.Run {
			return nil
		}
		return fn(n)
	}
	a, err := c.m.Arena.Getattr(want.Below)
	if err != nil {
		return err
	}
	if a.IsRegion() {
		r, _ := c.m.Arena.Record(a.Node)
		return visit(a.Node, r)
	}
	return c.m.Arena.Walk(ctx, a.Node, func(it Item) error {
		if err := ctx.Err(); err != nil || !it.Attr.IsRegion() {
			return err
		}
		return visit(it.Attr.Node, it.Record)
	})
}

// EndChosen ends what a choice means and nobody has. It answers how many, and the first failure that is none of these.
func (c *Caretaker) EndChosen(ctx context.Context, want Choice, why string) (ended int, err error) {
	var failed error
	var all []Ending
	end := func() {
		c.m.EndAll(all)
		for i := range all {
			switch err := all[i].Err; {
			case err == nil:
				ended++
				c.mu.Lock()
				c.sums.count("", all[i].size)
				c.mu.Unlock()
			case errors.Is(err, ErrHeld), errors.Is(err, Stale), errors.Is(err, NotFound):
			case failed == nil:
				failed = err
			}
		}
		all = all[:0]
	}
	err = c.Chosen(ctx, want, func(n NodeID) error {
		if all = append(all, Ending{Node: n, Why: why}); len(all) == batch {
			end()
		}
		return nil
	})
	end()
	return ended, errors.Join(err, failed)
}
