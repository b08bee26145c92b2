package regions

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmfs/shmfs/regions/accounts"
)

// lives knows what directories say of lifetimes, and which regions somebody shall look at again. While nothing says
// anything, nobody has to.
type lives struct {
	any         atomic.Bool  // whether anything was ever said
	waiting     atomic.Int64 // regions that may be ended before their time
	labels      atomic.Bool  // whether a directory ever had labels
	guards      atomic.Bool  // whether anything was ever guarded
	collectRuns atomic.Bool
	starting    atomic.Bool // a caretaker is to come, and has not begun
	sessions    atomic.Bool // there are some

	mu       sync.Mutex // guards the rest; taken alone
	said     map[NodeID]saying
	users    map[NodeID]uint32 // whose directories are that are not root's
	regions  map[NodeID]note
	below    map[NodeID]struct{}
	used     map[NodeID]struct{} // what was opened or closed and may be in a session; while starting, all that was
	wants    []want
	known    map[string]struct{} // runs that have begun
	begun    map[string]struct{} // of those, since it was last asked
	closes   map[NodeID]struct{} // regions whose closing matters
	anything chan struct{}       // holds one token while there is something
	urgent   chan struct{}       // the same, where somebody waits
}

// note is what happened to a region that is to be looked at.
type note struct {
	named     bool      // it was made, linked or moved, or says something else: what holds for it is looked up anew
	directory bool      // it is one
	gone      []WhoOwns // owners of it, or who were before it was handed on
	removed   bool      // its last name was taken away
	place     Place
	maker     Record // of a region that was just made
}

// Place is where a name stands. It is zero where nobody knows, and may be out of date.
type Place struct {
	Dir  NodeID
	Name string
}

// saying is what a directory, or a region, says.
type saying struct {
	lifetime    Lifetime
	hasLifetime bool
	configured  bool // lifetime is the configuration's
	pinned      bool
	hasPin      bool
	zero        bool
	hasZero     bool
	session     sessionSaying
	owner       ownerSaying
	guard       Guard
	hasGuard    bool
	sealed      bool   // of a region
	labels      string // as ParseLabels reads them; "" for none
}

func newLives() *lives {
	return &lives{said: map[NodeID]saying{}, users: map[NodeID]uint32{}, regions: map[NodeID]note{}, below: map[NodeID]struct{}{}, closes: map[NodeID]struct{}{},
		used: map[NodeID]struct{}{}, known: map[string]struct{}{}, begun: map[string]struct{}{}, anything: make(chan struct{}, 1), urgent: make(chan struct{}, 1)}
}

func (l *lives) wake() { offer(l.anything) }

