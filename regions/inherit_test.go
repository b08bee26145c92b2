package regions_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/accounts"
)

// succession is one arena and the managers that follow each other before it.
type succession struct {
	t     *testing.T
	arena regions.Arena
	sums  []atomic.Uint64
	next  uint64
}

func newSuccession(t *testing.T) (*succession, *regions.Manager) {
	s := &succession{t: t, arena: mem.New(mem.Options{}), sums: make([]atomic.Uint64, accounts.SumsWords(16))}
	return s, s.follow(false)
}

// follow makes the next manager, which the walk is still to come for.
func (s *succession) follow(expect bool) *regions.Manager {
	m := regions.NewManager(s.arena)
	if expect {
		m.Expect()
	}
	m.SetSize(20 * 4096)
	m.Inherit(s.sums, s.next)
	s.next++
	return m
}

func resize(m *regions.Manager, n regions.NodeID, pages int64) error {
	_, err := m.Setattr(n, regions.Change{Set: regions.SetSize, Size: pages * 4096})
	return err
}

// waits begins something that is to wait for the end of a walk, and answers how it went after the walk.
func waits(t *testing.T, m *regions.Manager, do func() error) error {
	t.Helper()
	ended := make(chan error)
	go func() { ended <- do() }()
	select {
	case err := <-ended:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	if _, err := m.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	return <-ended
}

// A manager that knows what the one before had promised says yes at once, and no when it has counted.
func TestSumsOutliveTheManager(t *testing.T) {
	s, m := newSuccession(t)
	d := put(t, m, "d", folder)
	f := must(m.Make(d.Node, "f", regions.Spec{Mode: region, UID: 3}))
	for kind, limit := range map[accounts.Kind]string{accounts.OfDirectory: "bytes=16K,regions=2", accounts.OfUser: "bytes=16K"} {
		if err := m.SetLimits(accounts.Subject{Kind: kind, ID: map[accounts.Kind]uint64{accounts.OfDirectory: uint64(d.Node), accounts.OfUser: 3}[kind]}, limit); err != nil {
			t.Fatal(err)
		}
	}
	if err := resize(m, f.Node, 3); err != nil {
		t.Fatal(err)
	}

	m = s.follow(true)
	for _, pages := range []int64{1, 4, 2} {
		if err := resize(m, f.Node, pages); err != nil {
			t.Fatal(err)
		}
	}
	g := must(m.Make(d.Node, "g", regions.Spec{Mode: region, UID: 3}))
	if err := resize(m, g.Node, 2); err != nil {
		t.Fatal(err)
	}
	if err := waits(t, m, func() error { return resize(m, g.Node, 3) }); !errors.Is(err, regions.Quota) {
		t.Errorf("past the limit: %v", err)
	}
	must(m.Remove(d.Node, "f", false))
	if err := resize(m, g.Node, 4); err != nil {
		t.Error(err)
	}
	if got, want := m.Totals(), (regions.Totals{Regions: 1, Directories: 1, Bytes: 4 * 4096}); got != want {
		t.Errorf("there is %+v, want %+v", got, want)
	}

	m = s.follow(true)
	must(m.Make(d.Node, "h", regions.Spec{Mode: region}))
	err := waits(t, m, func() error { _, err := m.Make(d.Node, "i", regions.Spec{Mode: region}); return err })
	if !errors.Is(err, regions.Quota) {
		t.Errorf("a third region: %v", err)
	}
}

// A manager that does not know who came before it counts first.
func TestSumsOfSomebodyElseDoNotHold(t *testing.T) {
	s, m := newSuccession(t)
	f := put(t, m, "f", region)
	s.next++ // one that did not write down what it did
	m = s.follow(true)
	if err := waits(t, m, func() error { return resize(m, f.Node, 5) }); err != nil {
		t.Error(err)
	}
	m = s.follow(true)
	if err := resize(m, f.Node, 20); err != nil {
		t.Error(err)
	}
	if err := waits(t, m, func() error { return resize(m, f.Node, 21) }); !errors.Is(err, regions.NoSpace) {
		t.Errorf("past the size: %v", err)
	}
}

// One that was killed between a promise and what it was for leaves a sum that is too high. Nothing is refused for that.
func TestWhatWasPromisedAndNotDoneIsFound(t *testing.T) {
	s, m := newSuccession(t)
	f := put(t, m, "f", region)
	if _, e := m.Accounts().Grow(accounts.Node(f.Node), 15*4096, 15*4096); e != nil {
		t.Fatal(e)
	}
	m = s.follow(true)
	if err := resize(m, f.Node, 5); err != nil {
		t.Error(err)
	}
	if err := waits(t, m, func() error { return resize(m, f.Node, 20) }); err != nil {
		t.Errorf("there is room: %v", err)
	}
}

// What is reserved is kept before the directory that has it was found.
func TestReservationsHoldBeforeTheyAreFound(t *testing.T) {
	s, m := newSuccession(t)
	d := must(m.Make(put(t, m, "d", folder).Node, "e", regions.Spec{Mode: folder}))
	f := put(t, m, "f", region)
	if err := m.SetLimits(accounts.Subject{Kind: accounts.OfDirectory, ID: uint64(d.Node)}, "reserve=40K"); err != nil {
		t.Fatal(err)
	}
	m = s.follow(true)
	if err := resize(m, f.Node, 10); err != nil {
		t.Error(err)
	}
	if err := waits(t, m, func() error { return resize(m, f.Node, 11) }); !errors.Is(err, regions.NoSpace) {
		t.Errorf("into what is reserved: %v", err)
	}
	g := must(m.Make(d.Node, "g", regions.Spec{Mode: region}))
	if err := resize(m, g.Node, 10); err != nil {
		t.Errorf("from what is reserved: %v", err)
	}
}

// A region with several names is asked for when all of them are known.
func TestSeveralNamesWaitForAdoption(t *testing.T) {
	s, m := newSuccession(t)
	d, e := put(t, m, "d", folder), put(t, m, "e", folder)
	f := must(m.Make(d.Node, "f", regions.Spec{Mode: region}))
	must(m.Link(f.Node, e.Node, "f"))
	m = s.follow(true)
	if err := waits(t, m, func() error { return resize(m, f.Node, 3) }); err != nil {
		t.Error(err)
	}
	for _, n := range []regions.NodeID{d.Node, e.Node} {
		if got, _ := m.Accounts().Account(accounts.OfDirectory, uint64(n)); got.Used.Bytes != 3*4096 || got.Used.Regions != 1 {
			t.Errorf("a directory holds %+v", got.Used)
		}
	}
}

// late is an arena whose walk meets everything, and tells of it when it may.
type late struct {
	*mem.Arena
	tell chan struct{}
}

func (a late) Survey(ctx context.Context, _ bool, fn func(regions.Item) error) error {
	var all []regions.Item
	err := a.Walk(ctx, regions.RootNode, func(it regions.Item) error {
		all = append(all, it)
		return nil
	})
	if err != nil {
		return err
	}
	a.tell <- struct{}{}
	<-a.tell
	for _, it := range all {
		if err := fn(it); err != nil {
			return err
		}
	}
	return nil
}

// What changes between the moments in which the walk meets it and tells of it counts as it is, and once.
func TestChangesDuringAdoption(t *testing.T) {
	s, m := newSuccession(t)
	d, e := put(t, m, "d", folder), put(t, m, "e", folder)
	gone := put(t, m, "gone", folder)
	var f []regions.Attr
	for _, name := range []string{"moved", "removed", "grown", "owned", "linked", "kept"} {
		f = append(f, must(m.Make(d.Node, name, regions.Spec{Mode: region})))
		if err := resize(m, f[len(f)-1].Node, 1); err != nil {
			t.Fatal(err)
		}
	}
	slow := late{s.arena.(*mem.Arena), make(chan struct{})}
	s.arena = slow
	m = s.follow(true)
	adopted := make(chan error)
	go func() { _, err := m.Adopt(t.Context()); adopted <- err }()
	<-slow.tell
	must(m.Rename(regions.Rename{Dir: d.Node, Name: "moved", NewDir: e.Node, NewName: "moved"}))
	must(m.Remove(d.Node, "removed", false))
	m.Forgotten(f[1].Node)
	must(m.Remove(regions.RootNode, "gone", true))
	if err := resize(m, f[2].Node, 4); err != nil {
		t.Error(err)
	}
	must(m.Setattr(f[3].Node, regions.Change{Set: regions.SetUID, UID: 9}))
	must(m.Link(f[4].Node, e.Node, "linked"))
	must(m.Make(e.Node, "made", regions.Spec{Mode: region}))
	must(m.Make(e.Node, "below", regions.Spec{Mode: folder}))
	slow.tell <- struct{}{}
	if err := <-adopted; err != nil {
		t.Fatal(err)
	}
	fresh := regions.NewManager(s.arena.(late).Arena)
	fresh.SetSize(20 * 4096)
	must(fresh.Adopt(t.Context()))
	for _, k := range []accounts.Kind{accounts.Mount, accounts.OfDirectory, accounts.OfUser, accounts.OfGroup} {
		got, want := used(m, k), used(fresh, k)
		if !slices.Equal(got, want) {
			t.Errorf("%s: counted\n%+v, anew\n%+v", k, got, want)
		}
	}
	if _, ok := m.Accounts().Account(accounts.OfDirectory, uint64(gone.Node)); ok {
		t.Error("a directory came back")
	}
}

func used(m *regions.Manager, k accounts.Kind) (all []accounts.Amount) {
	for _, s := range m.Accounts().Accounts(k) {
		if s.Used != (accounts.Amount{}) {
			all = append(all, s.Used)
		}
	}
	return all
}
