package regions

// touched takes note that a region was opened or closed.
func (m *Manager) touched(node NodeID) {
	if m.books.touched(node, m.now()) && m.lives.sessions.Load() || m.lives.starting.Load() {
		m.lives.use(node)
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
	if m.users.opened(node, true) {
		m.users.released(node, true)
	}
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
