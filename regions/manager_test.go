package regions_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

const (
	readWrite = regions.ReadAccess | regions.WriteAccess
	region    = regions.TypeRegular | 0o644
	folder    = regions.TypeDir | 0o755
)

// put makes a node in the root.
func put(t *testing.T, a regions.Arena, name string, mode uint32) regions.Attr {
	t.Helper()
	spec := regions.Spec{Mode: mode, Target: "t", UID: 3, GID: 4, Record: regions.Record{PID: 77}}
	at, err := a.Make(regions.RootNode, name, spec)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// wantTotals compares with what the books say, and with what a walk finds.
func wantTotals(t *testing.T, m *regions.Manager, want regions.Totals) {
	t.Helper()
	if got := m.Totals(); got != want {
		t.Errorf("totals %+v, want %+v", got, want)
	}
	adopted, err := regions.NewManager(m.Inner()).Adopt(context.Background())
	if err != nil || adopted != want {
		t.Errorf("adopted %+v (%v), want %+v", adopted, err, want)
	}
}

// must is for what cannot fail: a panic ends the test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestManagerCountsNames(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	f := put(t, m, "f", region)
	d := put(t, m, "d", folder)
	put(t, m, "s", regions.TypeSymlink)
	wantTotals(t, m, regions.Totals{Regions: 1, Directories: 1, Others: 1})
	_, err := m.Make(regions.RootNode, "f", regions.Spec{Mode: region})
	if !errors.Is(err, regions.Exists) {
		t.Fatal(err)
	}
	must(m.Link(f.Node, d.Node, "l"))
	must(m.Setattr(f.Node, regions.Change{Set: regions.SetSize, Size: 1000}))
	wantTotals(t, m, regions.Totals{Regions: 1, Directories: 1, Others: 1, Bytes: 1000})
	must(m.Remove(regions.RootNode, "f", false))
	wantTotals(t, m, regions.Totals{Regions: 1, Directories: 1, Others: 1, Bytes: 1000})
	must(m.Remove(d.Node, "l", false))
	must(m.Remove(regions.RootNode, "d", true))
	if _, err = m.Remove(regions.RootNode, "d", true); !errors.Is(err, regions.NotFound) {
		t.Fatal(err)
	}
	wantTotals(t, m, regions.Totals{Others: 1})
}

func TestManagerCountsTempsWhenTheyAreNamed(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	a := must(m.MakeTemp(regions.RootNode, regions.Spec{Mode: region}))
	must(m.Setattr(a.Node, regions.Change{Set: regions.SetSize, Size: 50}))
	wantTotals(t, m, regions.Totals{})
	for _, name := range []string{"one", "two"} {
		must(m.Link(a.Node, regions.RootNode, name))
		wantTotals(t, m, regions.Totals{Regions: 1, Bytes: 50})
	}
}

func TestManagerCountsRenames(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	f := put(t, m, "f", region)
	for name, mode := range map[string]uint32{"g": region, "d": folder, "e": folder} {
		put(t, m, name, mode)
	}
	must(m.Setattr(f.Node, regions.Change{Set: regions.SetSize, Size: 7}))
	rename := func(from, to string, flags regions.RenameFlags) {
		t.Helper()
		must(m.Rename(regions.Rename{Dir: 1, Name: from, NewDir: 1, NewName: to, Flags: flags}))
	}
	rename("f", "d", regions.RenameExchange)
	wantTotals(t, m, regions.Totals{Regions: 2, Directories: 2, Bytes: 7})
	rename("f", "e", 0) // f is the directory now
	wantTotals(t, m, regions.Totals{Regions: 2, Directories: 1, Bytes: 7})
	rename("e", "e", 0)
	rename("g", "d", 0)
	wantTotals(t, m, regions.Totals{Regions: 1, Directories: 1})
	rename("d", "h", regions.RenameWhiteout)
	wantTotals(t, m, regions.Totals{Regions: 1, Directories: 1, Others: 1})
	g := put(t, m, "g", region)
	must(m.Link(g.Node, regions.RootNode, "g2"))
	rename("g", "g2", regions.RenameWhiteout) // one node: nothing happens
	wantTotals(t, m, regions.Totals{Regions: 2, Directories: 1, Others: 1})
}

func TestManagerCountsGrowthThroughFiles(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	n := put(t, m, "f", region).Node
	f := must(m.Open(n, readWrite))
	for _, step := range []struct {
		do   func() error
		want int64
	}{
		{func() error { _, err := f.WriteAt([]byte("text"), 10); return err }, 14},
		{func() error { _, err := f.WriteAt([]byte("text"), 0); return err }, 14},
		{func() error { return f.Allocate(0, 100, 0) }, 100},
		{func() error { return f.Allocate(0, 500, regions.AllocateKeepSize) }, 100},
		{func() error { return f.Truncate(20) }, 20},
		{func() error { _, err := m.CopyRange(f, 0, f, 30, 5); return err }, 35},
	} {
		must(0, step.do())
		wantTotals(t, m, regions.Totals{Regions: 1, Bytes: step.want})
	}
	if err := f.Truncate(-1); !errors.Is(err, regions.Invalid) {
		t.Errorf("truncate to less than nothing: %v", err)
	}
	if err := f.Allocate(-1, 0, 0); !errors.Is(err, regions.Invalid) {
		t.Errorf("allocate nothing: %v", err)
	}
	if _, err := m.CopyRange(nil, 0, f, 0, 1); !errors.Is(err, regions.NotSupported) {
		t.Errorf("copy from a stranger: %v", err)
	}
	if _, err := m.Open(regions.RootNode, readWrite); !errors.Is(err, regions.IsDir) {
		t.Errorf("open of a directory: %v", err)
	}
	wantTotals(t, m, regions.Totals{Regions: 1, Bytes: 35})
}

