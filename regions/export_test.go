package regions

import (
	"context"
	"time"
)

// SetClock replaces the clock.
func (m *Manager) SetClock(now func() time.Time) {
	m.now = now
	m.books.begun = now()
}

// Step does what Run does when it wakes up.
func (c *Caretaker) Step(ctx context.Context) {
	c.look(ctx)
	c.hurry(ctx)
	c.work(ctx)
}

// Sealed answers how many regions are known to be sealed.
func (m *Manager) Sealed() (n int) {
	for i := range m.users.shards {
		s := &m.users.shards[i]
		s.mu.Lock()
		n += len(s.sealed)
		s.mu.Unlock()
	}
	return n
}

// Pace does what is done every ten seconds while accounts change.
func (m *Manager) Pace() { m.pace() }
