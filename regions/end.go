package regions

import (
	"errors"
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/shmfs/shmfs/regions/events"
)

// Ender is who must know of the names that are taken away here: a front end, whose kernel keeps them. All are called by
// one goroutine at a time, and may wait for requests.
type Ender interface {
	// Held answers which of some regions the kernel knows somebody of who has them without having them open.
	Held([]NodeID) []bool
	// Begin is told before a name goes, and Ended afterwards.
	Begin(Place)
	Ended(Place)
	// Done is told after the last of some names.
	Done()
	// Yield lets those go first who wait for this processor.
	Yield()
}

// nobody is the Ender of a manager without a front end.
type nobody struct{}

func (nobody) Held(all []NodeID) []bool { return make([]bool, len(all)) }
func (nobody) Begin(Place)              {}
func (nobody) Ended(Place)              {}
func (nobody) Done()                    {}
func (nobody) Yield()                   { runtime.Gosched() }

// SetEnder sets who is told. Call it before the first end.
func (m *Manager) SetEnder(e Ender) { m.ender = e }

// ErrHeld says that somebody has a region.
var ErrHeld = errors.New("somebody has it open or mapped")

// endTries is how often an end begins anew because the region got another name meanwhile.
const endTries = 8

// Ending is a region that is to end.
type Ending struct {
	Node NodeID
	Why  string // for the event
	Err  error  // what came of it: ErrHeld if somebody has the region

	place Place  // where its name is looked for first; zero for anywhere
	maker Record // zero for not known
	size  int64  // of what ended
}

// End takes all names of a region away that nobody has: ErrHeld if somebody does.
func (m *Manager) End(node NodeID, why string) error {
	all := []Ending{{Node: node, Why: why}}
	m.EndAll(all)
	return all[0].Err
}

// EndAll ends several regions, of which those of a directory had better follow each other. It must not be called by a
// request that holds a directory, and waits for those that do.
func (m *Manager) EndAll(all []Ending) {
	m.Settled()
	m.endMu.Lock()
	defer m.endMu.Unlock()
	defer m.ender.Done()
	t := m.newTurn()
	held := m.heldOf(all, &t)
	for i := range all {
		x := &all[i]
		if held[i] {
			x.Err = ErrHeld
		} else {
			x.Err = m.endOne(x)
		}
		t.pass()
	}
}

// turn is a time for which who ends regions keeps a processor to itself.
type turn struct {
	ender Ender
	begun time.Time
	away  time.Duration // how long the last pause took
}

// A turn is short for clients, who wait for the processor no longer than that. A pause of a slice of the scheduler's and more
// (Linux kernel/sched/fair.c, sysctl_sched_base_slice) is not theirs: where others use the processor up, a turn lasts half as
// long as the last pause, and no longer than a slice.
const (
	shortTurn = 100 * time.Microsecond
	slice     = 3 * time.Millisecond
)

func (m *Manager) newTurn() turn { return turn{ender: m.ender, begun: time.Now()} }

// pass lets others go first if the turn is over.
func (t *turn) pass() {
	now, length := time.Now(), shortTurn
	if t.away >= slice {
		length = min(t.away/2, slice)
	}
	if now.Sub(t.begun) <= length {
		return
	}
	t.ender.Yield()
	t.begun = time.Now()
	t.away = t.begun.Sub(now)
}

// letGo does of the ends of regions what can be done before: it lets go of those that nobody has.
func (m *Manager) letGo(all []Ending) {
	m.endMu.Lock()
	defer m.endMu.Unlock()
	t := m.newTurn()
	m.heldOf(all, &t)
}

