package regions

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmfs/shmfs/regions/events"
)

// ZeroXattr, of a region or of a directory, says whether the memory of a region is overwritten with zeros when it ends,
// before it is given back: true or false.
const ZeroXattr = "user.shmfs.zero"

// Pinner is an arena that keeps a region without a name until Drop, even if the kernel has forgotten it.
type Pinner interface {
	Pin(node NodeID) error
}

// wiper overwrites what regions held that have no name any more, when nobody has them.
type wiper struct {
	keep func(NodeID) // told that a region is to be kept although it has no name, until done is told; both may be told twice
	done func(NodeID)
	// asked says whether any region may have to be overwritten. Until then none is asked whether it has, which costs some
	// system calls for each that ends.
	asked atomic.Bool

	mu      sync.Mutex // guards the rest; taken alone
	paths   map[NodeID]string
	pending map[NodeID]*wipe
	ready   []NodeID      // of pending: not yet looked at
	wake    chan struct{} // holds one token while there is something new
	working bool
}

// wipe is a region that is to be overwritten.
type wipe struct {
	path  string
	tries int
	due   time.Time
}

func newWiper() *wiper {
	nothing := func(NodeID) {}
	return &wiper{keep: nothing, done: nothing, paths: map[NodeID]string{}, pending: map[NodeID]*wipe{}, wake: make(chan struct{}, 1)}
}

// OnWipe sets who keeps regions for who serves the arena next, in the case that this one dies before they are overwritten.
// Set it before the first request.
func (m *Manager) OnWipe(keep, done func(NodeID)) { m.wipes.keep, m.wipes.done = keep, done }

// ToWipe reports whether a region without a name is kept to be overwritten.
func (m *Manager) ToWipe(node NodeID) bool { return m.wipes.knows(node) }

// SetZero says whether regions are overwritten where no directory says it.
func (m *Manager) SetZero(zero bool) {
	m.zeroAll.Store(zero)
	if zero {
		m.wipes.asked.Store(true)
		m.lives.any.Store(true)
	}
}

// zeroes answers whether a region is to be overwritten at its end.
func (m *Manager) zeroes(node NodeID) bool {
	if !m.wipes.asked.Load() {
		return false
	}
	if s, ok := m.nearest(node, func(s *saying) bool { return s.hasZero }); ok {
		return s.zero
	}
	return m.zeroAll.Load()
}

// markZero takes note that a region that is to be overwritten lost its last name, while it is known in which directory. What
// is said is stored with the region, so that it also holds in the next server, which does not know the directory.
func (m *Manager) markZero(a *Attr, at Place) {
	if a.Source != NoNode {
		return
	}
	m.books.setPlain(a.Node, false)
	if err := m.Arena.Setxattr(a.Node, ZeroXattr, []byte("true"), 0); err != nil && !errors.Is(err, NotSupported) {
		m.notZeroed(a.Node, path.Join(m.Path(at.Dir), at.Name), err)
	}
	m.wipes.mu.Lock()
	m.wipes.paths[a.Node] = path.Join(m.Path(at.Dir), at.Name)
	m.wipes.mu.Unlock()
	m.wipes.keep(a.Node)
}

// foundMarked looks whether a region without a name that an earlier server knew is to be overwritten, or guarded.
func (m *Manager) foundMarked(node NodeID) {
	s := m.readSaying(node)
	if s.zero {
		m.wipes.asked.Store(true)
		m.lives.any.Store(true)
	}
	if s.hasGuard {
		m.lives.any.Store(true)
		m.lives.guards.Store(true)
	}
}

// takeToZero takes over a region that nobody can reach any more, if it is to be overwritten.
func (m *Manager) takeToZero(node NodeID) bool {
	if !m.wipes.asked.Load() {
		return false
	}
	if m.wipes.has(node) {
		return true
	}
	a, err := m.Arena.Getattr(node)
	if err != nil || a.Nlink > 0 || !a.IsRegion() || a.Source != NoNode || !m.zeroes(node) {
		m.wipes.forget(node)
		return false
	}
	if p, ok := m.Arena.(Pinner); ok {
		if err := p.Pin(node); err != nil {
			m.notZeroed(node, m.wipes.pathOf(node), err)
			m.wipes.forget(node)
			return false
		}
	}
	m.wipes.keep(node)
	if m.wipes.add(node, m.now()) {
		return true
	}
	return m.wipe(node) // nobody works: it is done at once
}

func (w *wiper) has(node NodeID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pending[node] != nil
}

// knows is has, of those too that somebody has yet.
func (w *wiper) knows(node NodeID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, marked := w.paths[node]
	return marked || w.pending[node] != nil
}

// forget says that nothing is left to be done for a region.
func (w *wiper) forget(node NodeID) {
	w.mu.Lock()
	delete(w.pending, node)
	delete(w.paths, node)
	w.mu.Unlock()
	w.done(node)
}

func (w *wiper) pathOf(node NodeID) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.paths[node]
}

// add answers whether somebody is there to do it.
func (w *wiper) add(node NodeID, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending[node] = &wipe{path: w.paths[node], due: now}
	w.ready = append(w.ready, node)
	offer(w.wake)
	return w.working
}

// next answers what is due, or when something is.
func (w *wiper) next(now time.Time) (node NodeID, due time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.ready) > 0 {
		node, w.ready = w.ready[0], w.ready[1:]
		return node, now
	}
	for n, x := range w.pending { // somebody had them: few
		if !x.due.After(now) {
			return n, x.due
		}
		if due.IsZero() || x.due.Before(due) {
			due = x.due
		}
	}
	return NoNode, due
}

func (w *wiper) setWorking(working bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.working = working
}

// wipeAll overwrites what is to be overwritten until ctx ends, and then what is left and nobody has.
func (m *Manager) wipeAll(ctx context.Context) {
	m.wipes.setWorking(true)
	defer m.wipes.setWorking(false)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		node, due := m.wipes.next(m.now())
		switch {
		case node != NoNode:
			m.wipe(node)
			continue
		case ctx.Err() != nil:
			return
		case !due.IsZero():
			timer.Reset(max(due.Sub(m.now()), 0))
		}
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-m.wipes.wake:
		}
	}
}

// wipe overwrites a region, and gives it back. One that somebody has is left for later: false.
func (m *Manager) wipe(node NodeID) (done bool) {
	held := m.users.settle(node)
	m.wipes.mu.Lock()
	x := m.wipes.pending[node]
	if x == nil {
		m.wipes.mu.Unlock()
		return true
	}
	if held {
		x.tries++
		x.due = m.now().Add(backOff(x.tries))
		m.wipes.mu.Unlock()
		return false
	}
	at := x.path
	m.wipes.mu.Unlock()
	size, err := m.overwriteAll(node)
	switch {
	case errors.Is(err, Stale) || errors.Is(err, NotFound): // it is gone
	case err != nil:
		m.notZeroed(node, at, err)
	default:
		m.events.Add(events.Event{Kind: events.Zeroed, Time: m.now(), Node: uint64(node), Path: at, Size: size, Sized: true})
	}
	m.Arena.Drop(node)
	m.wipes.forget(node)
	m.let(node, false)
	return true
}

func (m *Manager) notZeroed(node NodeID, at string, err error) {
	m.events.Add(events.Event{Kind: events.EndFailed, Time: m.now(), Node: uint64(node), Path: at,
		Reason: fmt.Sprintf("its memory goes back without having been overwritten: %v", err)})
}
