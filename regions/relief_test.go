package regions_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

// filled makes a region of an owner that is gone, with so many pages of memory.
func (e *estate) filled(t *testing.T, dir regions.NodeID, name string, pid uint32, pages int) regions.NodeID {
	t.Helper()
	n := e.make(t, dir, name, regions.TypeRegular, pid)
	f, err := e.Open(n, regions.ReadAccess|regions.WriteAccess)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, pages*4096), 0); err != nil {
		t.Fatal(err)
	}
	return n
}

// numbered answers how many of so many regions, named by their numbers, are there.
func (e *estate) numbered(of int) (n int) {
	for i := range of {
		if e.there(regions.RootNode, fmt.Sprint(i)) {
			n++
		}
	}
	return n
}

// When memory is short, a part of what only waits for its time ends, in the order that is set: what has memory, what is not
// in use, and no more until it is said again.
func TestRelief(t *testing.T) {
	e := newEstate(t)
	told := make(chan regions.Relief, 10)
	e.care.OnRelief(func(r regions.Relief) { told <- r })
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner,grace=1h")
	ttl := e.make(t, regions.RootNode, "ttl", regions.TypeDir, 0)
	e.says(t, ttl, regions.LifetimeXattr, "ttl=1h")
	last := e.make(t, regions.RootNode, "last", regions.TypeDir, 0)
	e.says(t, last, regions.LifetimeXattr, "last-user,grace=1h")
	e.people.die(7)
	const orphans = 20
	for i := range orphans {
		e.filled(t, regions.RootNode, fmt.Sprint(i), 7, 1)
	}
	e.make(t, regions.RootNode, "empty", regions.TypeRegular, 7)
	e.filled(t, ttl, "r", 7, 1)
	e.filled(t, last, "r", 7, 1)
	held := e.filled(t, regions.RootNode, "held", 7, 1)
	if err := e.Opened(held, regions.ReadAccess); err != nil {
		t.Fatal(err)
	}
	e.filled(t, regions.RootNode, "alive", 8, 1)
	within(t, "deadlines", func() bool {
		counting := 0
		for _, x := range e.care.Cares() {
			if x.State == regions.CareCounting {
				counting++
			}
		}
		return counting == orphans+3 && e.state(held) == regions.CareInUse
	})
	left := func() int { return e.numbered(orphans) }
	e.care.Pressed("a test")
	if r := <-told; r != (regions.Relief{Source: "a test", Ended: 16, Bytes: 16 * 4096, Left: 6}) {
		t.Errorf("first: %+v", r)
	}
	if n := left(); n != orphans-16 || !e.there(last, "r") {
		t.Errorf("%d orphans are left; what waits for its last user is there: %v", n, e.there(last, "r"))
	}
	e.care.Pressed("again")
	if r := <-told; r != (regions.Relief{Source: "again", Ended: 5, Bytes: 5 * 4096, Left: 1}) {
		t.Errorf("second: %+v", r)
	}
	if left() != 0 || e.there(last, "r") {
		t.Errorf("%d orphans are left; what waits for its last user is there: %v", left(), e.there(last, "r"))
	}
	for _, name := range []string{"held", "alive", "empty"} {
		if !e.there(regions.RootNode, name) {
			t.Errorf("%s is gone", name)
		}
	}
	if !e.there(ttl, "r") {
		t.Error("what has time to live is gone, and is not in the order")
	}
	e.care.Pressed("with nothing to end")
	within(t, "third", func() bool { return e.care.Sums().Pressed == 3 })
	s := e.care.Sums()
	if s.Early != 21 || s.Relieved != 21 || s.RelievedBytes != 21*4096 || len(told) != 0 {
		t.Errorf("sums are %+v, and %d more are told", s, len(told))
	}
	e.care.SetOrder([]regions.LifetimeKind{regions.TTL})
	e.care.Pressed("once more")
	if r := <-told; r.Ended != 1 || e.there(ttl, "r") {
		t.Errorf("with another order: %+v", r)
	}
	all, _ := e.Events().Since(0, events.Kept)
	var reasons []string
	for _, x := range all {
		if x.Kind == events.MemoryPressure {
			reasons = append(reasons, x.Reason)
		}
	}
	const want = "a test: 16 regions ended before their time, which had 64K; 6 more may\n" +
		"again: 5 regions ended before their time, which had 20K; 1 more may\n" +
		"once more: 1 regions ended before their time, which had 4.0K; 0 more may"
	if got := strings.Join(reasons, "\n"); got != want {
		t.Errorf("told\n%s\nwant\n%s", got, want)
	}
}
