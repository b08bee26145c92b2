package control

import (
	"strings"
	"testing"
	"time"

	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

func TestHistory(t *testing.T) {
	s := newStage(t, node(2, "a", 1))
	log := s.tree.Arena().Events()
	log.Add(events.Event{Kind: events.InUse, Node: uint64(regions.MakeNodeID(7, 2)), Time: day, Reason: "somebody"})
	log.Add(events.Event{Kind: events.Deleted, Node: uint64(regions.MakeNodeID(7, 2)), Time: day.Add(time.Second), Path: "d/a\xff", Size: 5,
		Caller: true, PID: 9, UID: 8, Reason: "unlinked"})
	log.Add(events.Event{Kind: events.Deleted, Node: 3, Time: day, Path: "b", Reason: "lifetime"})
	all, err := ReadHistory(strings.NewReader(s.read(t, "history")))
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v (%v)", all, err)
	}
	x := all[1]
	if x.Path != "d/a\xff" || x.Size != 5 || *x.PID != 9 || *x.UID != 8 || len(x.Events) != 1 || x.Events[0].Event != "in_use" || x.Events[0].Reason != "somebody" {
		t.Errorf("read as %+v", x)
	}
	if y := all[0]; y.Path != "b" || y.PID != nil || y.ID != "" || y.Reason != "lifetime" {
		t.Errorf("read as %+v", y)
	}
	if got := s.read(t, "history?prefix=d"); strings.Count(got, "\n") != 1 || !strings.Contains(got, "unlinked") {
		t.Errorf("below d: %s", got)
	}
	if _, err := ReadHistory(strings.NewReader("{")); err == nil {
		t.Error("half a line is read")
	}
}
