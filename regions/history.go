package regions

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmfs/shmfs/regions/events"
)

// Past is a region that lost its last name, as it is remembered.
type Past struct {
	Path    string
	Node    NodeID
	Record  Record // zero if it had none
	Size    int64
	Ended   time.Time
	PID     uint32 // who removed it; 0 for nobody, or unknown
	UID     uint32
	Removed bool // whether a process removed it
	Reason  string
	Told    []events.Event // what happened to it beside

	dir  NodeID // where it was, until Path is known
	name string
}

// history remembers the regions that ended last, and of those that are there what happened to them beside being made and
// used, which is rare.
type history struct {
	most atomic.Int64 // regions that are remembered; 0 for none

	mu    sync.Mutex // guards the rest; taken alone
	ended []Past     // oldest first
	told  map[NodeID][]events.Event
	// leaving has the records of regions that just lost their last name, until that is told.
	leaving map[NodeID]Record
}

// Bounds of what is remembered.
const (
	// UsualHistory is how many regions are remembered where nothing is said.
	UsualHistory = 100
	// MostHistory is how many may be.
	MostHistory = 100_000
	mostTold    = 16 // of a region: the first ones, and the last
	mostTellers = 4096
	lately      = 256 // regions that ended, among which what is told after an end is looked for
)

// SetHistory says how many regions are remembered after their end.
func (m *Manager) SetHistory(most int) {
	m.history.most.Store(int64(most))
	m.history.mu.Lock()
	defer m.history.mu.Unlock()
	m.history.trim(most)
}

// trim forgets the oldest, many at a time.
func (h *history) trim(most int) {
	if over := len(h.ended) - most; over > most/8 {
		h.ended = slices.Delete(h.ended, 0, over)
	}
}

// leaves takes note of the record of a region that lost its last name: it may be gone when that is told.
func (m *Manager) leaves(a *Attr) {
	if m.history.most.Load() == 0 || a.Node == NoNode || a.Nlink > 0 || !a.IsRegion() || m.history.leavesKnown(a.Node) {
		return
	}
	if r, err := m.Arena.Record(a.Node); err == nil {
		m.leavesWith(a, r)
	}
}

// leavesWith is leaves where the record is at hand; zero is none.
func (m *Manager) leavesWith(a *Attr, r Record) {
	if m.history.most.Load() == 0 || r.ID == 0 {
		return
	}
	m.history.mu.Lock()
	defer m.history.mu.Unlock()
	if len(m.history.leaving) >= mostTellers { // ends that nobody told of
		clear(m.history.leaving)
	}
	m.history.leaving[a.Node] = r
}

// leavesKnown answers whether the record of a region that lost its last name is at hand.
func (h *history) leavesKnown(n NodeID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, known := h.leaving[n]
	return known
}

// remember takes note of an event. It is called for each, by whoever tells it.
func (m *Manager) remember(e events.Event) {
	switch e.Kind {
	case events.OwnerGone, events.InUse, events.EndFailed, events.Zeroed:
		m.history.tell(e)
	case events.Deleted:
		most := int(m.history.most.Load())
		if most == 0 {
			m.history.forget(NodeID(e.Node))
			return
		}
		m.history.end(Past{Path: e.Path, Node: NodeID(e.Node), Size: e.Size, Ended: e.Time, PID: e.PID, UID: e.UID,
			Removed: e.Caller, Reason: e.Reason, dir: NodeID(e.Dir), name: e.Name}, most)
	}
}

func (h *history) tell(e events.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := NodeID(e.Node)
	for i := len(h.ended) - 1; i >= max(0, len(h.ended)-lately); i-- {
		if h.ended[i].Node == n {
			h.ended[i].Told = appendTold(h.ended[i].Told, e)
			return
		}
	}
	if _, known := h.told[n]; !known && len(h.told) >= mostTellers { // among them what ended long ago
		clear(h.told)
	}
	h.told[n] = appendTold(h.told[n], e)
}

func appendTold(all []events.Event, e events.Event) []events.Event {
	if len(all) >= mostTold {
		all = slices.Delete(all, mostTold/2, mostTold/2+1)
	}
	return append(all, e)
}

func (h *history) end(x Past, most int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x.Told, x.Record = h.told[x.Node], h.leaving[x.Node]
	delete(h.told, x.Node)
	delete(h.leaving, x.Node)
	h.ended = append(h.ended, x)
	h.trim(most)
}

func (h *history) forget(n NodeID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.told, n)
}

// History answers the regions that ended, the last one first.
func (m *Manager) History() []Past {
	m.history.mu.Lock()
	over := max(0, len(m.history.ended)-int(m.history.most.Load()))
	all := slices.Clone(m.history.ended[over:])
	for i := range all {
		all[i].Told = slices.Clone(all[i].Told)
	}
	m.history.mu.Unlock()
	slices.Reverse(all)
	for i := range all {
		if x := &all[i]; x.Path == "" && x.dir != NoNode {
			x.Path = m.PathOf(x.dir, x.name)
		}
	}
	return all
}
