package regions_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

// people are processes that live until they are told to end.
type people struct {
	mu   sync.Mutex
	dead map[uint32]bool
	full bool
	gone map[uint32]map[int]func()
	next int

	groups map[string]map[int]func() // by what is said of them
	over   map[string]bool
}

var errFull = errors.New("full")

func (p *people) Watch(pid uint32, _ time.Duration, gone func()) (cancel func(), alive bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.full:
		return nil, false, errFull
	case p.dead[pid]:
		return nil, false, nil
	}
	if p.gone[pid] == nil {
		p.gone[pid] = map[int]func(){}
	}
	p.next++
	n := p.next
	p.gone[pid][n] = gone
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.gone[pid], n)
	}, true, nil
}

func (p *people) die(pid uint32) {
	p.mu.Lock()
	all := slices.Collect(maps.Values(p.gone[pid]))
	p.dead[pid] = true
	p.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// estate is a manager with a caretaker that works.
type estate struct {
	*regions.Manager
	care   *regions.Caretaker
	people *people
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	return newEstateOf(t, mem.New(mem.Options{Bytes: 1 << 20}))
}

func newEstateOf(t *testing.T, arena regions.Arena) *estate {
	t.Helper()
	m := regions.NewManager(arena)
	m.SetUptime(func() time.Duration { return time.Hour })
	p := &people{dead: map[uint32]bool{}, gone: map[uint32]map[int]func(){}}
	e := &estate{m, regions.NewCaretaker(m, p), p}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.care.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return e
}

func (e *estate) says(t *testing.T, n regions.NodeID, name, value string) {
	t.Helper()
	if err := e.Setxattr(n, name, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

func (e *estate) make(t *testing.T, dir regions.NodeID, name string, mode, pid uint32) regions.NodeID {
	t.Helper()
	a, err := e.Make(dir, name, regions.Spec{Mode: mode | 0o700, Record: regions.Record{PID: pid}})
	if err != nil {
		t.Fatal(err)
	}
	return a.Node
}

func (e *estate) there(dir regions.NodeID, name string) bool {
	_, err := e.Lookup(dir, name)
	return err == nil
}

func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s within a minute", what)
		}
	}
}

func (e *estate) state(n regions.NodeID) regions.CareState {
	for _, x := range e.care.Cares() {
		if x.Node == n {
			return x.State
		}
	}
	return ""
}

const short = 30 * time.Millisecond

func TestOwners(t *testing.T) {
	e := newEstate(t)
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner,grace=0")
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
	below := e.make(t, dir, "below", regions.TypeRegular, 7)
	other := e.make(t, dir, "other", regions.TypeRegular, 8)
	unknown := e.make(t, dir, "unknown", regions.TypeRegular, 0)
	held := e.make(t, dir, "held", regions.TypeRegular, 7)
	pinned := e.make(t, dir, "pinned", regions.TypeRegular, 7)
	own := e.make(t, dir, "own", regions.TypeRegular, 7)
	e.says(t, pinned, regions.PinXattr, "true")
	e.says(t, own, regions.LifetimeXattr, "manual")
	if err := e.Opened(held, regions.ReadAccess); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[regions.NodeID]regions.CareState{below: regions.CareOwner, other: regions.CareOwner,
		unknown: regions.CareUnknown, pinned: regions.CarePinned, own: ""} {
		within(t, string(want), func() bool { return e.state(n) == want })
	}
	e.people.die(7)
	within(t, "end", func() bool { return !e.there(dir, "below") })
	within(t, "in use", func() bool { return e.state(held) == regions.CareInUse })
	time.Sleep(short)
	for _, name := range []string{"other", "unknown", "held", "pinned", "own"} {
		if !e.there(dir, name) {
			t.Errorf("%s is gone", name)
		}
	}
	e.Released(held, regions.ReadAccess)
	within(t, "end of what was held", func() bool { return !e.there(dir, "held") })
	e.says(t, pinned, regions.PinXattr, "false")
	within(t, "end of what was pinned", func() bool { return !e.there(dir, "pinned") })
	within(t, "sum of 3 that ended and 2 that are left", func() bool {
		s := e.care.Sums()
		return s.Ended == 3 && s.Cared == 2
	})
}

func TestLastUserAndMoves(t *testing.T) {
	e := newEstate(t)
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
	e.says(t, dir, regions.LifetimeXattr, "last-user,grace=0")
	n := e.make(t, regions.RootNode, "r", regions.TypeRegular, 7)
	if err := e.Opened(n, regions.ReadAccess); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Rename(regions.Rename{Dir: regions.RootNode, Name: "r", NewDir: dir, NewName: "x"}); err != nil {
		t.Fatal(err)
	}
	within(t, "in use", func() bool { return e.state(n) == regions.CareInUse })
	if _, err := e.Link(n, dir, "second"); err != nil {
		t.Fatal(err)
	}
	e.Released(n, regions.ReadAccess)
	within(t, "end of both names", func() bool { return !e.there(dir, "x") && !e.there(dir, "second") })

	sub := e.make(t, regions.RootNode, "s", regions.TypeDir, 0)
	e.make(t, sub, "y", regions.TypeRegular, 7)
	if _, err := e.Rename(regions.Rename{Dir: regions.RootNode, Name: "s", NewDir: dir, NewName: "s"}); err != nil {
		t.Fatal(err)
	}
	within(t, "end of what came with its directory", func() bool { return !e.there(sub, "y") })
}

