package regions_test

import (
	"fmt"
	"testing"

	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

func TestHistory(t *testing.T) {
	e := newEstate(t)
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner,grace=0")
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
	n := e.make(t, dir, "a", regions.TypeRegular, 7)
	e.people.die(7)
	within(t, "end", func() bool { return len(e.History()) == 1 })
	x := e.History()[0]
	if x.Path != "d/a" || x.Node != n || x.Record.PID != 7 || x.Removed || x.Reason == "" || len(x.Told) != 1 || x.Told[0].Kind != events.OwnerGone {
		t.Errorf("remembered as %+v", x)
	}
	e.Events().Add(events.Event{Kind: events.Zeroed, Node: uint64(n)})
	if x := e.History()[0]; len(x.Told) != 2 {
		t.Errorf("what was told after its end: %+v", x.Told)
	}
	e.SetHistory(3)
	for i := range 20 {
		e.Events().Add(events.Event{Kind: events.Deleted, Node: uint64(100 + i), Dir: uint64(dir), Name: fmt.Sprint(i), Caller: true, PID: 9})
	}
	all := e.History()
	if len(all) != 3 || all[0].Path != "d/19" || all[2].Path != "d/17" || !all[0].Removed || all[0].PID != 9 {
		t.Errorf("of the last 3: %+v", all)
	}
	e.SetHistory(0)
	e.Events().Add(events.Event{Kind: events.Deleted, Node: 1000})
	if all := e.History(); len(all) != 0 {
		t.Errorf("nothing is to be remembered: %+v", all)
	}
}

// What is told of regions long after their end does not take the place of what is told of others.
func TestHistoryOfLatecomers(t *testing.T) {
	e := newEstate(t)
	for i := range 5000 {
		e.Events().Add(events.Event{Kind: events.Zeroed, Node: uint64(1000 + i)})
	}
	e.Events().Add(events.Event{Kind: events.OwnerGone, Node: 7})
	e.Events().Add(events.Event{Kind: events.Deleted, Node: 7})
	if told := e.History()[0].Told; len(told) != 1 || told[0].Kind != events.OwnerGone {
		t.Errorf("told %+v, want that its owner is gone", told)
	}
}

// What happens to one region again and again does not fill the memory.
func TestHistoryIsBounded(t *testing.T) {
	e := newEstate(t)
	n := e.make(t, regions.RootNode, "a", regions.TypeRegular, 7)
	for i := range 1000 {
		e.Events().Add(events.Event{Kind: events.InUse, Node: uint64(n), Reason: fmt.Sprint(i)})
	}
	e.Events().Add(events.Event{Kind: events.Deleted, Node: uint64(n)})
	told := e.History()[0].Told
	if len(told) > 16 || told[0].Reason != "0" || told[len(told)-1].Reason != "999" {
		t.Errorf("%d are kept, from %s to %s", len(told), told[0].Reason, told[len(told)-1].Reason)
	}
}
