package regions

import (
	"sync"
	"time"
)

// kept is what is kept of uses for the next server.
type kept struct {
	mu   sync.Mutex // guards the rest; held over the storing of a use; taken alone
	in   UseKeeper  // nil for nowhere
	last map[NodeID]time.Duration
}

// keptStep is how long what is kept of a region need not be written again. It is less than what the next server adds.
const keptStep = 20 * time.Millisecond

// keep keeps a use, or the begin of a grace period, unless a later one is kept.
func (k *kept) keep(n NodeID, at time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if last, ok := k.last[n]; ok && at <= last {
		return nil
	}
	if err := k.in.KeepUse(n, at); err != nil {
		return err
	}
	k.last[n] = at
	return nil
}

// found takes note of what an earlier server kept.
func (k *kept) found(n NodeID) (time.Duration, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, err := k.in.KeptUse(n)
	if err == nil {
		k.last[n] = at
	}
	return at, err
}

// renew keeps a use of what something is kept of.
func (k *kept) renew(n NodeID, at time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if last, ok := k.last[n]; ok && at-last >= keptStep && k.in.KeepUse(n, at) == nil {
		k.last[n] = at
	}
}

// forget takes away what is kept.
func (k *kept) forget(n NodeID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.in != nil {
		k.in.ForgetUse(n)
	}
	delete(k.last, n)
}

// gone takes note that something is not there any more.
func (k *kept) gone(n NodeID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.last, n)
}

// Closing must be called before it is forgotten that a descriptor is open: who serves the arena next finds it open, or that
// it was used just now. Nobody waits for it.
func (m *Manager) Closing(node NodeID) {
	if !m.lives.any.Load() || m.kept.in == nil {
		return
	}
	now := m.uptime()
	m.kept.renew(node, now)
	if m.lives.sessions.Load() {
		if s := m.sessionOf(node); s != NoNode {
			m.kept.renew(s, now)
		}
	}
}

// touched takes note that a region was opened or closed. One without a name may be gone when somebody looks, and its session
// is not.
func (m *Manager) touched(node NodeID) {
	first := m.books.touched(node, m.now())
	if first && m.lives.sessions.Load() || m.lives.starting.Load() {
		m.lives.use(node)
	}
	if !first && m.lives.sessions.Load() && m.books.lastUsed(node).IsZero() { // it is not in the books
		if s := m.sessionOf(node); s != NoNode {
			m.lives.use(s)
		}
	}
}

// Resumed takes note of a descriptor that an earlier server handed out, and that is open. Conditions are those of Opened.
func (m *Manager) Resumed(node NodeID, access Access) error {
	m.lives.use(node)
	return m.Opened(node, access)
}

// Remembered takes note of a region that nobody has open, though somebody may have it mapped: who did so opened it in the
// time of an earlier server.
func (m *Manager) Remembered(node NodeID) {
	m.users.remember(node)
}

// expect says that a caretaker is to begin.
func (l *lives) expect() { l.starting.Store(true) }

// started says that it knows what there is: of what matters from now on it hears.
func (l *lives) started() { l.starting.Store(false) }

// use takes note that a region was used.
func (l *lives) use(n NodeID) {
	l.mu.Lock()
	l.used[n] = struct{}{}
	l.mu.Unlock()
	l.wake()
}

// takeUsed answers what was used.
func (l *lives) takeUsed() map[NodeID]struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	used := l.used
	if len(used) > 0 {
		l.used = map[NodeID]struct{}{}
	}
	return used
}
