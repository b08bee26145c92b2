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

func TestManagerKnowsUse(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	var freed, probed []regions.NodeID
	m.OnFree(func(n regions.NodeID) { freed = append(freed, n) })
	m.OnProbe(func(n regions.NodeID) { probed = append(probed, n) })
	a := put(t, m, "f", region)
	if m.Busy(a.Node) || !m.LastUsed(&a).Equal(a.Mtime.Time()) {
		t.Errorf("a new region is busy, or was used at %v", m.LastUsed(&a))
	}
	m.Opened(a.Node, regions.WriteAccess)
	if got, want := m.Use(a.Node), (regions.Use{Opens: 1, Writers: 1, InUse: true}); got != want || !m.Busy(a.Node) {
		t.Errorf("use %+v, want %+v", got, want)
	}
	if n, opens := m.Held(); n != 1 || opens != 1 {
		t.Errorf("held: %d regions, %d descriptors", n, opens)
	}
	m.Released(a.Node, regions.WriteAccess)
	if m.Busy(a.Node) || len(freed) != 1 || freed[0] != a.Node {
		t.Errorf("freed %v, want %v once", freed, a.Node)
	}
	if len(probed) != 0 {
		t.Errorf("probed %v, by an arena that cannot", probed)
	}
	a.Atime = regions.Timestamp{Sec: 1 << 40}
	if got := m.LastUsed(&a); !got.Equal(a.Atime.Time()) {
		t.Errorf("last used %v, want the atime %v", got, a.Atime.Time())
	}
	a.Atime, a.Mtime = regions.Timestamp{}, regions.Timestamp{}
	if got := m.LastUsed(&a); time.Since(got) > time.Minute {
		t.Errorf("last used %v, want when it was released", got)
	}
}

func TestManagerForgets(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	f, g := put(t, m, "f", region).Node, put(t, m, "g", region).Node
	must(m.Remove(regions.RootNode, "g", false))
	m.Forgotten(f)
	m.Forgotten(g)
	if _, err := m.Getattr(f); err != nil {
		t.Errorf("a region with a name, forgotten: %v", err)
	}
	if _, err := m.Getattr(g); !errors.Is(err, regions.Stale) {
		t.Errorf("a region without a name, forgotten: %v", err)
	}
}

func TestManagerKnowsPrivileges(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	plain, setID := put(t, m, "a", region).Node, put(t, m, "b", regions.TypeRegular|0o4755).Node
	temp := must(m.MakeTemp(regions.RootNode, regions.Spec{Mode: regions.TypeRegular | 0o4755}))
	for n, want := range map[regions.NodeID]bool{plain: false, setID: true, temp.Node: true, regions.MakeNodeID(7, 7): false} {
		if got := m.SetID(n); got != want {
			t.Errorf("%v has set-id: %t, want %t", n, got, want)
		}
	}
	must(m.Setattr(setID, regions.Change{Set: regions.KillPrivileges}))
	if m.SetID(setID) {
		t.Error("set-id after it was taken away")
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

// bare hides what an arena can do beyond the interface, and keeps a file for each handle.
type bare struct{ regions.Arena }

func (bare) Properties() regions.Properties { return regions.Properties{Kind: "bare"} }

// opener opens what it makes, and asks who has it.
type opener struct {
	regions.Arena
	mapped regions.NodeID
}

func (*opener) Properties() regions.Properties { return regions.Properties{Kind: "opener"} }

func (o *opener) InUse(n regions.NodeID) (bool, error) { return n == o.mapped, nil }

func (o *opener) MakeOpen(dir regions.NodeID, name string, s regions.Spec) (a regions.Attr, f regions.File, err error) {
	if name == "" {
		a, err = o.MakeTemp(dir, s)
	} else {
		a, err = o.Make(dir, name, s)
	}
	if err == nil {
		f, err = o.Open(a.Node, readWrite)
	}
	return a, f, err
}

// TestManagerAsksTheArena: what is released may be mapped.
func TestManagerAsksTheArena(t *testing.T) {
	o := &opener{Arena: mem.New(mem.Options{})}
	m := regions.NewManager(o)
	n := put(t, m, "f", region).Node
	o.mapped = n
	m.Opened(n, readWrite)
	m.Released(n, readWrite)
	if got, want := m.Use(n), (regions.Use{InUse: true}); got != want {
		t.Errorf("use %+v, want %+v", got, want)
	}
	o.mapped = regions.NoNode
	if m.Busy(n) {
		t.Error("busy after the last mapping")
	}
}

func TestManagerAbilitiesOfTheArena(t *testing.T) {
	m, poor := regions.NewManager(mem.New(mem.Options{})), regions.NewManager(bare{mem.New(mem.Options{})})
	d, at := put(t, m, "d", folder), put(t, poor, "f", region)
	f := must(m.Make(d.Node, "f", regions.Spec{Mode: region}))
	if got := m.Path(f.Node); got != "d/f" {
		t.Errorf("path %q", got)
	}
	if got := m.Path(regions.MakeNodeID(7, 7)) + poor.Path(at.Node); got != "" {
		t.Errorf("path of what cannot be told: %q", got)
	}
	must(0, m.Resize(1<<20, 100))
	if u, err := m.Usage(regions.RootNode); err != nil || u.Bytes != 1<<20 || u.Nodes != 100 {
		t.Errorf("usage %+v, %v", u, err)
	}
	if err := poor.Resize(1, 1); !errors.Is(err, regions.NotSupported) {
		t.Errorf("resize: %v", err)
	}
	one := must(poor.Open(at.Node, readWrite))
	if _, err := poor.CopyRange(one, 0, one, 10, 1); !errors.Is(err, regions.NotSupported) {
		t.Errorf("copy: %v", err)
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
