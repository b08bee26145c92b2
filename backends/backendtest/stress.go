package backendtest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/shmfs/shmfs/regions"
)

var stress = []check{
	{"StressOwnNames", stressOwnNames},
	{"StressSameNames", stressSameNames},
	{"StressData", stressData},
	{"StressLimits", stressLimits},
}

const (
	workers = 4
	rounds  = 300
)

// together runs f in several goroutines and reports their errors.
func (x *tree) together(f func(worker int, rng *rand.Rand) error) {
	x.Helper()
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			if err := f(w, rand.New(rand.NewPCG(uint64(w), 42))); err != nil {
				x.Errorf("worker %d: %v", w, err)
			}
		})
	}
	all.Wait()
	if x.Failed() {
		x.FailNow()
	}
}

// model is what a worker knows about its own names in directories that it shares with others.
type model struct {
	arena  regions.Arena
	dirs   []regions.NodeID
	prefix string
	nodes  map[spot]regions.NodeID
}

type spot struct {
	dir  int
	name string
}

func (m *model) spot(rng *rand.Rand) spot {
	return spot{rng.IntN(len(m.dirs)), fmt.Sprint(m.prefix, rng.IntN(8))}
}

// step does one operation and checks its answer against the model.
func (m *model) step(rng *rand.Rand, spec regions.Spec) error {
	s, t := m.spot(rng), m.spot(rng)
	switch rng.IntN(5) {
	case 0:
		return m.make(s, spec)
	case 1:
		return m.remove(s)
	case 2:
		return m.rename(s, t)
	case 3:
		return m.link(s, t)
	}
	a, err := m.arena.Lookup(m.dirs[s.dir], s.name)
	return m.check("lookup", err, s, m.nodes[s] == a.Node, m.nodes[s] != 0, regions.NotFound)
}

// check compares an answer: ok if expected, else the code.
func (m *model) check(what string, err error, s spot, right, expected bool, code regions.Code) error {
	switch {
	case expected && (err != nil || !right):
		return fmt.Errorf("%s of %v: %w (right node: %t)", what, s, err, right)
	case !expected && !errors.Is(err, code):
		return fmt.Errorf("%s of %v: %w, want %w", what, s, err, code)
	}
	return nil
}

func (m *model) make(s spot, spec regions.Spec) error {
	a, err := m.arena.Make(m.dirs[s.dir], s.name, spec)
	if err == nil {
		defer func() { m.nodes[s] = a.Node }()
	}
	return m.check("make", err, s, a.Nlink == 1, m.nodes[s] == 0, regions.Exists)
}

func (m *model) remove(s spot) error {
	a, err := m.arena.Remove(m.dirs[s.dir], s.name, false)
	if err == nil && a.Nlink == 0 {
		m.arena.Drop(a.Node)
	}
	was := m.nodes[s]
	delete(m.nodes, s)
	return m.check("remove", err, s, a.Node == was, was != 0, regions.NotFound)
}

func (m *model) rename(s, t spot) error {
	old, err := m.arena.Rename(regions.Rename{Dir: m.dirs[s.dir], Name: s.name, NewDir: m.dirs[t.dir], NewName: t.name})
	if err == nil && old.Node != 0 && old.Nlink == 0 {
		m.arena.Drop(old.Node)
	}
	was, over := m.nodes[s], m.nodes[t]
	if was != 0 && was != over {
		delete(m.nodes, s)
		m.nodes[t] = was
	}
	right := was == over || old.Node == over
	return m.check("rename", err, s, right, was != 0, regions.NotFound)
}

func (m *model) link(s, t spot) error {
	if m.nodes[s] == 0 {
		return nil
	}
	a, err := m.arena.Link(m.nodes[s], m.dirs[t.dir], t.name)
	if err == nil {
		defer func() { m.nodes[t] = a.Node }()
	}
	return m.check("link", err, t, a.Node == m.nodes[s], m.nodes[t] == 0, regions.Exists)
}

// stressOwnNames: workers share directories, not names. At the end the directories hold what the models say.
func stressOwnNames(x *tree) {
	x.put("d", folder)
	x.put("d/e", folder)
	dirs := []regions.NodeID{regions.RootNode, x.at("d"), x.at("d/e")}
	models := make([]model, workers)
	x.together(func(w int, rng *rand.Rand) error {
		m := model{x.Arena, dirs, fmt.Sprint("w", w, "-"), map[spot]regions.NodeID{}}
		models[w] = m
		for range rounds {
			if err := m.step(rng, regions.Spec{Mode: region, UID: x.uid, GID: x.gid}); err != nil {
				return err
			}
		}
		return nil
	})
	want := [][]string{{"d"}, {"e"}, nil}
	links := map[regions.NodeID]uint32{}
	for _, m := range models {
		for s, n := range m.nodes {
			want[s.dir] = append(want[s.dir], s.name)
			links[n]++
		}
	}
	for i, dir := range dirs {
		slices.Sort(want[i])
		if got := x.list(dir); !slices.Equal(got, want[i]) {
			x.Errorf("directory %d: %q, want %q", i, got, want[i])
		}
	}
	for n, count := range links {
		if got := x.attr(n).Nlink; got != count {
			x.Errorf("node %v: %d links, want %d", n, got, count)
		}
	}
	x.wantConsistent()
}

