package regions_test

import (
	"errors"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

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
	if got := m.LastUsed(&a); time.Since(got) > time.Hour {
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

// RELEASE and FORGET are sent one after the other and may be served the other way round.
func TestManagerKeepsWhatIsOpenThoughForgotten(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	n := put(t, m, "f", region).Node
	m.Opened(n, regions.ReadAccess)
	must(m.Remove(regions.RootNode, "f", false))
	m.Forgotten(n)
	if _, err := m.Getattr(n); err != nil {
		t.Errorf("open and forgotten: %v", err)
	}
	m.Released(n, regions.ReadAccess)
	if _, err := m.Getattr(n); !errors.Is(err, regions.Stale) {
		t.Errorf("released at last: %v, want %v", err, regions.Stale)
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
