package regions_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// counting is an arena that counts how often attributes are read.
type counting struct {
	regions.Arena
	reads atomic.Int64
}

func (a *counting) Getattr(n regions.NodeID) (regions.Attr, error) {
	a.reads.Add(1)
	return a.Arena.Getattr(n)
}

// comes waits until a condition holds.
func comes(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// What grows through a file that the manager does not see is noticed while it is open for writing, and at its end.
func TestWatchNoticesWhatGrows(t *testing.T) {
	arena := &counting{Arena: mem.New(mem.Options{})}
	m := regions.NewManager(arena)
	f := put(t, m, "f", region)
	if !m.WritesAsk(f.Node, readWrite) {
		t.Error("nobody watches, and writes do not ask")
	}
	end := m.Watch()
	defer end()
	if m.WritesAsk(f.Node, readWrite) || !m.WritesAsk(f.Node, regions.WriteAccess) || m.WritesAsk(f.Node, regions.ReadAccess) {
		t.Error("others ask than those that are open for writing only")
	}
	past := must(arena.Open(f.Node, readWrite))
	defer past.Close()
	holds := func(pages int64) func() bool {
		return func() bool { return m.Accounts().Mount().Used.Bytes == pages*4096 }
	}
	m.Opened(f.Node, readWrite)
	must(past.WriteAt([]byte("x"), 2*4096))
	comes(t, "what was written", holds(3))
	must(past.WriteAt([]byte("x"), 4*4096))
	comes(t, "what was written later", holds(5))
	before := arena.reads.Load()
	must(past.WriteAt([]byte("y"), 2*4096))
	time.Sleep(100 * time.Millisecond)
	if got := arena.reads.Load(); got != before {
		t.Errorf("looked %d times at what did not grow", got-before)
	}
	end()
	must(past.WriteAt([]byte("x"), 6*4096))
	m.Released(f.Node, readWrite)
	if !holds(7)() {
		t.Error("what was written last was not noticed")
	}
}
