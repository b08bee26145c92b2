package regions_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

// Soft limits and forecasts are events. Who is told besides may be slow: the event is there before.
func TestLimitWarnings(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	var clock atomic.Int64 // seconds
	m.SetClock(func() time.Time { return time.Unix(clock.Load(), 0) })
	var there []int
	m.OnCrossing(func(regions.Crossing) {
		all, _ := m.Events().Since(0, events.Kept)
		there = append(there, len(all))
	})
	dir, err := m.Make(regions.RootNode, "d", regions.Spec{Mode: regions.TypeDir | 0o755})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Setxattr(dir.Node, regions.LimitXattr, []byte("bytes=400K,soft_bytes=60K"), 0); err != nil {
		t.Fatal(err)
	}
	r, err := m.Make(dir.Node, "r", regions.Spec{Mode: regions.TypeRegular | 0o644})
	if err != nil {
		t.Fatal(err)
	}
	for _, pages := range []int64{10, 20, 21} {
		if err := resize(m, r.Node, pages); err != nil {
			t.Fatal(err)
		}
		clock.Add(10)
		m.Pace()
	}
	var reasons []string
	all, _ := m.Events().Since(0, events.Kept)
	for _, e := range all {
		if e.Kind == events.LimitWarning {
			reasons = append(reasons, e.Reason)
			if regions.NodeID(e.Node) != dir.Node {
				t.Errorf("%q is of node %d, want the directory, %d", e.Reason, e.Node, dir.Node)
			}
		}
	}
	want := []string{
		"the directory d: 81920 bytes are more than its soft limit of 61440",
		"the directory d: 81920 of its limit of 409600 bytes; it will be reached in 1m20s if it goes on like this",
	}
	if !slices.Equal(reasons, want) {
		t.Errorf("told %q, want %q", reasons, want)
	}
	if len(there) != len(want) || there[0] == 0 || there[1] <= there[0] {
		t.Errorf("when somebody was told there were %v events", there)
	}
}
