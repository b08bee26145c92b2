package regions_test

import (
	"errors"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/accounts"
)

// What changes something waits for the walk, so that no limit is passed meanwhile; what only looks does not.
func TestChangesWaitForAdoption(t *testing.T) {
	arena := mem.New(mem.Options{})
	first := regions.NewManager(arena)
	d := put(t, first, "d", folder)
	f := must(first.Make(d.Node, "f", regions.Spec{Mode: region, UID: 3}))
	must(first.Setattr(f.Node, regions.Change{Set: regions.SetSize, Size: 3 * 4096}))
	if err := first.SetLimits(accounts.Subject{Kind: accounts.OfDirectory, ID: uint64(d.Node)}, "bytes=16K,regions=2"); err != nil {
		t.Fatal(err)
	}
	if err := first.SetLimits(accounts.Numbered(accounts.OfUser, 3), "bytes=12K"); err != nil {
		t.Fatal(err)
	}

	m := regions.NewManager(arena)
	m.Expect()
	must(m.Getattr(f.Node))
	grown := make(chan error)
	go func() {
		_, err := m.Setattr(f.Node, regions.Change{Set: regions.SetSize, Size: 4 * 4096})
		grown <- err
	}()
	select {
	case err := <-grown:
		t.Fatalf("grown while nobody knows what is there: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	want := regions.Totals{Regions: 1, Directories: 1, Bytes: 3 * 4096}
	if got, err := m.Adopt(t.Context()); err != nil || got != want {
		t.Errorf("adopted %+v, %v, want %+v", got, err, want)
	}
	if err := <-grown; !errors.Is(err, regions.Quota) {
		t.Errorf("past the user's limit: got %v", err)
	}
	if err := m.SetLimits(accounts.Numbered(accounts.OfUser, 3), "max"); err != nil {
		t.Fatal(err)
	}
	must(m.Setattr(f.Node, regions.Change{Set: regions.SetSize, Size: 4 * 4096}))
	if _, err := m.Setattr(f.Node, regions.Change{Set: regions.SetSize, Size: 5 * 4096}); !errors.Is(err, regions.Quota) {
		t.Errorf("past the directory's limit: got %v", err)
	}
	must(m.Make(d.Node, "g", regions.Spec{Mode: region}))
	if _, err := m.Make(d.Node, "h", regions.Spec{Mode: region}); !errors.Is(err, regions.Quota) {
		t.Errorf("a third region: got %v", err)
	}
}

// A region goes on counting in its directory while somebody has it, and for the mount until it is gone.
func TestRegionsWithoutANameCount(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	m.SetSize(8 * 4096)
	d := put(t, m, "d", folder)
	grow := func(n regions.NodeID, pages int64) error {
		_, err := m.Setattr(n, regions.Change{Set: regions.SetSize, Size: pages * 4096})
		return err
	}
	if err := m.SetLimits(accounts.Subject{Kind: accounts.OfDirectory, ID: uint64(d.Node)}, "bytes=16K"); err != nil {
		t.Fatal(err)
	}
	held := must(m.Make(d.Node, "held", regions.Spec{Mode: region}))
	m.Opened(held.Node, readWrite)
	if err := grow(held.Node, 3); err != nil {
		t.Fatal(err)
	}
	must(m.Remove(d.Node, "held", false))
	other := must(m.Make(d.Node, "other", regions.Spec{Mode: region}))
	if err := grow(other.Node, 2); !errors.Is(err, regions.Quota) {
		t.Errorf("beside what is in use without a name: got %v", err)
	}
	if got := m.Accounts().Mount().Used; got.Bytes != 3*4096 || got.Unlinked != 3*4096 || got.Regions != 1 {
		t.Errorf("the mount holds %+v", got)
	}
	m.Released(held.Node, readWrite)
	m.Forgotten(held.Node)
	if err := grow(other.Node, 4); err != nil {
		t.Errorf("after it was let go: %v", err)
	}
	if got := m.Accounts().Mount().Used; got.Bytes != 4*4096 || got.Unlinked != 0 {
		t.Errorf("the mount holds %+v", got)
	}
}

// Whose a region is, is asked when it changes hands.
func TestChangeOfOwner(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	if err := m.SetLimits(accounts.Numbered(accounts.OfUser, 9), "regions=1"); err != nil {
		t.Fatal(err)
	}
	a, b := put(t, m, "a", region), put(t, m, "b", region)
	must(m.Setattr(a.Node, regions.Change{Set: regions.SetUID, UID: 9}))
	if _, err := m.Setattr(b.Node, regions.Change{Set: regions.SetUID, UID: 9}); !errors.Is(err, regions.Quota) {
		t.Errorf("got %v", err)
	}
	must(m.Setattr(a.Node, regions.Change{Set: regions.SetUID, UID: 3}))
	must(m.Setattr(b.Node, regions.Change{Set: regions.SetUID, UID: 9}))
}
