package regions

import "fmt"

// GuardXattr, of a region or of a directory, says who may remove or shrink a region beside what modes say: off, everybody;
// user, the users who own or made it, and root; process, for as long as the process lives that owns it, that one alone.
const GuardXattr = "user.shmfs.guard"

// SealXattr of a region says whether nobody may write to it any more: true or false.
const SealXattr = "user.shmfs.sealed"

// Guard is who may remove or shrink a region.
type Guard uint8

// The guards.
const (
	GuardOff Guard = iota
	GuardUser
	GuardProcess
)

var guardNames = [...]string{GuardOff: "off", GuardUser: "user", GuardProcess: "process"}

func (g Guard) String() string { return guardNames[g] }

// ParseGuard reads off, user or process.
func ParseGuard(s string) (Guard, error) {
	for g, name := range guardNames {
		if s == name {
			return Guard(g), nil
		}
	}
	return GuardOff, fmt.Errorf("guard %q: want off, user or process", s)
}

// SetGuard says what holds where no directory says it.
func (m *Manager) SetGuard(g Guard) {
	m.guard.Store(uint32(g))
	if g != GuardOff {
		m.lives.any.Store(true)
		m.lives.guards.Store(true)
	}
}

// guardOf answers who may remove or shrink a region: what it says itself, or the strictest of what holds where it has names.
func (m *Manager) guardOf(node NodeID) Guard {
	if !m.books.isPlain(node) {
		if s := m.readSaying(node); s.hasGuard {
			return s.guard
		}
	}
	g := m.guardIn(m.home(node))
	for _, dir := range m.others(node) {
		g = max(g, m.guardIn(NodeID(dir)))
	}
	return g
}

func (m *Manager) guardIn(dir NodeID) Guard {
	if s, ok := m.above(dir, func(s *saying) bool { return s.hasGuard }); ok {
		return s.guard
	}
	return Guard(m.guard.Load())
}

// Guards reports whether anything may be guarded. It looks for the walk first: what that finds is known when it ends.
func (m *Manager) Guards() bool { return m.adoption.runs.Load() || m.lives.guards.Load() }

// MayLose refuses that a user, by a process of his, removes or shrinks a region. Verb is for the reason.
func (m *Manager) MayLose(a *Attr, uid, pid uint32, verb string) error {
	if !m.Guards() || !a.IsRegion() {
		return nil
	}
	m.meetNode(a.Node)
	g := m.guardOf(a.Node)
	if g == GuardOff {
		return nil
	}
	if owner := m.OwnerOf(a.Node); g == GuardProcess && owner.Kind == OwnerProcess && owner.known() && m.alive(owner) {
		if owner.ID == pid {
			return nil
		}
		return &Refusal{Code: NotPermitted, Reason: fmt.Sprintf("only %s, which owns it, may %s it", owner, verb),
			Remedy: "let that process do it, or take the guard away: shmfs set PATH guard=off"}
	}
	if r, err := m.Arena.Record(a.Node); uid == 0 || uid == a.UID || err == nil && uid == r.UID {
		return nil
	}
	return &Refusal{Code: NotPermitted, Reason: fmt.Sprintf("only user %d, who owns it, or root may %s it", a.UID, verb),
		Remedy: "let that user do it, or have the guard taken away: shmfs set PATH guard=off"}
}

// MayMove refuses that a user moves a directory, with what is in it, away from what guards that.
func (m *Manager) MayMove(dir *Attr, uid uint32) error {
	if !m.Guards() || uid == 0 || uid == dir.UID {
		return nil
	}
	m.meetNode(dir.Node)
	if m.guardIn(m.Parent(dir.Node)) == GuardOff {
		return nil
	}
	return &Refusal{Code: NotPermitted, Reason: fmt.Sprintf("what is in it is guarded: only user %d, who owns it, or root may move it", dir.UID),
		Remedy: "let that user do it, or have the guard taken away: shmfs set PATH guard=off"}
}

// WriteProber is an arena that can ask whether anybody but us has a region open or mapped for writing.
type WriteProber interface {
	Written(node NodeID) (bool, error)
}

// setSeal seals a region, or takes the seal away.
func (m *Manager) setSeal(node NodeID, value []byte, store func() error) error {
	if s, err := (saying{}).with(SealXattr, string(value)); value != nil && err == nil && s.sealed {
		return m.seal(node, store)
	}
	err := store()
	if err == nil {
		m.users.unseal(node)
	}
	return err
}

// seal keeps writers out of a region from now on, where there are none, and stores that by store.
func (m *Manager) seal(node NodeID, store func() error) error {
	probe := func(NodeID) (bool, error) { return false, nil }
	if p, ok := m.Arena.(WriteProber); ok {
		probe = p.Written
	}
	held, err := m.users.seal(node, probe)
	if err != nil {
		return err
	}
	if held {
		return &Refusal{Code: Busy, Reason: "somebody has it open or mapped for writing",
			Remedy: "wait until they have closed it; shmfs show PATH tells who they are"}
	}
	if err := store(); err != nil {
		m.users.unseal(node)
		return err
	}
	return nil
}

// mayOpen refuses to write to what is sealed or a share, and to open a share of what is gone. Of most regions it is known
// that they are neither.
func (m *Manager) mayOpen(node NodeID, writer bool) error {
	if m.books.isFree(node) {
		return nil
	}
	a, err := m.Arena.Getattr(node)
	if err != nil {
		return err
	}
	if a.Source != NoNode {
		return m.mayOpenShare(&a, writer)
	}
	v, err := m.Arena.Getxattr(node, SealXattr)
	if sealed, bad := parseFlag("sealed", string(v)); err != nil || bad != nil || !sealed {
		m.books.setFree(node, true)
		return nil
	}
	if !writer {
		return nil
	}
	return &Refusal{Code: NotPermitted, Reason: "it is sealed: nobody may write to it",
		Remedy: "open it for reading; who owns it takes the seal away with shmfs seal --undo"}
}

// seal answers whether somebody has n for writing; if not, nobody can open it so any more.
func (u *users) seal(n NodeID, probe func(NodeID) (bool, error)) (held bool, err error) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.users[n]; x != nil && x.writers > 0 {
		return true, nil
	}
	u.unhold(n)
	if held, err = probe(n); held || err != nil {
		return held, err
	}
	if s.sealed == nil {
		s.sealed = map[NodeID]struct{}{}
	}
	s.sealed[n] = struct{}{}
	return false, nil
}

func (u *users) unseal(n NodeID) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sealed, n)
}