func offer(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// closed asks to look at a region that was closed, if that matters.
func (l *lives) closed(n NodeID) {
	if !l.any.Load() {
		return
	}
	l.mu.Lock()
	_, matters := l.closes[n]
	l.mu.Unlock()
	if matters {
		l.note(n, note{})
	}
}

// wantClose says whether the closing of a region matters.
func (l *lives) wantClose(n NodeID, wanted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wanted {
		l.closes[n] = struct{}{}
	} else {
		delete(l.closes, n)
	}
}

// named asks to look at a region that has another name, or another lifetime.
func (l *lives) named(n NodeID, p Place) { l.note(n, note{named: true, place: p}) }

// made asks to look at a new region.
func (l *lives) made(n NodeID, p Place, maker Record) {
	l.note(n, note{named: true, place: p, maker: maker})
}

// removed says that a region has no name any more.
func (l *lives) removed(n NodeID) { l.note(n, note{removed: true}) }

func (l *lives) note(n NodeID, x note) {
	if !l.any.Load() {
		return
	}
	l.mu.Lock()
	old := l.regions[n]
	x.named, x.directory, x.removed = x.named || old.named, x.directory || old.directory, x.removed || old.removed
	x.gone = append(old.gone, x.gone...)
	if x.place == (Place{}) {
		x.place = old.place
	}
	if x.maker.ID == 0 {
		x.maker = old.maker
	}
	l.regions[n] = x
	l.mu.Unlock()
	l.wake()
}

// directory asks to look at a directory: it may be a session.
func (l *lives) directory(n NodeID) { l.note(n, note{directory: true}) }

// orphaned asks to look at a region whose owner is gone, or was when it was handed on.
func (l *lives) orphaned(n NodeID, owner WhoOwns) { l.note(n, note{gone: []WhoOwns{owner}}) }

// changedBelow asks to look at all below a directory.
func (l *lives) changedBelow(dir NodeID) {
	l.mu.Lock()
	l.below[dir] = struct{}{}
	l.mu.Unlock()
	l.wake()
}

// moved asks to look at what has another place now.
func (l *lives) moved(m *Manager, r *Rename) {
	if !l.any.Load() {
		return
	}
	places := []Rename{{NewDir: r.NewDir, NewName: r.NewName}}
	if r.Flags&RenameExchange != 0 {
		places = append(places, Rename{NewDir: r.Dir, NewName: r.Name})
	}
	for _, p := range places {
		a, err := m.Arena.Lookup(p.NewDir, p.NewName)
		switch {
		case err != nil:
		case !a.IsDir():
			l.named(a.Node, Place{p.NewDir, p.NewName})
		default:
			if m.hasLifePatterns() {
				m.restoreLife(a.Node)
			}
			l.directory(a.Node)
			if r.Dir != r.NewDir || m.hasLifePatterns() {
				l.changedBelow(a.Node)
			}
		}
	}
}

// take answers what is to be looked at.
func (l *lives) take() (regions map[NodeID]note, below map[NodeID]struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.regions) > 0 { // an empty one stays: whoever gets it would read what others write
		regions, l.regions = l.regions, map[NodeID]note{}
	}
	if len(l.below) > 0 {
		below, l.below = l.below, map[NodeID]struct{}{}
	}
	return regions, below
}

func (l *lives) say(dir NodeID, s saying) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s == (saying{}) {
		delete(l.said, dir)
		return
	}
	l.said[dir] = s
	l.any.Store(true)
	if s.labels != "" {
		l.labels.Store(true)
	}
	if s.hasGuard {
		l.guards.Store(true)
	}
}

// forget takes note that a directory is gone.
func (l *lives) forget(dir NodeID) {
	l.say(dir, saying{})
	l.belongs(dir, root)
}

// readSaying reads what the attributes of a node say. What cannot be read any more holds no longer.
func (m *Manager) readSaying(n NodeID) saying {
	s, _ := m.tryReadSaying(n)
	return s
}

// tryReadSaying answers an error where there is not what it takes to read them.
func (m *Manager) tryReadSaying(n NodeID) (saying, error) {
	var s saying
	names, err := m.Arena.Listxattr(n)
	if cannotTell(err) {
		return s, err
	}
	for _, name := range names {
		if !LifeXattr(name) {
			continue
		}
		v, err := m.Arena.Getxattr(n, name)
		if cannotTell(err) {
			return s, err
		}
		if next, bad := s.with(name, string(v)); err == nil && bad == nil {
			s = next
		}
	}
	return s, nil
}

// with answers what is said if an attribute says something too.
func (s saying) with(name, value string) (saying, error) {
	var err error
	switch name {
	case LifetimeXattr:
		s.lifetime, err = ParseLifetime(value)
		s.hasLifetime = true
	case PinXattr:
		s.pinned, err = parseFlag("pin", value)
		s.hasPin = true
	case ZeroXattr:
		s.zero, err = parseFlag("zero", value)
		s.hasZero = true
	case SessionXattr:
		s.session, err = parseSession(value)
	case OwnerXattr:
		s.owner, err = parseOwner(value)
	case GuardXattr:
		s.guard, err = ParseGuard(value)
		s.hasGuard = true
	case LabelsXattr:
		s.labels = value
		_, err = ParseLabels(value)
	case SealXattr:
		s.sealed, err = parseFlag("sealed", value)
	}
	return s, err
}

