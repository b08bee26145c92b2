package regions_test

import (
	"errors"
	"testing"
	"time"

	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

// sessions makes a directory of sessions of some time.
func (e *estate) sessions(t *testing.T, lifetime string) regions.NodeID {
	t.Helper()
	dir := e.make(t, regions.RootNode, "sessions", regions.TypeDir, 0)
	e.says(t, dir, regions.LifetimeXattr, lifetime)
	return dir
}

func TestSessionsEndByTime(t *testing.T) {
	e := newEstate(t)
	all := e.sessions(t, "session,ttl=1h")
	used, idle := e.make(t, all, "used", regions.TypeDir, 0), e.make(t, all, "idle", regions.TypeDir, 0)
	below := e.make(t, idle, "below", regions.TypeDir, 0)
	e.make(t, below, "r", regions.TypeRegular, 7)
	stray := e.make(t, all, "stray", regions.TypeRegular, 7)
	r := e.make(t, used, "r", regions.TypeRegular, 7)
	if err := e.Opened(r, regions.ReadAccess); err != nil {
		t.Fatal(err)
	}
	e.says(t, all, regions.LifetimeXattr, "session,ttl=200ms")
	within(t, "end of the idle one", func() bool { return !e.there(all, "idle") })
	within(t, "in_use", func() bool { return e.state(used) == regions.CareInUse })
	if !e.there(all, "used") || !e.there(used, "r") || !e.there(all, "stray") {
		t.Error("what is in use ended, or what is in no session")
	}
	within(t, "word of the end", func() bool {
		return e.told(events.SessionEnded, "sessions/idle") && e.told(events.Deleted, "sessions/idle/below/r")
	})
	e.Released(r, regions.ReadAccess)
	within(t, "end of the other one", func() bool { return !e.there(all, "used") })
	if _, err := e.Getattr(stray); err != nil {
		t.Error(err)
	}
}

// Who has a region without a name in a session uses it, and links it there in the end.
func TestSessionsWithRegionsWithoutAName(t *testing.T) {
	e := newEstate(t)
	all := e.sessions(t, "session,ttl=100ms")
	s := e.make(t, all, "s", regions.TypeDir, 0)
	below := e.make(t, s, "below", regions.TypeDir, 0)
	a, _, err := e.MakeOpen(below, "", regions.Spec{Mode: regions.TypeRegular | 0o600})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Opened(a.Node, regions.WriteAccess); err != nil {
		t.Fatal(err)
	}
	within(t, "in_use", func() bool { return e.state(s) == regions.CareInUse })
	if open, err := e.care.Sessions(t.Context()); err != nil || len(open) != 1 || open[0].InUse != 1 {
		t.Errorf("sessions are %+v (%v)", open, err)
	}
	if _, err := e.Link(a.Node, below, "result"); err != nil {
		t.Fatal(err)
	}
	e.Released(a.Node, regions.WriteAccess)
	within(t, "end", func() bool { return !e.there(all, "s") })
}

// A region without a name that was used and is gone was a use.
func TestSessionsAreUsedByWhatHasNoName(t *testing.T) {
	e := newEstate(t)
	all := e.sessions(t, "session,ttl=1h")
	s := e.make(t, all, "s", regions.TypeDir, 0)
	seen := func() time.Time {
		open, err := e.care.Sessions(t.Context())
		if err != nil || len(open) != 1 {
			return time.Time{}
		}
		return open[0].LastUsed
	}
	within(t, "the session", func() bool { return !seen().IsZero() })
	for _, name := range []string{"opened", "closed"} {
		a, _, err := e.MakeOpen(s, "", regions.Spec{Mode: regions.TypeRegular | 0o600})
		if err != nil {
			t.Fatal(err)
		}
		before := seen()
		if err := e.Opened(a.Node, regions.ReadAccess); err != nil {
			t.Fatal(err)
		}
		if name == "closed" {
			within(t, "the opening", func() bool { return seen().After(before) })
			before = seen()
		}
		e.Released(a.Node, regions.ReadAccess)
		e.Forgotten(a.Node)
		within(t, name, func() bool { return seen().After(before) })
	}
}

// An end by hand takes the names of what is in use too: it lives on, and counts.
func TestSessionsEndByHand(t *testing.T) {
	e := newEstate(t)
	all := e.sessions(t, "session")
	s := e.make(t, all, "s", regions.TypeDir, 0)
	e.make(t, s, "free", regions.TypeRegular, 7)
	busy := e.make(t, s, "busy", regions.TypeRegular, 7)
	if err := e.Opened(busy, regions.WriteAccess); err != nil {
		t.Fatal(err)
	}
	within(t, "open", func() bool { return e.state(s) == regions.CareOpen })
	e.says(t, s, regions.SessionXattr, "end")
	within(t, "end", func() bool { return !e.there(all, "s") })
	if _, err := e.Getattr(busy); err != nil || e.Accounts().Unnamed() != 1 {
		t.Errorf("what is in use: %v, %d without a name, want 1", err, e.Accounts().Unnamed())
	}
	e.Released(busy, regions.WriteAccess)
	e.Forgotten(busy)
	if n := e.Accounts().Unnamed(); n != 0 {
		t.Errorf("%d without a name", n)
	}
}

func TestSessionsEndWithTheirOwner(t *testing.T) {
	e := newEstate(t)
	all := e.sessions(t, "session,ttl=1h")
	s := e.make(t, all, "s", regions.TypeDir, 0)
	e.make(t, s, "result", regions.TypeRegular, 9)
	e.says(t, s, regions.OwnerXattr, "7")
	within(t, "owner", func() bool { return e.state(s) != "" })
	e.people.die(9) // a worker
	pinned := e.make(t, all, "pinned", regions.TypeDir, 0)
	keep := e.make(t, pinned, "keep", regions.TypeRegular, 9)
	e.make(t, pinned, "rest", regions.TypeRegular, 9)
	e.says(t, keep, regions.PinXattr, "true")
	e.says(t, pinned, regions.OwnerXattr, "7")
	time.Sleep(short)
	if !e.there(s, "result") {
		t.Fatal("it did not survive its worker")
	}
	e.people.die(7)
	within(t, "end", func() bool { return !e.there(all, "s") && !e.there(pinned, "rest") })
	within(t, "a plain directory", func() bool { return e.state(pinned) == "" })
	if !e.there(pinned, "keep") {
		t.Error("what was pinned ended")
	}
}

func TestSessionsAreKept(t *testing.T) {
	e := newEstate(t)
	all := e.sessions(t, "session,ttl=2h")
	s := e.make(t, all, "s", regions.TypeDir, 0)
	e.says(t, s, regions.SessionXattr, "ttl=1h")
	within(t, "its own time", func() bool {
		open, err := e.care.Sessions(t.Context())
		return err == nil && len(open) == 1 && open[0].Lifetime.TTL == time.Hour && open[0].Path == "sessions/s"
	})
	e.says(t, all, regions.LifetimeXattr, "session,ttl=100ms")
	e.says(t, s, regions.SessionXattr, "keep")
	within(t, "a plain directory", func() bool { return e.state(s) == "" })
	time.Sleep(5 * short)
	if !e.there(all, "s") {
		t.Error("it ended")
	}
	var refused *regions.Refusal
	if err := e.Setxattr(s, regions.SessionXattr, []byte("end"), 0); !errors.As(err, &refused) {
		t.Errorf("the end of what was kept: %v", err)
	}
	if err := e.Setxattr(all, regions.SessionXattr, []byte("end"), 0); !errors.As(err, &refused) {
		t.Errorf("the end of what is no session: %v", err)
	}
	for _, value := range []string{"", "ttl=", "ttl=0", "over"} {
		if err := e.Setxattr(s, regions.SessionXattr, []byte(value), 0); !errors.Is(err, regions.Invalid) {
			t.Errorf("session=%q: %v", value, err)
		}
	}
	e.says(t, s, regions.SessionXattr, "begin")
	within(t, "end of what is a session again", func() bool { return !e.there(all, "s") })
}

func TestHandOver(t *testing.T) {
	e := newEstate(t)
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner,grace=0")
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
	a := e.make(t, dir, "a", regions.TypeRegular, 7)
	b := e.make(t, dir, "b", regions.TypeRegular, 7)
	own := e.make(t, dir, "own", regions.TypeRegular, 7)
	c := e.make(t, regions.RootNode, "c", regions.TypeRegular, 7)
	e.says(t, a, regions.OwnerXattr, "8")
	e.says(t, dir, regions.OwnerXattr, "9")
	e.says(t, own, regions.OwnerXattr, "directory")
	e.says(t, c, regions.OwnerXattr, "directory")
	within(t, "the new owners", func() bool {
		return e.owner(a) == 8 && e.owner(b) == 9 && e.owner(own) == 9 && e.state(c) == regions.CareUnknown
	})
	e.people.die(7)
	time.Sleep(short)
	if !e.there(dir, "a") {
		t.Error("a ended with its maker")
	}
	e.people.die(8)
	within(t, "end of a", func() bool { return !e.there(dir, "a") })
	for _, name := range []string{"b", "own"} {
		if !e.there(dir, name) {
			t.Errorf("%s ended with somebody else's owner", name)
		}
	}
	e.people.die(9)
	within(t, "end of b", func() bool { return !e.there(dir, "b") && !e.there(dir, "own") })
	if !e.there(regions.RootNode, "c") {
		t.Error("what has no owner ended")
	}
	e.SetAlive(func(o regions.WhoOwns) bool { return o.ID == 5 })
	for _, value := range []string{"", "x", "0", "-1", "4294967296", "6", "5@x", "pgid:", "sid:x", "cgroup:", "cgroup:a", "cgroup:/a/../b"} {
		if err := e.Setxattr(c, regions.OwnerXattr, []byte(value), 0); !errors.Is(err, regions.Invalid) {
			t.Errorf("owner=%q: %v", value, err)
		}
	}
	if v, err := e.Getxattr(dir, regions.OwnerXattr); err != nil || string(v) != "9@3600.000000000" {
		t.Errorf("the directory's owner reads as %q (%v)", v, err)
	}
}

func (e *estate) owner(n regions.NodeID) uint32 {
	for _, x := range e.care.Cares() {
		if x.Node == n {
			return x.Owner.ID
		}
	}
	return 0
}
