package regions_test

import (
	"slices"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

// shown answers what is shown of a region or a session.
func (e *estate) shown(n regions.NodeID) (x regions.Care) {
	all := e.care.Cares()
	if i := slices.IndexFunc(all, func(x regions.Care) bool { return x.Node == n }); i >= 0 {
		x = all[i]
	}
	return x
}

// What was asked for is shown at once, though the caretaker lets notes gather.
func TestWhatWasAskedForIsShown(t *testing.T) {
	e := newEstate(t)
	e.SetAlive(func(regions.WhoOwns) bool { return true })
	all := e.sessions(t, "session,ttl=1h")
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
	e.says(t, dir, regions.LifetimeXattr, "owner")
	first := e.make(t, dir, "first", regions.TypeRegular, 7)
	within(t, "first look", func() bool { return e.state(first) == regions.CareOwner })
	for pid := range uint32(20) {
		s := e.make(t, all, "s", regions.TypeDir, 0)
		open, err := e.care.Sessions(t.Context())
		if err != nil || len(open) != 1 || open[0].Node != s {
			t.Fatalf("sessions: %+v, %v, want the new one", open, err)
		}
		r := e.make(t, dir, "r", regions.TypeRegular, 100+pid)
		if got := e.shown(r); got.State != regions.CareOwner || got.Owner.ID != 100+pid {
			t.Fatalf("new region: %+v", got)
		}
		e.says(t, r, regions.OwnerXattr, "directory")
		if got := e.shown(r); got.State != regions.CareUnknown {
			t.Fatalf("handed to nobody: %+v", got)
		}
		if _, err := e.Remove(dir, "r", false); err != nil {
			t.Fatal(err)
		}
		if got := e.shown(r); got != (regions.Care{}) {
			t.Fatalf("removed: %+v", got)
		}
		if _, err := e.Remove(all, "s", true); err != nil {
			t.Fatal(err)
		}
	}
}

// Of what is pinned it is shown whether its owner is gone, also where it was handed to that one afterwards.
func TestPinnedOwnersAreShown(t *testing.T) {
	e := newEstate(t)
	e.SetAlive(func(regions.WhoOwns) bool { return true })
	all := e.sessions(t, "session,ttl=1h")
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
	e.says(t, dir, regions.LifetimeXattr, "owner,grace=0")
	r, s := e.make(t, dir, "r", regions.TypeRegular, 7), e.make(t, all, "s", regions.TypeDir, 0)
	for _, n := range []regions.NodeID{r, s} {
		e.says(t, n, regions.PinXattr, "true")
		e.says(t, n, regions.OwnerXattr, "9")
	}
	within(t, "pinned, owner alive", func() bool {
		return e.shown(r).State == regions.CarePinned && !e.shown(r).Gone && e.shown(s).State == regions.CarePinned && !e.shown(s).Gone
	})
	e.people.die(9)
	within(t, "pinned, owner gone", func() bool {
		return e.shown(r).State == regions.CarePinned && e.shown(r).Gone && e.shown(s).State == regions.CarePinned && e.shown(s).Gone
	})
	e.says(t, r, regions.PinXattr, "false")
	within(t, "end", func() bool { return !e.there(dir, "r") })
	if !e.there(all, "s") {
		t.Error("a pinned session ended with its owner")
	}
}