// CheckLife refuses a value that an attribute of LifeXattr does not take.
func CheckLife(name, value string) error {
	_, err := saying{}.with(name, value)
	return err
}

// restoreLife takes what a directory's attributes say, and the configuration where they do not.
func (m *Manager) restoreLife(dir NodeID) {
	s := m.readSaying(dir)
	if of := m.lifetimes.Load(); of != nil && !s.hasLifetime {
		s.lifetime, s.hasLifetime = (*of)(m.Path(dir))
		s.configured = s.hasLifetime
	}
	if of := m.owners.Load(); of != nil && !s.owner.says() {
		if kind, ok := (*of)(m.Path(dir)); ok {
			s.owner = ownerSaying{kind: kind, hasKind: true, configured: true}
		}
	}
	if s.hasZero {
		m.wipes.asked.Store(true)
	}
	m.lives.say(dir, s)
}

// SetLifetimes sets the lifetimes of directories that say nothing, by their path from the root: now, and when they are made,
// found or moved. Nil is none.
func (m *Manager) SetLifetimes(of func(path string) (Lifetime, bool)) {
	setPattern(m, &m.lifetimes, of)
}

// SetOwners sets what of its maker's owns a region, by the path of directories that say nothing. Conditions are those of
// SetLifetimes.
func (m *Manager) SetOwners(of func(path string) (OwnerKind, bool)) {
	setPattern(m, &m.owners, of)
}

func setPattern[T any](m *Manager, at *atomic.Pointer[func(path string) (T, bool)], of func(path string) (T, bool)) {
	m.settings.Lock()
	defer m.settings.Unlock()
	switch {
	case of != nil:
		at.Store(&of)
	case at.Swap(nil) == nil:
		return
	}
	m.restoreLife(RootNode)
	for _, s := range m.accounts.Accounts(accounts.OfDirectory) {
		m.restoreLife(NodeID(s.ID))
	}
	m.lives.changedBelow(RootNode)
}

// hasLifePatterns reports whether what holds for a directory depends on its path.
func (m *Manager) hasLifePatterns() bool { return m.lifetimes.Load() != nil || m.owners.Load() != nil }

// setLife applies what an extended attribute says of a lifetime, value nil for nothing any more, and stores it by store.
func (m *Manager) setLife(node NodeID, name string, value []byte, store func() error) error {
	if value != nil {
		if _, err := (saying{}).with(name, string(value)); err != nil {
			return lifeInvalid(err)
		}
	}
	m.Settled()
	m.settings.Lock()
	defer m.settings.Unlock()
	a, err := m.Arena.Getattr(node)
	if err != nil {
		return err
	}
	if err := m.mayLive(&a, name, value); err != nil {
		return err
	}
	if !a.IsDir() && !a.IsRegion() {
		return &Refusal{Code: NotPermitted, Reason: name + " is for regions and directories", Remedy: "set it on one"}
	}
	if name == SealXattr {
		return m.setSeal(node, value, store)
	}
	if name == ZeroXattr {
		m.wipes.asked.Store(true)
	}
	if name == GuardXattr {
		m.lives.guards.Store(true)
	}
	if name == LabelsXattr && a.IsRegion() {
		err = m.relabel(&a, value, store)
	} else {
		err = store()
	}
	if err != nil {
		return err
	}
	m.lives.any.Store(true)
	if a.IsDir() {
		m.restoreLife(node)
		m.lives.directory(node)
		m.lives.changedBelow(node)
	} else {
		m.lives.named(node, Place{})
	}
	return nil
}

func lifeInvalid(err error) error {
	return &Refusal{Code: Invalid, Reason: err.Error(), Remedy: "see docs/lifetimes.md"}
}

// SetUptime says how the time since the system's boot is read. Call it before anything is made.
func (m *Manager) SetUptime(f func() time.Duration) { m.uptime = f }

// Lives reports whether regions may end by themselves: a node that was just looked up may be gone when it is opened.
func (m *Manager) Lives() bool { return m.lives.any.Load() }
