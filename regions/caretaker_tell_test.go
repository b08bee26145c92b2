package regions_test

import (
	"slices"
	"testing"

	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

// course answers what was told of a region, in its order.
func (e *estate) course(n regions.NodeID) (kinds []events.Kind) {
	all, _ := e.Events().Since(0, events.Kept)
	for _, x := range all {
		if x.Node == uint64(n) {
			kinds = append(kinds, x.Kind)
		}
	}
	return kinds
}

// Who reads the events learns of each step to the end of a region, in order, and of each once.
func TestTheCourseOfAnEnd(t *testing.T) {
	e := newEstate(t)
	owned := e.make(t, regions.RootNode, "owned", regions.TypeDir, 0)
	e.says(t, owned, regions.LifetimeXattr, "owner,grace=0")
	left := e.make(t, regions.RootNode, "left", regions.TypeDir, 0)
	e.says(t, left, regions.LifetimeXattr, "last-user,grace=0")
	held := e.make(t, owned, "held", regions.TypeRegular, 7)
	if err := e.Opened(held, regions.ReadAccess); err != nil {
		t.Fatal(err)
	}
	free := e.make(t, owned, "free", regions.TypeRegular, 7)
	within(t, "owners", func() bool { return e.state(held) == regions.CareOwner && e.state(free) == regions.CareOwner })
	e.people.die(7)
	within(t, "orphan", func() bool { return slices.Contains(e.course(held), events.Orphaned) })
	if err := e.Opened(held, regions.ReadAccess); err != nil {
		t.Fatal(err)
	}
	e.Released(held, regions.ReadAccess)
	e.Released(held, regions.ReadAccess)
	last := e.make(t, left, "r", regions.TypeRegular, 8)
	for n, want := range map[regions.NodeID][]events.Kind{
		held: {events.OwnerGone, events.Orphaned, events.Expired, events.Deleted},
		free: {events.OwnerGone, events.Expired, events.Deleted},
		last: {events.Expired, events.Deleted},
	} {
		within(t, "end", func() bool { return slices.Contains(e.course(n), events.Deleted) })
		if got := e.course(n); !slices.Equal(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
	}
}