// wantConsistent checks that counts agree with what the tree holds.
func (x *tree) wantConsistent() {
	x.Helper()
	links, subdirs := map[regions.NodeID]uint32{}, map[regions.NodeID]uint32{regions.RootNode: 0}
	attrs := map[regions.NodeID]regions.Attr{}
	x.want(regions.OK, x.Walk(x.Context(), regions.RootNode, func(it regions.Item) error {
		attrs[it.Attr.Node] = it.Attr
		links[it.Attr.Node]++
		if it.Attr.IsDir() {
			subdirs[it.Parent]++
		}
		return nil
	}), "walk")
	for n, a := range attrs {
		want := links[n]
		if a.IsDir() {
			want = 2 + subdirs[n]
		}
		if a.Nlink != want {
			x.Errorf("node %v: %d links, %d found", n, a.Nlink, want)
		}
	}
	if got := x.attr(regions.RootNode).Nlink; got != 2+subdirs[regions.RootNode] {
		x.Errorf("root: %d links, want %d", got, 2+subdirs[regions.RootNode])
	}
}

// stressSameNames: workers fight for a few names, regions and directories. Each answer must be possible, and the tree
// whole at the end.
func stressSameNames(x *tree) {
	x.put("d", folder)
	x.put("e", folder)
	dirs := []regions.NodeID{regions.RootNode, x.at("d"), x.at("e")}
	possible := []error{
		regions.NotFound, regions.Exists, regions.NotEmpty, regions.IsDir, regions.NotDir, regions.Invalid, regions.Stale,
	}
	x.together(func(w int, rng *rand.Rand) error {
		for range rounds {
			if err := x.fight(rng, dirs); err != nil && !slices.ContainsFunc(possible, func(p error) bool { return errors.Is(err, p) }) {
				return err
			}
		}
		return nil
	})
	x.wantConsistent()
}

// fight does something to one of a few names.
func (x *tree) fight(rng *rand.Rand, dirs []regions.NodeID) error {
	pick := func() (regions.NodeID, string) { return dirs[rng.IntN(len(dirs))], fmt.Sprint(rng.IntN(3)) }
	a, name := pick()
	b, other := pick()
	mode := []uint32{region, folder}[rng.IntN(2)]
	var gone regions.Attr
	var err error
	switch rng.IntN(6) {
	case 0:
		_, err = x.Make(a, name, regions.Spec{Mode: mode, UID: x.uid, GID: x.gid})
	case 1:
		gone, err = x.Remove(a, name, mode == folder)
	case 2:
		gone, err = x.Rename(regions.Rename{Dir: a, Name: name, NewDir: b, NewName: other})
	case 3:
		gone, err = x.Rename(regions.Rename{Dir: a, Name: name, NewDir: b, NewName: other, Flags: exchange})
	case 4:
		err = x.readAll(a)
	case 5:
		gone, err = x.Lookup(a, name)
		if err == nil {
			_, err = x.Setattr(gone.Node, regions.Change{Set: regions.SetMode, Mode: 0o700})
		}
	}
	if err == nil && gone.Node != regions.NoNode && gone.Nlink == 0 {
		x.Drop(gone.Node)
	}
	return err
}

// readAll lists a directory, which must not list a name twice.
func (x *tree) readAll(n regions.NodeID) error {
	d, err := x.OpenDir(n)
	if err != nil {
		return err
	}
	defer d.Close()
	names := map[string]int{}
	err = d.Read(0, true, func(e regions.Entry) bool {
		names[e.Name]++
		return true
	})
	for name, count := range maps.All(names) {
		if count > 2 { // one that is moved meanwhile may show twice (readdir(3) leaves it open)
			return fmt.Errorf("%q is listed %d times", name, count)
		}
	}
	return err
}

// stressData: each worker has its own part of one region, and resizes a region of its own.
func stressData(x *tree) {
	shared := x.put("shared", region).Node
	const part = 10_000
	x.together(func(w int, rng *rand.Rand) error {
		f, err := x.Open(shared, regions.ReadAccess|regions.WriteAccess)
		if err != nil {
			return err
		}
		defer f.Close()
		want := make([]byte, part)
		for range rounds {
			off, length := rng.IntN(part), rng.IntN(part)
			p := want[off:min(off+length, part)]
			for i := range p {
				p[i] = byte(w + 1)
			}
			if _, err := f.WriteAt(p, int64(w*part+off)); err != nil {
				return err
			}
			got := make([]byte, len(p))
			if n, err := f.ReadAt(got, int64(w*part+off)); n != len(p) || err != nil || !slices.Equal(got, p) {
				return fmt.Errorf("read %d of %d at %d: %w, or others' bytes", n, len(p), off, err)
			}
		}
		return nil
	})
}

// stressLimits: whatever happens at once, what is used is what is there, and never more than the limit.
func stressLimits(x *tree) {
	x.limited(4<<20, 1000)
	x.together(func(w int, rng *rand.Rand) error {
		for i := range rounds / 3 {
			name := fmt.Sprint("w", w, "-", i%3)
			a, err := x.Make(regions.RootNode, name, regions.Spec{Mode: region, UID: x.uid, GID: x.gid})
			if err != nil {
				return err
			}
			f, err := x.Open(a.Node, regions.WriteAccess)
			if err != nil {
				return err
			}
			_, err = f.WriteAt(make([]byte, rng.IntN(3<<20)), int64(rng.IntN(1<<20)))
			if err != nil && !errors.Is(err, regions.NoSpace) {
				return err
			}
			f.Close()
			if _, err := x.Remove(regions.RootNode, name, false); err != nil {
				return err
			}
			x.Drop(a.Node)
		}
		return nil
	})
	if u := x.usage(); u.BytesUsed != 0 || u.NodesUsed > 1 {
		x.Errorf("usage of an empty arena: %+v", u)
	}
}
