package regions_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/accounts"
)

// passing is an arena whose walks pass a node by, as they may if it is moved meanwhile.
type passing struct {
	*mem.Arena
	by regions.NodeID
}

func (p *passing) Walk(ctx context.Context, from regions.NodeID, fn func(regions.Item) error) error {
	return p.Arena.Walk(ctx, from, func(it regions.Item) error {
		if it.Attr.Node == p.by {
			return nil
		}
		return fn(it)
	})
}

func newPassing(t *testing.T) (*passing, *succession) {
	p := &passing{Arena: mem.New(mem.Options{})}
	return p, &succession{t: t, arena: p, sums: make([]atomic.Uint64, accounts.SumsWords(16))}
}

// alices makes a region of hers.
func alices(m *regions.Manager, dir regions.NodeID) regions.NodeID {
	return must(m.Make(dir, "a", regions.Spec{Mode: region, UID: alice})).Node
}

func say(t *testing.T, m *regions.Manager, n regions.NodeID, name, value string) {
	t.Helper()
	if err := m.Setxattr(n, name, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

func wantGuarded(t *testing.T, m *regions.Manager, n regions.NodeID) {
	t.Helper()
	a := must(m.Inner().Getattr(n))
	if err := m.MayLose(&a, bob, 8, "shrink"); !errors.Is(err, regions.NotPermitted) {
		t.Errorf("it is not guarded: %v", err)
	}
}

// What the root says holds before anything is counted.
func TestWhatTheRootSaysHoldsAtOnce(t *testing.T) {
	s, m := newSuccession(t)
	a := alices(m, regions.RootNode)
	say(t, m, regions.RootNode, regions.GuardXattr, "user")
	say(t, m, regions.RootNode, regions.ZeroXattr, "true")
	m = s.follow(true)
	wantGuarded(t, m, a)
	must(m.Remove(regions.RootNode, "a", false))
	if !m.ToWipe(a) {
		t.Error("it is not to be overwritten")
	}
}

// What a region says holds though the walk passes it by, because it is moved meanwhile.
func TestWhatIsMovedSaysWhatItSaid(t *testing.T) {
	arena, s := newPassing(t)
	m := s.follow(false)
	d := put(t, m, "d", folder).Node
	a := alices(m, d)
	say(t, m, a, regions.GuardXattr, "user")
	m = s.follow(true)
	must(m.Rename(regions.Rename{Dir: d, Name: "a", NewDir: regions.RootNode, NewName: "b"}))
	arena.by = a
	must(m.Adopt(t.Context()))
	wantGuarded(t, m, a)
}

// What a region says that has lost its name holds with the next server, which no walk leads to it.
func TestWhatHasNoNameIsGuarded(t *testing.T) {
	s, m := newSuccession(t)
	a := alices(m, regions.RootNode)
	say(t, m, a, regions.GuardXattr, "user")
	must(s.arena.Remove(regions.RootNode, "a", false))
	m = s.follow(true)
	must(m.Adopt(t.Context()))
	must(m.Getattr(a)) // as it is done for all that is registered
	wantGuarded(t, m, a)
}

// sharing is an arena that makes what passes for a share.
type sharing struct{ *mem.Arena }

func (s sharing) Share(_, dir regions.NodeID, name string, spec regions.Spec) (regions.Attr, error) {
	return s.Make(dir, name, spec)
}

// A share counts where it is, also if it is made before anything is counted.
func TestSharesCountWhereTheyAre(t *testing.T) {
	s := &succession{t: t, arena: sharing{mem.New(mem.Options{})}, sums: make([]atomic.Uint64, accounts.SumsWords(16))}
	m := s.follow(false)
	d := put(t, m, "d", folder).Node
	a := alices(m, regions.RootNode)
	m = s.follow(true)
	m.AllowShares()
	share := must(m.Share(a, d, "share")).Node
	must(m.Adopt(t.Context()))
	if home := regions.NodeID(m.Accounts().Home(accounts.Node(share))); home != d {
		t.Errorf("it counts in %v, want %v", home, d)
	}
}
