package regions_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// newStill makes an estate whose caretaker does nothing by itself, and a clock that is set by hand.
func newStill(t *testing.T, arena regions.Arena) (e *estate, now *time.Time) {
	t.Helper()
	m := regions.NewManager(arena)
	at := time.Unix(1_000_000, 0)
	m.SetClock(func() time.Time { return at })
	m.SetUptime(func() time.Duration { return time.Hour })
	p := &people{dead: map[uint32]bool{}, gone: map[uint32]map[int]func(){}}
	return &estate{m, regions.NewCaretaker(m, p), p}, &at
}

// What was said holds at once, whoever looks next, and however much ends.
func TestWhatIsSaidHoldsForEndsNow(t *testing.T) {
	e, now := newStill(t, mem.New(mem.Options{Bytes: 1 << 20}))
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner,grace=1h")
	all := e.sessions(t, "session,ttl=1h")
	s := e.make(t, all, "s", regions.TypeDir, 0)
	pinned := e.make(t, regions.RootNode, "pinned", regions.TypeRegular, 7)
	e.make(t, regions.RootNode, "r", regions.TypeRegular, 7)
	e.people.die(7)
	e.care.Step(t.Context())
	*now = now.Add(2 * time.Hour)
	e.says(t, pinned, regions.PinXattr, "true")
	e.says(t, s, regions.SessionXattr, "keep")
	e.care.RunNow(t.Context())
	if e.there(regions.RootNode, "r") || !e.there(regions.RootNode, "pinned") || !e.there(all, "s") {
		t.Errorf("the one that has no owner is there: %v; the pinned one: %v; the session that is kept: %v",
			e.there(regions.RootNode, "r"), e.there(regions.RootNode, "pinned"), e.there(all, "s"))
	}
}

// poor is an arena that cannot be walked once.
type poor struct {
	*mem.Arena
	refuses atomic.Int32
}

func (p *poor) Walk(ctx context.Context, from regions.NodeID, fn func(regions.Item) error) error {
	if p.refuses.Add(-1) == 0 {
		return regions.TooManyFiles
	}
	return p.Arena.Walk(ctx, from, fn)
}

// What cannot be looked at for want of descriptors is looked at later.
func TestWhatIsBelowIsLookedAtAgain(t *testing.T) {
	arena := &poor{Arena: mem.New(mem.Options{Bytes: 1 << 20})}
	e := newEstateOf(t, arena)
	e.make(t, regions.RootNode, "r", regions.TypeRegular, 7)
	arena.refuses.Store(1)
	e.says(t, regions.RootNode, regions.LifetimeXattr, "last-user,grace=0")
	within(t, "end", func() bool { return !e.there(regions.RootNode, "r") })
}

// shy is an arena that does not say which attributes regions have, while it is so.
type shy struct {
	*mem.Arena
	is atomic.Bool
}

func (s *shy) Listxattr(n regions.NodeID) ([]string, error) {
	if s.is.Load() {
		return nil, regions.TooManyFiles
	}
	return s.Arena.Listxattr(n)
}

// A region that cannot be asked whether it is pinned does not end, and is asked again.
func TestPinThatCannotBeRead(t *testing.T) {
	arena := &shy{Arena: mem.New(mem.Options{Bytes: 1 << 20})}
	e := newEstateOf(t, arena)
	ends := e.make(t, regions.RootNode, "ends", regions.TypeDir, 0)
	e.says(t, ends, regions.LifetimeXattr, "last-user,grace=0")
	e.says(t, e.make(t, regions.RootNode, "pinned", regions.TypeRegular, 7), regions.PinXattr, "true")
	e.says(t, e.make(t, regions.RootNode, "free", regions.TypeRegular, 7), regions.PinXattr, "false")
	e.make(t, regions.RootNode, "plain", regions.TypeRegular, 7)
	arena.is.Store(true)
	for _, name := range []string{"pinned", "free", "plain"} {
		if _, err := e.Rename(regions.Rename{Dir: regions.RootNode, Name: name, NewDir: ends, NewName: name}); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "end", func() bool { return !e.there(ends, "plain") })
	if !e.there(ends, "free") {
		t.Error("one that nobody could ask has ended")
	}
	arena.is.Store(false)
	within(t, "end", func() bool { return !e.there(ends, "free") })
	if !e.there(ends, "pinned") {
		t.Error("a pinned one has ended")
	}
}

// miserly is an arena that refuses to keep sessions, a number of times.
type miserly struct {
	*mem.Arena
	refuses int
}

func (s *miserly) Setxattr(n regions.NodeID, name string, value []byte, flags regions.XattrFlags) error {
	if string(value) == "keep" && s.refuses > 0 {
		s.refuses--
		return regions.NoSpace
	}
	return s.Arena.Setxattr(n, name, value, flags)
}

// A session of which something stays ends when that can be written down, and is told of then.
func TestSessionThatCannotBeKept(t *testing.T) {
	e, now := newStill(t, &miserly{mem.New(mem.Options{Bytes: 1 << 20}), 2})
	all := e.sessions(t, "session")
	s := e.make(t, all, "s", regions.TypeDir, 0)
	e.says(t, e.make(t, s, "result", regions.TypeRegular, 7), regions.PinXattr, "true")
	e.says(t, s, regions.SessionXattr, "end")
	for range 2 {
		e.care.Step(t.Context())
		if got := e.state(s); got != regions.CareFailing || e.told("session_ended", "sessions/s") {
			t.Fatalf("while it cannot be kept it is %q, and its end is told: %v", got, e.told("session_ended", "sessions/s"))
		}
		*now = now.Add(time.Minute)
	}
	e.care.Step(t.Context())
	if got := e.state(s); got != "" || !e.told("session_ended", "sessions/s") || !e.there(s, "result") {
		t.Errorf("it is %q, its end is told: %v, the result is there: %v", got, e.told("session_ended", "sessions/s"), e.there(s, "result"))
	}
}
