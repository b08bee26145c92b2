package regions_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// The life of regions is checked against a model: random operations, the clock set forth between them, and after each
// one what is there is compared.
func TestLivesAgainstAModel(t *testing.T) {
	const runs, steps = 150, 250
	for seed := range uint64(runs) {
		w := newWorld(t, seed)
		for range steps {
			did := w.step()
			w.care.Step(t.Context())
			w.model.pass(w.now)
			if got, want := w.there(), w.model.there(); !slices.Equal(got, want) {
				t.Fatalf("seed %d, %v: there is %v, want %v\nafter: %q", seed, w.now.Sub(w.begun), got, want, append(w.did, did))
			}
			w.did = append(w.did, did)
		}
	}
}

// says is what a directory or a region says; nil for nothing.
type says struct {
	life *regions.Lifetime
	pin  *bool
}

// modelRegion is a region as the model has it.
type modelRegion struct {
	says
	dir, name string
	owner     uint32
	opens     int
	cared     bool // it had a lifetime other than manual when it was last looked at
	kind      regions.LifetimeKind
	seen      time.Time // since when it counts as unused by its caretaker
	used      time.Time // when it was last opened or closed; zero for never
	deadline  time.Time // zero for none
}

// model is what lives should be.
type model struct {
	said    map[string]says // of directories
	parent  map[string]string
	regions []*modelRegion
	dead    map[uint32]bool
}

// holds answers what holds for a region.
func (m *model) holds(r *modelRegion) (l regions.Lifetime, pinned bool) {
	chain := []says{r.says}
	for d := r.dir; ; d = m.parent[d] {
		chain = append(chain, m.said[d])
		if d == "" {
			break
		}
	}
	slices.Reverse(chain)
	for _, s := range chain {
		if s.life != nil {
			l = *s.life
		}
		if s.pin != nil {
			pinned = *s.pin
		}
	}
	return l, pinned
}

// look is what happens when a region was named, closed, or lost its owner.
func (m *model) look(r *modelRegion, now time.Time) {
	l, pinned := m.holds(r)
	r.deadline = time.Time{}
	if l.Kind == regions.Manual {
		r.cared, r.kind = false, regions.Manual
		return
	}
	if !r.cared || l.Kind == regions.TTL && r.kind != regions.TTL {
		r.seen = now
	}
	r.cared, r.kind = true, l.Kind
	free := r.opens == 0 && (l.Kind == regions.LastUser || l.Kind == regions.Owner && m.dead[r.owner])
	switch {
	case pinned:
	case l.Kind == regions.TTL:
		r.deadline = now.Add(l.TTL - m.idle(r, now))
	case free:
		r.deadline = now.Add(l.Grace)
	}
}

// idle is for how long nobody used a region: uses count in whole seconds, and to its favour.
func (m *model) idle(r *modelRegion, now time.Time) time.Duration {
	last := r.seen
	if !r.used.IsZero() && r.used.Add(time.Second).After(last) {
		last = r.used.Add(time.Second)
	}
	return max(now.Sub(last), 0)
}

// pass ends what is due.
func (m *model) pass(now time.Time) {
	m.regions = slices.DeleteFunc(m.regions, func(r *modelRegion) bool {
		if r.deadline.IsZero() || r.deadline.After(now) {
			return false
		}
		l, _ := m.holds(r)
		switch {
		case l.Kind == regions.TTL && m.idle(r, now) < l.TTL:
			r.deadline = now.Add(l.TTL - m.idle(r, now))
		case r.opens == 0:
			return true
		case l.Kind == regions.TTL:
			r.deadline = now.Add(l.TTL)
		default:
			r.deadline = time.Time{} // until it is closed
		}
		return false
	})
}

func (m *model) there() []string {
	var all []string
	for _, r := range m.regions {
		all = append(all, r.dir+"/"+r.name)
	}
	slices.Sort(all)
	return all
}

// world is the real thing and its model.
type world struct {
	*estate
	t     *testing.T
	rand  *rand.Rand
	begun time.Time
	now   time.Time
	model model
	dirs  map[string]regions.NodeID
	nodes map[*modelRegion]regions.NodeID
	alive []uint32
	next  uint32
	did   []string
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{t: t, rand: rand.New(rand.NewPCG(seed, 5)), begun: time.Unix(1_000_000, 0)}
	w.now = w.begun
	m := regions.NewManager(mem.New(mem.Options{Bytes: 1 << 20}))
	m.SetClock(func() time.Time { return w.now })
	m.SetUptime(func() time.Duration { return time.Hour + w.now.Sub(w.begun) })
	p := &people{dead: map[uint32]bool{}, gone: map[uint32]map[int]func(){}}
	w.estate = &estate{m, regions.NewCaretaker(m, p), p}
	w.model = model{said: map[string]says{}, parent: map[string]string{"a": "", "b": "", "a/c": "a"}, dead: map[uint32]bool{}}
	w.dirs = map[string]regions.NodeID{"": regions.RootNode}
	w.nodes = map[*modelRegion]regions.NodeID{}
	w.dirs["a"] = w.make(t, regions.RootNode, "a", regions.TypeDir, 0)
	w.dirs["b"] = w.make(t, regions.RootNode, "b", regions.TypeDir, 0)
	w.dirs["a/c"] = w.make(t, w.dirs["a"], "c", regions.TypeDir, 0)
	w.alive, w.next = []uint32{1, 2, 3}, 4
	return w
}

