package regions_test

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// keeping is an arena that keeps uses for the next server.
type keeping struct {
	*mem.Arena
	mu     sync.Mutex // guards kept
	kept   map[regions.NodeID]time.Duration
	uptime time.Duration // of the system, beside the time that really passes
	begun  time.Time
}

func newKeeping() *keeping {
	return &keeping{Arena: mem.New(mem.Options{Bytes: 1 << 20}), kept: map[regions.NodeID]time.Duration{}, uptime: time.Hour,
		begun: time.Now()}
}

func (k *keeping) KeepUse(n regions.NodeID, at time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept[n] = at
	return nil
}

func (k *keeping) KeptUse(n regions.NodeID) (time.Duration, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, ok := k.kept[n]
	if !ok {
		return 0, regions.NoData
	}
	return at, nil
}

func (k *keeping) ForgetUse(n regions.NodeID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.kept, n)
	return nil
}

// next is the next server of the arena, and what ends it: in order, or as if it was killed.
func (k *keeping) next(t *testing.T, anotherMount bool, before func(*regions.Manager)) (e *estate, end func(killed bool)) {
	t.Helper()
	m := regions.NewManager(k)
	m.SetUptime(func() time.Duration { return k.uptime + time.Since(k.begun) })
	p := &people{dead: map[uint32]bool{}, gone: map[uint32]map[int]func(){}}
	e = &estate{m, regions.NewCaretaker(m, p), p}
	before(m)
	adopt := m.Adopt
	if anotherMount {
		adopt = m.AdoptUsed
	}
	if _, err := adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.care.Run(ctx)
	}()
	end = func(killed bool) {
		k.mu.Lock()
		kept := maps.Clone(k.kept)
		k.mu.Unlock()
		cancel()
		<-done
		if killed {
			k.kept = kept
		}
	}
	t.Cleanup(func() { end(false) })
	return e, end
}

// left answers for how long something that counts still lives.
func (e *estate) left(t *testing.T, n regions.NodeID) time.Duration {
	t.Helper()
	var deadline time.Time
	within(t, "deadline", func() bool {
		for _, x := range e.care.Cares() {
			if x.Node == n {
				deadline = x.Deadline
			}
		}
		return !deadline.IsZero()
	})
	return time.Until(deadline).Round(10 * time.Minute)
}

// Whatever ends a server, what counts goes on, unless somebody used it, or may have.
func TestWhatCountsGoesOn(t *testing.T) {
	nothing := func(*regions.Manager) {}
	for name, x := range map[string]struct {
		killed, anotherMount bool
		before               func(m *regions.Manager, n regions.NodeID) // the next one begins
		anew                 bool
	}{
		"killed":                     {killed: true},
		"unmounted":                  {anotherMount: true},
		"killed with its keeper":     {killed: true, anotherMount: true, anew: true},
		"killed before it had begun": {killed: true, anew: true},
		"open meanwhile": {killed: true, anew: true, before: func(m *regions.Manager, n regions.NodeID) {
			m.Resumed(n, regions.ReadAccess)
			m.Released(n, regions.ReadAccess)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeping()
			e, end := k.next(t, false, nothing)
			e.says(t, regions.RootNode, regions.LifetimeXattr, "last-user,grace=2h")
			n := e.make(t, regions.RootNode, "r", regions.TypeRegular, 7)
			all := e.sessions(t, "session,ttl=2h")
			s := e.make(t, all, "s", regions.TypeDir, 0)
			in := e.make(t, s, "in", regions.TypeRegular, 7)
			for _, n := range []regions.NodeID{n, s} {
				if got := e.left(t, n); got != 2*time.Hour {
					t.Fatalf("it lives for %v", got)
				}
			}
			end(x.killed)
			k.uptime += time.Hour
			if name == "killed before it had begun" {
				regions.NewCaretaker(regions.NewManager(k), &people{})
			}
			e, _ = k.next(t, x.anotherMount, func(m *regions.Manager) {
				if x.before != nil {
					x.before(m, n)
					x.before(m, in)
				}
			})
			want := time.Hour
			if x.anew {
				want = 2 * time.Hour
			}
			for what, n := range map[string]regions.NodeID{"region": n, "session": s} {
				if got := e.left(t, n); got != want {
					t.Errorf("the %s lives for %v more, want %v", what, got, want)
				}
			}
		})
	}
}
