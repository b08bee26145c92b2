package regions_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

// secret makes a region that holds something, holes included, and a file of the arena's own that reads it.
func secret(t *testing.T, e *estate, dir regions.NodeID, name string) (regions.NodeID, regions.File) {
	t.Helper()
	n := e.make(t, dir, name, regions.TypeRegular, 7)
	f, err := e.Inner().Open(n, regions.ReadAccess|regions.WriteAccess)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	for _, off := range []int64{0, 3 << 16} {
		if _, err := f.WriteAt([]byte("secret"), off); err != nil {
			t.Fatal(err)
		}
	}
	return n, f
}

func blank(t *testing.T, f regions.File) bool {
	t.Helper()
	b := make([]byte, 3<<16+6)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return bytes.Count(b, []byte{0}) == len(b)
}

func (e *estate) told(k events.Kind, path string) bool {
	all, _ := e.Events().Since(0, events.Kept)
	for _, x := range all {
		if x.Kind == k && x.Path == path {
			return true
		}
	}
	return false
}

func TestZeroing(t *testing.T) {
	e := newEstate(t)
	closed := e.make(t, regions.RootNode, "closed", regions.TypeDir, 0)
	e.says(t, closed, regions.ZeroXattr, "true")
	below := e.make(t, closed, "below", regions.TypeDir, 0)
	n, f := secret(t, e, below, "a")
	plain, g := secret(t, e, regions.RootNode, "plain")
	open, h := secret(t, e, below, "open")
	own, i := secret(t, e, below, "own")
	e.says(t, own, regions.ZeroXattr, "false")
	if err := e.Opened(open, regions.ReadAccess); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		dir  regions.NodeID
		name string
		node regions.NodeID
	}{{below, "a", n}, {regions.RootNode, "plain", plain}, {below, "open", open}, {below, "own", own}} {
		if _, err := e.Remove(x.dir, x.name, false); err != nil {
			t.Fatal(err)
		}
		e.Forgotten(x.node)
	}
	within(t, "zeros", func() bool { return e.told(events.Zeroed, "closed/below/a") })
	within(t, "the end of all but the one that is in use", func() bool { return e.Accounts().Unnamed() == 1 })
	for what, wrong := range map[string]bool{
		"the region is not overwritten": !blank(t, f),
		"one of another directory is":   blank(t, g),
		"one that is in use is":         blank(t, h),
		"one that says no is":           blank(t, i),
	} {
		if wrong {
			t.Error(what)
		}
	}
	e.Released(open, regions.ReadAccess)
	within(t, "zeros", func() bool { return blank(t, h) && e.Accounts().Unnamed() == 0 })
}

// What a caretaker ends is overwritten too, and so is everything where the configuration says so.
func TestZeroingAtTheEndOfALifetime(t *testing.T) {
	e := newEstate(t)
	e.SetZero(true)
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner,grace=0")
	_, f := secret(t, e, regions.RootNode, "a")
	e.people.die(7)
	within(t, "zeros", func() bool { return e.told(events.Zeroed, "a") })
	if !blank(t, f) {
		t.Error("it is not overwritten")
	}
}

// Where nobody works in the background it is done at once.
func TestZeroingWithoutACaretaker(t *testing.T) {
	e := &estate{Manager: regions.NewManager(mem.New(mem.Options{Bytes: 1 << 20}))}
	e.SetZero(true)
	n, f := secret(t, e, regions.RootNode, "a")
	begun := time.Now()
	if _, err := e.Remove(regions.RootNode, "a", false); err != nil {
		t.Fatal(err)
	}
	e.Forgotten(n)
	if !blank(t, f) || e.Accounts().Unnamed() != 0 {
		t.Errorf("after %v it is not overwritten, or counts", time.Since(begun))
	}
}