func (w *world) there() []string {
	var all []string
	for dir, n := range w.dirs {
		d, err := w.OpenDir(n)
		if err != nil {
			w.t.Fatal(err)
		}
		d.Read(0, false, func(e regions.Entry) bool {
			if e.Type == regions.TypeRegular {
				all = append(all, dir+"/"+e.Name)
			}
			return true
		})
		d.Close()
	}
	slices.Sort(all)
	return all
}

func (w *world) anyDir() string { return slices.Sorted(maps.Keys(w.dirs))[w.rand.IntN(len(w.dirs))] }

func (w *world) anyRegion() *modelRegion {
	if len(w.model.regions) == 0 {
		return nil
	}
	return w.model.regions[w.rand.IntN(len(w.model.regions))]
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%v\nafter: %q", err, w.did)
	}
}

// step does something, and tells what.
func (w *world) step() string {
	r := w.anyRegion()
	switch n := w.rand.IntN(20); {
	case n < 5:
		by := time.Duration(w.rand.IntN(5)) * time.Second
		w.now = w.now.Add(by)
		return fmt.Sprint("wait ", by)
	case n < 8 || r == nil:
		return w.create()
	case n < 10:
		w.must(w.Opened(w.nodes[r], regions.ReadAccess))
		r.opens++
		r.used = w.now
		return fmt.Sprint("open ", r.dir, "/", r.name)
	case n < 12:
		return w.close(r)
	case n < 13:
		_, err := w.Remove(w.dirs[r.dir], r.name, false)
		w.must(err)
		w.forget(r)
		return fmt.Sprint("remove ", r.dir, "/", r.name)
	case n < 15:
		return w.rename(r)
	case n < 18:
		return w.say(r)
	default:
		return w.kill()
	}
}

func (w *world) forget(r *modelRegion) {
	w.model.regions = slices.DeleteFunc(w.model.regions, func(x *modelRegion) bool { return x == r })
}

func (w *world) create() string {
	dir, name := w.anyDir(), fmt.Sprint("r", w.rand.IntN(4))
	owner := uint32(0) // nobody knows
	if w.rand.IntN(5) > 0 {
		owner = w.alive[w.rand.IntN(len(w.alive))]
	}
	if slices.Contains(w.there(), dir+"/"+name) {
		return "nothing"
	}
	r := &modelRegion{dir: dir, name: name, owner: owner}
	w.nodes[r] = w.make(w.t, w.dirs[dir], name, regions.TypeRegular, owner)
	w.model.regions = append(w.model.regions, r)
	w.model.look(r, w.now)
	return fmt.Sprint("make ", dir, "/", name, " by ", owner)
}

func (w *world) close(r *modelRegion) string {
	if r.opens == 0 {
		return "nothing"
	}
	w.Released(w.nodes[r], regions.ReadAccess)
	r.opens--
	r.used = w.now
	w.model.look(r, w.now)
	return fmt.Sprint("close ", r.dir, "/", r.name)
}

func (w *world) rename(r *modelRegion) string {
	dir, name := w.anyDir(), fmt.Sprint("r", w.rand.IntN(4))
	did := fmt.Sprint("rename ", r.dir, "/", r.name, " to ", dir, "/", name)
	if r.dir == dir && r.name == name {
		return "nothing"
	}
	_, err := w.Rename(regions.Rename{Dir: w.dirs[r.dir], Name: r.name, NewDir: w.dirs[dir], NewName: name})
	w.must(err)
	for _, x := range w.model.regions {
		if x.dir == dir && x.name == name {
			w.forget(x)
			break
		}
	}
	r.dir, r.name = dir, name
	w.model.look(r, w.now)
	return did
}

// say sets or takes back what a region or a directory says.
func (w *world) say(r *modelRegion) string {
	texts := []string{"manual", "owner,grace=0", "owner,grace=3s", "last-user,grace=2s", "ttl=4s", "ttl=7s"}
	text := texts[w.rand.IntN(len(texts))]
	dir, own := w.anyDir(), w.rand.IntN(2) == 0
	n, said := w.dirs[dir], w.model.said[dir]
	if own {
		n, said = w.nodes[r], r.says
	}
	name := regions.LifetimeXattr
	switch w.rand.IntN(4) {
	case 0:
		name, text = regions.PinXattr, fmt.Sprint(w.rand.IntN(2) == 0)
		pin := text == "true"
		said.pin = &pin
	case 1:
		if said.life == nil {
			return "nothing"
		}
		said.life, text = nil, ""
	default:
		l, err := regions.ParseLifetime(text)
		w.must(err)
		said.life = &l
	}
	if text == "" {
		w.must(w.Removexattr(n, name))
	} else {
		w.must(w.Setxattr(n, name, []byte(text), 0))
	}
	if own {
		r.says = said
		w.model.look(r, w.now)
		return fmt.Sprint(r.dir, "/", r.name, " says ", name, " ", text)
	}
	w.model.said[dir] = said
	for _, x := range w.model.regions {
		if below(&w.model, x.dir, dir) {
			w.model.look(x, w.now)
		}
	}
	return fmt.Sprint("/", dir, " says ", name, " ", text)
}

func below(m *model, dir, above string) bool {
	for ; dir != above; dir = m.parent[dir] {
		if dir == "" {
			return false
		}
	}
	return true
}

func (w *world) kill() string {
	i := w.rand.IntN(len(w.alive))
	pid := w.alive[i]
	w.alive[i] = w.next
	w.next++
	w.people.die(pid)
	w.model.dead[pid] = true
	for _, r := range w.model.regions {
		if l, _ := w.model.holds(r); r.owner == pid && l.Kind == regions.Owner {
			w.model.look(r, w.now)
		}
	}
	return fmt.Sprint("kill ", pid)
}
