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
	any     atomic.Bool  // whether a lifetime or a pin was ever set
	waiting atomic.Int64 // regions that may be ended before their time

	mu       sync.Mutex // guards the rest; taken alone
	said     map[NodeID]saying
	regions  map[NodeID]note
	below    map[NodeID]struct{}
	wants    []want
	closes   map[NodeID]struct{} // regions whose closing matters
	anything chan struct{}       // holds one token while there is something
	urgent   chan struct{}       // the same, where somebody waits
}

// note is what happened to a region that is to be looked at.
type note struct {
	named   bool // it was made, linked or moved, or says something else: what holds for it is looked up anew
	gone    bool // its owner is
	removed bool // its last name was taken away
	place   Place
	maker   Record // of a region that was just made
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
	pinned      bool
	hasPin      bool
}

func newLives() *lives {
	return &lives{said: map[NodeID]saying{}, regions: map[NodeID]note{}, below: map[NodeID]struct{}{}, closes: map[NodeID]struct{}{},
		anything: make(chan struct{}, 1), urgent: make(chan struct{}, 1)}
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
	x.named, x.gone, x.removed = x.named || old.named, x.gone || old.gone, x.removed || old.removed
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

// orphaned asks to look at a region whose owner is gone.
func (l *lives) orphaned(n NodeID) { l.note(n, note{gone: true}) }

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
		case r.Dir != r.NewDir:
			l.changedBelow(a.Node)
		}
	}
}

// take answers what is to be looked at.
func (l *lives) take() (regions map[NodeID]note, below map[NodeID]struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	regions, below = l.regions, l.below
	if len(regions) > 0 {
		l.regions = map[NodeID]note{}
	}
	if len(below) > 0 {
		l.below = map[NodeID]struct{}{}
	}
	return regions, below
}

func (l *lives) of(dir NodeID) (saying, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.said[dir]
	return s, ok
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
}

// forget takes note that a directory is gone.
func (l *lives) forget(dir NodeID) { l.say(dir, saying{}) }

// readSaying reads what the attributes of a node say. What cannot be read any more holds no longer.
func (m *Manager) readSaying(n NodeID) saying {
	var s saying
	if v, err := m.Arena.Getxattr(n, LifetimeXattr); err == nil {
		l, err := ParseLifetime(string(v))
		s.lifetime, s.hasLifetime = l, err == nil
	}
	if v, err := m.Arena.Getxattr(n, PinXattr); err == nil {
		pin, err := parsePin(string(v))
		s.pinned, s.hasPin = pin, err == nil
	}
	return s
}

// restoreLife takes what a directory's attributes say.
func (m *Manager) restoreLife(dir NodeID) { m.lives.say(dir, m.readSaying(dir)) }

// setLife applies what an extended attribute says of a lifetime, value nil for nothing any more, and stores it by store.
func (m *Manager) setLife(node NodeID, name string, value []byte, store func() error) error {
	if value != nil {
		if _, err := ParseLifetime(string(value)); name == LifetimeXattr && err != nil {
			return lifeInvalid(err)
		}
		if _, err := parsePin(string(value)); name == PinXattr && err != nil {
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
	if !a.IsDir() && !a.IsRegion() {
		return &Refusal{Code: NotPermitted, Reason: name + " is for regions and directories", Remedy: "set it on one"}
	}
	if err := store(); err != nil {
		return err
	}
	m.lives.any.Store(true)
	if a.IsDir() {
		m.restoreLife(node)
		m.lives.changedBelow(node)
	} else {
		m.lives.named(node, Place{})
	}
	return nil
}

func lifeInvalid(err error) error {
	return &Refusal{Code: Invalid, Reason: err.Error(), Remedy: "see docs/lifetimes.md"}
}

// LifetimeOf answers what holds for a region: what it says itself, or the nearest directory above one of its names.
func (m *Manager) LifetimeOf(node NodeID) (l Lifetime, pinned bool) {
	if !m.lives.any.Load() {
		return Lifetime{}, false
	}
	var s saying
	if !m.books.isPlain(node) {
		s = m.readSaying(node)
	}
	for dir := NodeID(m.accounts.Home(accounts.Node(node))); !s.hasLifetime || !s.hasPin; dir = m.Parent(dir) {
		if above, ok := m.lives.of(dir); ok {
			if above.hasLifetime && !s.hasLifetime {
				s.lifetime, s.hasLifetime = above.lifetime, true
			}
			if above.hasPin && !s.hasPin {
				s.pinned, s.hasPin = above.pinned, true
			}
		}
		if dir == RootNode {
			break
		}
	}
	return s.lifetime, s.pinned
}

// SetUptime says how the time since the system's boot is read. Call it before anything is made.
func (m *Manager) SetUptime(f func() time.Duration) { m.uptime = f }

// Lives reports whether regions may end by themselves: a node that was just looked up may be gone when it is opened.
func (m *Manager) Lives() bool { return m.lives.any.Load() }