// TestManagerSeesWhatGrewPastIt: a write through FUSE passthrough goes to the arena without us.
func TestManagerSeesWhatGrewPastIt(t *testing.T) {
	arena := mem.New(mem.Options{})
	m := regions.NewManager(arena)
	n := put(t, m, "f", region).Node
	grow := func(size int64) {
		t.Helper()
		must(arena.Setattr(n, regions.Change{Set: regions.SetSize, Size: size}))
	}
	m.Opened(n, readWrite)
	grow(100)
	wantTotals(t, m, regions.Totals{Regions: 1, Bytes: 100})
	grow(200)
	m.Released(n, readWrite)
	wantTotals(t, m, regions.Totals{Regions: 1, Bytes: 200})
	grow(300)
	must(m.Getattr(n))
	wantTotals(t, m, regions.Totals{Regions: 1, Bytes: 300})
}

func TestManagerStampsRegions(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	before := time.Now()
	ids := map[regions.ID]bool{}
	temp := must(m.MakeTemp(regions.RootNode, regions.Spec{Mode: region, UID: 3, GID: 4, Record: regions.Record{PID: 77, ID: 1}}))
	for _, a := range []regions.Attr{put(t, m, "a", region), put(t, m, "b", region), temp} {
		r := must(m.Record(a.Node))
		if r.ID <= 1 || ids[r.ID] || r.PID != 77 || r.UID != 3 || r.GID != 4 || r.Created.Before(before) {
			t.Errorf("record %+v", r)
		}
		ids[r.ID] = true
		if got := m.Region(&a); got != r {
			t.Errorf("region %+v, want %+v", got, r)
		}
	}
	d := put(t, m, "d", folder)
	if _, err := m.Record(d.Node); !errors.Is(err, regions.NoData) {
		t.Errorf("record of a directory: %v", err)
	}
	made := regions.Record{Created: d.Btime.Time(), UID: 3, GID: 4}
	if got := m.Region(&d); got != made {
		t.Errorf("region without a record %+v, want %+v", got, made)
	}
	gone := regions.Attr{Node: regions.MakeNodeID(7, 7), UID: 5}
	if got := m.Region(&gone); got != (regions.Record{}) {
		t.Errorf("region that is gone %+v", got)
	}
}

func TestManagerMakeOpen(t *testing.T) {
	stateless := regions.NewManager(mem.New(mem.Options{}))
	stateful := regions.NewManager(&opener{Arena: mem.New(mem.Options{})})
	plain := regions.NewManager(bare{mem.New(mem.Options{})})
	for what, m := range map[string]*regions.Manager{"stateless": stateless, "opener": stateful, "bare": plain} {
		want := regions.Totals{}
		for _, name := range []string{"f", ""} {
			a, f, err := m.MakeOpen(regions.RootNode, name, regions.Spec{Mode: region, UID: 3})
			must(a, err)
			if (f == nil) != (what == "stateless") {
				t.Errorf("%s: file %v", what, f)
			}
			want.Regions = 1
			if f != nil {
				must(f.WriteAt([]byte("four"), 0))
				want.Bytes = 4
			}
			if r, err := m.Record(a.Node); err != nil || r.UID != 3 {
				t.Errorf("%s: record %+v, %v", what, r, err)
			}
			wantTotals(t, m, want)
		}
		if _, _, err := m.MakeOpen(regions.RootNode, "f", regions.Spec{Mode: region}); !errors.Is(err, regions.Exists) {
			t.Errorf("%s: made again: %v", what, err)
		}
	}
}

func TestAdoptCountsEachNodeOnce(t *testing.T) {
	arena := mem.New(mem.Options{})
	f := put(t, arena, "f", region)
	must(arena.Setattr(f.Node, regions.Change{Set: regions.SetSize, Size: 10}))
	put(t, arena, "d", folder)
	p := put(t, arena, "p", regions.TypeFIFO)
	for _, n := range []regions.NodeID{f.Node, p.Node} {
		must(arena.Link(n, regions.RootNode, "link to "+n.String()))
	}
	m := regions.NewManager(arena)
	got, err := m.Adopt(context.Background())
	if want := (regions.Totals{Regions: 1, Directories: 1, Others: 1, Bytes: 10}); err != nil || got != want {
		t.Errorf("adopted %+v (%v), want %+v", got, err, want)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := regions.NewManager(arena).Adopt(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("adoption that was ended: %v", err)
	}
}
