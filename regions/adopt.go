package regions

import (
	"context"
	"sync"

	"github.com/shmfs/shmfs/regions/accounts"
)

// adoption is a walk over what an arena held before. Until it is done nothing is made, moved, removed or resized: who
// asks for that waits, some 10 µs for each node that there is. What only looks does not.
type adoption struct {
	mu   sync.Mutex    // guards done
	done chan struct{} // closed at the end of the walk; nil if there is none to come
}

// Expect says that Adopt is to follow, in the background: from here on requests may be served.
func (m *Manager) Expect() {
	m.adoption.mu.Lock()
	defer m.adoption.mu.Unlock()
	if m.adoption.done == nil {
		m.adoption.done = make(chan struct{})
	}
}

// adopted waits for the end of a walk.
func (m *Manager) adopted() {
	m.adoption.mu.Lock()
	done := m.adoption.done
	m.adoption.mu.Unlock()
	if done != nil {
		<-done
	}
}

// Adopt counts what the arena holds already, and answers the sums.
func (m *Manager) Adopt(ctx context.Context) (Totals, error) {
	return m.adopt(ctx, func(NodeID) {})
}

// AdoptUsed adopts an arena that others served before: who maps its regions opened them there. So it also asks the kernel
// for every region whether somebody has it, and keeps those that are in use. That costs some 5 µs a region.
func (m *Manager) AdoptUsed(ctx context.Context) (Totals, error) {
	p, ok := m.Arena.(UseProber)
	if !ok {
		return m.Adopt(ctx)
	}
	return m.adopt(ctx, func(n NodeID) {
		if held, err := p.InUse(n); err == nil && held {
			m.users.found(n)
		}
	})
}

// adopt walks once, and calls fn for every region.
func (m *Manager) adopt(ctx context.Context, fn func(NodeID)) (Totals, error) {
	m.Expect()
	m.restoreSettings(RootNode)
	m.restoreLife(RootNode)
	err := m.survey(ctx, func(it Item) error {
		m.found(&it)
		if it.Attr.IsRegion() {
			fn(it.Attr.Node)
		}
		return nil
	})
	m.restoreSubjects()
	m.adoption.mu.Lock()
	close(m.adoption.done)
	m.adoption.done = nil
	m.adoption.mu.Unlock()
	return m.Totals(), err
}

// survey calls fn for every node, several at once where the arena can. Owners are in the records.
func (m *Manager) survey(ctx context.Context, fn func(Item) error) error {
	if s, ok := m.Arena.(Surveyor); ok {
		return s.Survey(ctx, true, fn)
	}
	return m.Arena.Walk(ctx, RootNode, fn)
}

// found counts one name that the walk met.
func (m *Manager) found(it *Item) {
	a := &it.Attr
	m.books.made(a)
	m.accounts.Found(accounts.Node(a.Node), accounts.Node(it.Parent), typeOf(a), seen(a), owner(a, it.Record.PID), true)
	if a.IsDir() {
		m.restoreSettings(a.Node)
		m.restoreLife(a.Node)
	}
}
