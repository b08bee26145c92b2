package regions_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/shmfs/shmfs/regions"
)

// What only waits for its time goes when a request is refused: as much as is wanted, in the order that was set, and
// nothing of another account.
func TestRoomIsMadeBeforeARefusal(t *testing.T) {
	e := newEstate(t)
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
	other := e.make(t, regions.RootNode, "other", regions.TypeDir, 0)
	e.says(t, regions.RootNode, regions.LifetimeXattr, "last-user,grace=1h")
	e.says(t, dir, regions.LimitXattr, "regions=3")
	kept := e.make(t, other, "kept", regions.TypeRegular, 7)
	e.make(t, dir, "owned", regions.TypeRegular, 7)
	e.make(t, dir, "first", regions.TypeRegular, 8)
	second := e.make(t, dir, "second", regions.TypeRegular, 8)
	e.says(t, second, regions.LifetimeXattr, "last-user,grace=2h")
	within(t, "four to care for", func() bool {
		all := e.care.Cares()
		return len(all) == 4 && all[3].Node == second
	})
	open, err := e.Lookup(dir, "owned")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Opened(open.Node, regions.ReadAccess); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Make(dir, "x", regions.Spec{Mode: regions.TypeRegular | 0o600}); !errors.Is(err, regions.Quota) {
		t.Fatalf("a fourth one: %v", err)
	}
	within(t, "end of the first", func() bool { return !e.there(dir, "first") && !e.RoomToCome() })
	if !e.there(dir, "owned") || !e.there(dir, "second") || !e.there(other, "kept") {
		t.Error("more ended than was wanted, or what is open, or what is of another account")
	}
	e.make(t, dir, "x", regions.TypeRegular, 8)
	within(t, "sum of one that ended early", func() bool {
		s := e.care.Sums()
		return s.Early == 1 && s.Ended == 1 && s.Kinds["last-user"] == 1
	})
	e.care.SetOrder(nil)
	if _, err := e.Make(dir, "y", regions.Spec{Mode: regions.TypeRegular | 0o600}); !errors.Is(err, regions.Quota) || e.RoomToCome() {
		t.Errorf("nothing may be ended early: %v, %v", err, e.RoomToCome())
	}
	if e.state(kept) != regions.CareCounting {
		t.Errorf("kept is %s", e.state(kept))
	}
}

// Nothing ends for a request that would be refused all the same.
func TestNothingEndsInVain(t *testing.T) {
	e := newEstate(t)
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
	e.says(t, dir, regions.LifetimeXattr, "last-user,grace=1h")
	e.says(t, dir, regions.LimitXattr, "bytes=40K")
	for _, name := range []string{"a", "b"} {
		if err := resize(e.Manager, e.make(t, dir, name, regions.TypeRegular, 7), 4); err != nil {
			t.Fatal(err)
		}
	}
	open := e.make(t, dir, "open", regions.TypeRegular, 7)
	if err := e.Opened(open, regions.WriteAccess); err != nil {
		t.Fatal(err)
	}
	within(t, "two that only wait", func() bool {
		return e.state(open) == regions.CareInUse && len(e.care.Cares()) == 3 && !e.RoomToCome()
	})
	if err := resize(e.Manager, open, 11); !errors.Is(err, regions.Quota) {
		t.Fatalf("more than the limit: %v", err)
	}
	within(t, "an answer to who wants room", func() bool { return !e.RoomToCome() })
	if !e.there(dir, "a") || !e.there(dir, "b") {
		t.Error("a region ended, and there was no room all the same")
	}
	within(t, "room for what there is enough for", func() bool { return resize(e.Manager, open, 5) == nil })
	if e.there(dir, "a") == e.there(dir, "b") {
		t.Error("more ended than was wanted")
	}
}

func TestOrders(t *testing.T) {
	for text, want := range map[string][]regions.LifetimeKind{
		"none": {}, "ttl": {regions.TTL}, "ttl;last-user": {regions.TTL, regions.LastUser}, "owner, ttl": {regions.Owner, regions.TTL},
	} {
		got, err := regions.ParseOrder(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is %v (%v), want %v", text, got, err, want)
		}
		if again, err := regions.ParseOrder(regions.FormatOrder(got)); err != nil || !slices.Equal(again, want) {
			t.Errorf("%q written and read again is %v (%v)", text, again, err)
		}
	}
	for _, bad := range []string{"", ";", "manual", "ttl;ttl", "all", "none;ttl"} {
		if got, err := regions.ParseOrder(bad); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

// A region that somebody removes is not cared for any more, though its owner lives on.
func TestRemovedRegionsAreForgotten(t *testing.T) {
	e := newEstate(t)
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner")
	for range 100 {
		e.make(t, regions.RootNode, "r", regions.TypeRegular, 7)
		if _, err := e.Remove(regions.RootNode, "r", false); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "end of all cares", func() bool { return e.care.Sums().Cared == 0 })
	within(t, "end of all watches", func() bool {
		e.people.mu.Lock()
		defer e.people.mu.Unlock()
		return len(e.people.gone[7]) == 0
	})
}

// stubborn is an arena in which names cannot be taken away, for a while.
type stubborn struct {
	regions.Arena
	err error
}

func (s *stubborn) RemoveNode(regions.NodeID, string, regions.NodeID) (regions.Attr, error) {
	return regions.Attr{}, s.err
}

// An end that fails is told with what to do, and tried again until it succeeds.
func TestFailedEnds(t *testing.T) {
	w := newWorld(t, 0)
	s := &stubborn{Arena: w.Manager.Arena, err: regions.AccessDenied}
	w.Manager.Arena = s
	w.says(t, regions.RootNode, regions.LifetimeXattr, "last-user,grace=0")
	n := w.make(t, regions.RootNode, "r", regions.TypeRegular, 1)
	for try := range 20 {
		w.care.Step(t.Context())
		x := w.care.Cares()
		if len(x) != 1 || x[0].Node != n || x[0].State != regions.CareFailing || x[0].Tries != try+1 || len(x[0].Reason) < 40 {
			t.Fatalf("after %d tries it is %+v", try+1, x)
		}
		pause := x[0].Deadline.Sub(w.now)
		if pause < 500*time.Millisecond || pause > time.Minute || try > 10 && pause != time.Minute {
			t.Errorf("try %d is followed by a pause of %v", try+1, pause)
		}
		w.now = x[0].Deadline
	}
	told := 0
	all, _ := w.Events().Since(0, 100)
	for _, x := range all {
		if x.Kind == "end_failed" {
			told++
		}
	}
	if sums := w.care.Sums(); told != 1 || sums.Failed != 20 || sums.Failing != 1 {
		t.Errorf("told %d times, sums are %+v", told, sums)
	}
	w.Manager.Arena = s.Arena
	w.care.Step(t.Context())
	if w.estate.there(regions.RootNode, "r") || w.care.Sums().Failing != 0 {
		t.Error("it does not end when it can")
	}
}