func TestUnwatchedOwners(t *testing.T) {
	e := newEstate(t)
	e.people.full = true
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner,grace=0")
	n := e.make(t, regions.RootNode, "r", regions.TypeRegular, 7)
	within(t, "unwatched", func() bool { return e.care.Sums().Unwatched == 1 && e.state(n) == regions.CareUnwatched })
	e.people.mu.Lock()
	e.people.full = false
	e.people.mu.Unlock()
	within(t, "watch", func() bool { return e.state(n) == regions.CareOwner })
	e.people.die(7)
	within(t, "end", func() bool { return !e.there(regions.RootNode, "r") })
}

// reluctant is a front end that knows of somebody who has a region.
type reluctant struct {
	mu    sync.Mutex
	asked []regions.NodeID
	held  bool
	begun int
	ended int
	done  int
}

func (r *reluctant) Held(all []regions.NodeID) []bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, all...)
	held := make([]bool, len(all))
	for i := range held {
		held[i] = r.held
	}
	return held
}
func (r *reluctant) Begin(regions.Place) { r.begun++ }
func (r *reluctant) Ended(regions.Place) { r.ended++ }
func (r *reluctant) Done()               { r.done++ }
func (r *reluctant) Yield()              {}

func TestEnd(t *testing.T) {
	e := newEstate(t)
	r := &reluctant{held: true}
	e.SetEnder(r)
	n := e.make(t, regions.RootNode, "r", regions.TypeRegular, 7)
	if err := e.End(n, "a test"); !errors.Is(err, regions.ErrHeld) {
		t.Errorf("the end of what somebody has: %v", err)
	}
	r.held = false
	if err := e.End(n, "a test"); err != nil || r.begun != 1 || r.ended != 1 {
		t.Errorf("end: %v, begun %d times, ended %d times", err, r.begun, r.ended)
	}
	all, _ := e.Events().Since(0, events.Kept)
	if len(all) != 1 || all[0].Kind != events.Deleted || all[0].Dir != uint64(regions.RootNode) || all[0].Name != "r" || all[0].Reason != "a test" {
		t.Errorf("told %+v", all)
	}
	if err := e.End(n, "again"); err == nil {
		t.Error("what is gone ended again")
	}
}

// The grace period of an owner that died is used to let go of what he leaves.
func TestLetGoBeforeTheEnd(t *testing.T) {
	e := newEstate(t)
	r := &reluctant{}
	e.SetEnder(r)
	asked := func(n regions.NodeID) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Contains(r.asked, n)
	}
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner,grace=1h")
	n := e.make(t, regions.RootNode, "r", regions.TypeRegular, 7)
	other := e.make(t, regions.RootNode, "s", regions.TypeRegular, 8)
	e.people.die(7)
	within(t, "letting go", func() bool { return asked(n) })
	if !e.there(regions.RootNode, "r") || e.state(n) != regions.CareCounting {
		t.Errorf("in its grace period it is %s", e.state(n))
	}
	if asked(other) {
		t.Error("it was let go of what belongs to somebody who lives")
	}
}

func TestChosen(t *testing.T) {
	e := newEstate(t)
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
	e.make(t, dir, "a", regions.TypeRegular, 7)
	e.make(t, dir, "b", regions.TypeRegular, 8)
	c := e.make(t, regions.RootNode, "c", regions.TypeRegular, 7)
	e.people.die(7)
	if n, err := e.care.EndChosen(t.Context(), regions.Choice{Below: dir, Orphans: true}, "a test"); err != nil || n != 1 {
		t.Errorf("%d ended (%v), want a", n, err)
	}
	if n, err := e.care.EndChosen(t.Context(), regions.Choice{Below: c}, "a test"); err != nil || n != 1 {
		t.Errorf("%d ended (%v), want c", n, err)
	}
	if !e.there(dir, "b") {
		t.Error("b is gone")
	}
}

// Names come and go while regions end: nothing but what has the lifetime may go.
func TestEndsBesideRenames(t *testing.T) {
	e := newEstate(t)
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
	e.says(t, dir, regions.LifetimeXattr, "last-user,grace=0")
	kept := e.make(t, regions.RootNode, "kept", regions.TypeRegular, 1)
	e.says(t, kept, regions.PinXattr, "true")
	for range 300 {
		e.make(t, dir, "r", regions.TypeRegular, 7)
		e.Rename(regions.Rename{Dir: regions.RootNode, Name: "kept", NewDir: dir, NewName: "r"})
		e.Rename(regions.Rename{Dir: dir, Name: "r", NewDir: regions.RootNode, NewName: "kept"})
		if a, err := e.Lookup(regions.RootNode, "kept"); err != nil || a.Node != kept {
			t.Fatalf("what is pinned is gone: %+v, %v", a, err)
		}
		e.Remove(dir, "r", false)
	}
}