// heldOf asks who has regions: first what costs the least, because the kernel makes requests of what it drops, and others
// wait behind those. One that was looked up while the others were asked for is asked for once more.
func (m *Manager) heldOf(all []Ending, t *turn) []bool {
	answers := make([]bool, len(all))
	var nodes []NodeID
	var at []int // in all
	for i := range all {
		n := all[i].Node
		if answers[i] = m.users.isOpen(n) || m.users.letGo(n); !answers[i] {
			nodes, at = append(nodes, n), append(at, i)
		}
		t.pass()
	}
	if len(nodes) == 0 {
		return answers
	}
	for i, held := range m.ender.Held(nodes) {
		answers[at[i]] = held && (len(nodes) == 1 || m.ender.Held(nodes[i : i+1])[0])
	}
	return answers
}

func (m *Manager) endOne(x *Ending) error {
	for range endTries {
		done, err := m.endName(x)
		if done || err != nil {
			return err
		}
		x.place = Place{}
	}
	return &Refusal{Code: Again, Reason: "it is renamed all the time", Remedy: "it is tried again"}
}

// endName takes one name of a region away. It answers whether it was the last.
func (m *Manager) endName(x *Ending) (done bool, err error) {
	at := x.place
	if at == (Place{}) {
		if at, err = m.placeOf(x.Node); err != nil || at == (Place{}) {
			return false, err
		}
	}
	a, err := m.takeName(x, at)
	if err != nil || a.Node == NoNode {
		return false, err
	}
	m.ender.Ended(at)
	if a.Nlink == 0 {
		m.Forgotten(x.Node)
	}
	m.users.endEnd(x.Node)
	if a.Nlink > 0 {
		return false, nil
	}
	x.size = a.Size
	m.events.Add(events.Event{Kind: events.Deleted, Time: m.now(), Node: uint64(x.Node), Dir: uint64(at.Dir), Name: at.Name,
		Size: a.Size, Sized: true, Reason: x.Why})
	return true, nil
}

// placeOf finds a name of a region; the zero Place if it was moved just now.
func (m *Manager) placeOf(n NodeID) (Place, error) {
	p, ok := m.Arena.(Pather)
	if !ok {
		return Place{}, NotSupported
	}
	if a, err := m.Arena.Getattr(n); err == nil && a.Nlink == 0 {
		return Place{}, NotFound
	}
	at, err := p.Path(n)
	if err != nil {
		return Place{}, err
	}
	dir, err := m.walk(path.Dir("/" + at))
	if err != nil {
		return Place{}, nil
	}
	return Place{dir, path.Base(at)}, nil
}

// NodeRemover is an arena that takes a name away only if it stands for a node: NoNode if it does not.
type NodeRemover interface {
	RemoveNode(dir NodeID, name string, node NodeID) (Attr, error)
}

// takeName takes a name away if it is still the region's: NoNode if it is not. Nobody can open the region from then on.
func (m *Manager) takeName(x *Ending, at Place) (a Attr, err error) {
	node := x.Node
	defer m.names.alone(at.Dir)()
	if err := m.users.beginEnd(node); err != nil {
		return Attr{}, err
	}
	m.ender.Begin(at)
	if r, ok := m.Arena.(NodeRemover); ok {
		a, err = r.RemoveNode(at.Dir, at.Name, node)
	} else if a, err = m.Arena.Lookup(at.Dir, at.Name); err == nil && a.Node == node {
		a, err = m.Arena.Remove(at.Dir, at.Name, false)
	} else {
		a = Attr{}
	}
	if errors.Is(err, NotFound) || errors.Is(err, Stale) || errors.Is(err, NotDir) {
		a, err = Attr{}, nil // the name, or its directory, went just now
	}
	if err != nil || a.Node == NoNode {
		m.users.endEnd(node)
		return Attr{}, err
	}
	if a.Nlink == 0 {
		m.users.lostName(node)
		m.leavesWith(&a, x.maker)
	}
	m.unlinked(&a, at)
	return a, nil
}

// walk resolves the path of a directory.
func (m *Manager) walk(p string) (NodeID, error) {
	at := RootNode
	for name := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
		if name == "" {
			continue
		}
		a, err := m.Arena.Lookup(at, name)
		if err != nil {
			return NoNode, err
		}
		at = a.Node
	}
	return at, nil
}
