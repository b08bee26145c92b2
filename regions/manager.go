package regions

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmfs/shmfs/regions/accounts"
	"github.com/shmfs/shmfs/regions/events"
)

// Manager is the Arena that all doors go through. What it does not do itself is the inner arena's: it adds each
// region's record, the sums, and who uses what.
type Manager struct {
	Arena
	books     *books
	accounts  *accounts.Book
	users     *users
	events    *events.Log
	lives     *lives
	history   history
	gone      gone
	kept      kept
	wipes     *wiper
	guard     atomic.Uint32                                      // where no directory says it
	lifetimes atomic.Pointer[func(path string) (Lifetime, bool)] // of directories that say nothing; nil for none
	owners    atomic.Pointer[func(path string) (OwnerKind, bool)]
	labeler   atomic.Pointer[func(pid uint32) string]
	sharing   atomic.Bool // whether regions can be shared
	zeroAll   atomic.Bool // whether regions are overwritten where no directory says it
	ender     Ender
	endMu     sync.Mutex // one end after the other; above all other locks
	names     nameLocks
	uptime    func() time.Duration // of the system
	alive     func(WhoOwns) bool
	now       func() time.Time
	adoption  adoption
	size      headroom
	wall      wall
	settings  sync.Mutex // one change of a setting after the other; held over its storing, above the accounts' lock

	records sync.Mutex // one change of a record after the other; taken above the accounts' lock

	adriftMu sync.Mutex // guards adrift; taken alone
	adrift   map[NodeID]struct{}
	crossed  func(Crossing)
	coming   atomic.Int64                             // when room was last on its way, in ns since 1970
	vain     atomic.Uint64                            // deaths in the accounts when memory was last waited for in vain
	defaults atomic.Pointer[func(path string) Limits] // of directories without limits of their own; nil for none
	copying  atomic.Bool                              // whether what is mapped is in memory twice
	watching atomic.Bool                              // whether what grows without asking is noticed
}

var _ Arena = (*Manager)(nil)

// NewManager puts a manager before an arena. Call Adopt before use if the arena may hold something already.
func NewManager(a Arena) *Manager {
	m := &Manager{Arena: a, books: newBooks(time.Now()), now: time.Now, adrift: map[NodeID]struct{}{}, crossed: func(Crossing) {},
		accounts: accounts.New(pageSize, accounts.Node(RootNode)), events: events.New(0, nil),
		lives: newLives(), wipes: newWiper(), ender: nobody{}, uptime: func() time.Duration { return 0 },
		alive: func(WhoOwns) bool { return true }}
	m.history.told, m.history.leaving = map[NodeID][]events.Event{}, map[NodeID]Record{}
	m.history.most.Store(UsualHistory)
	m.events.Observe(m.remember)
	m.accounts.OnBegin(m.beginPace)
	m.wall = wall{m: m, told: func(Overrunning) {}}
	m.users = newUsers(nil)
	m.users.written = func(n NodeID) { m.Getattr(n) }
	if p, ok := a.(UseProber); ok {
		m.users.probe = p.InUse
	}
	m.kept.in, _ = a.(UseKeeper)
	m.kept.last = map[NodeID]time.Duration{}
	return m
}

// OnFree sets who is told when nobody holds a region any more: a front end that keeps something for it in the kernel.
// The callee must not call the manager. Set it before the first Opened.
func (m *Manager) OnFree(f func(NodeID)) { m.users.freed = f }

// OnProbe sets who is told to let go of a region that nobody has open, because what he holds of it would count as a
// use. Conditions are those of OnFree.
func (m *Manager) OnProbe(f func(NodeID)) { m.users.unhold = f }

// Events is where all that happens is told.
func (m *Manager) Events() *events.Log { return m.events }

// SetEvents puts another log in its place. Call it before anything happens.
func (m *Manager) SetEvents(l *events.Log) {
	m.events = l
	l.Observe(m.remember)
}

// Inner is the arena itself, for its abilities ([Descriptor], [Copier], ...).
func (m *Manager) Inner() Arena { return m.Arena }

// Getxattr reads an extended attribute. The kernel asks for security.capability whenever a region may be written to for
// the first time, and ls for labels of each: a region that has none is not asked. ACLs (system.) are inherited.
func (m *Manager) Getxattr(node NodeID, name string) ([]byte, error) {
	if m.books.isPlain(node) && !strings.HasPrefix(name, "system.") {
		if err := checkXattrName(name); err != nil {
			return nil, err
		}
		return nil, NoData
	}
	return m.Arena.Getxattr(node, name)
}

// checkXattrName refuses what an arena would: names without a namespace that it keeps, or with nothing behind it.
func checkXattrName(name string) error {
	namespace, rest, found := strings.Cut(name, ".")
	switch {
	case !found || namespace != "user" && namespace != "trusted" && namespace != "security":
		return NotSupported
	case rest == "":
		return Invalid
	}
	return nil
}

// Setxattr sets an extended attribute. Those that are settings of a directory take effect with it.
func (m *Manager) Setxattr(node NodeID, name string, value []byte, flags XattrFlags) error {
	m.books.setPlain(node, false)
	store := func() error { return m.Arena.Setxattr(node, name, value, flags) }
	switch {
	case SettingXattr(name):
		return m.set(node, name, append([]byte{}, value...), anyLimits, store)
	case LifeXattr(name):
		m.books.setFree(node, false)
		value = m.complete(name, value)
		return m.setLife(node, name, append([]byte{}, value...), store)
	}
	return m.countXattr(node, name, int64(len(name)+len(value)), store)
}

// Removexattr removes an extended attribute.
func (m *Manager) Removexattr(node NodeID, name string) error {
	store := func() error { return m.Arena.Removexattr(node, name) }
	switch {
	case SettingXattr(name):
		return m.set(node, name, nil, anyLimits, store)
	case LifeXattr(name):
		return m.setLife(node, name, nil, store)
	}
	return m.countXattr(node, name, 0, store)
}

// Opened takes note that a descriptor of a region is handed out: Stale if the region is just ending, NotPermitted if it is
// sealed and the descriptor is for writing.
func (m *Manager) Opened(node NodeID, access Access) error {
	writer := access&WriteAccess != 0
	if err := m.mayOpen(node, writer); err != nil {
		return err
	}
	if !m.users.opened(node, writer) {
		if err := m.mayOpen(node, writer); err != nil {
			return err // sealed just now
		}
		return Stale
	}
	m.hold(node, access, 1)
	m.touched(node)
	return nil
}

// SetCopying says that regions are mapped through a cache of their own, in which each is in memory a second time. Call it
// before the first Opened.
func (m *Manager) SetCopying() { m.copying.Store(true) }

// hold counts who may map a region for writing: only such pages are there a second time, and cannot be taken back at will.
func (m *Manager) hold(node NodeID, access Access, more int32) {
	if m.copying.Load() && access == ReadAccess|WriteAccess {
		m.accounts.Hold(accounts.Node(node), more)
	}
}

// Released takes note that a descriptor was closed.
func (m *Manager) Released(node NodeID, access Access) {
	if access&WriteAccess != 0 && m.watching.Load() {
		m.Getattr(node) // the last that it may have grown
	}
	m.touched(node)
	m.hold(node, access, -1)
	if m.users.released(node, access&WriteAccess != 0) {
		m.Forgotten(node)
	}
	m.lives.closed(node)
	m.closedThrough(node)
}

// Forgotten takes note that the kernel does not know a node any more. One that is still open is dropped with its last
// release. What is not open is asked for: a FORGET counts look-ups, and need not be the last one.
func (m *Manager) Forgotten(node NodeID) {
	if m.users.forgotten(node) {
		return
	}
	held := !m.users.isLet(node) && m.users.settle(node)
	if m.takeToZero(node) {
		return
	}
	m.Arena.Drop(node)
	m.let(node, held)
}

// Busy reports whether a region is open or mapped. It costs some microseconds at most.
func (m *Manager) Busy(node NodeID) bool { return m.users.settle(node) }

// SetID reports whether a region's mode has set-user-id or set-group-id for a write to take away.
func (m *Manager) SetID(node NodeID) bool {
	set, known := m.books.setID(node)
	if known {
		return set
	}
	a, err := m.Getattr(node)
	return err == nil && hasSetID(&a)
}

// Use answers who has a region.
func (m *Manager) Use(node NodeID) Use { return m.users.use(node) }

// Held answers how many regions are in use, and by how many descriptors.
func (m *Manager) Held() (regions, opens int) { return m.users.held() }

// LastUsed answers when a region was last opened, closed, written or read: the latest of what is known.
func (m *Manager) LastUsed(a *Attr) time.Time {
	last := m.books.lastUsed(a.Node)
	for _, t := range []Timestamp{a.Atime, a.Mtime} {
		if u := t.Time(); u.After(last) {
			last = u
		}
	}
	return last
}

// Path answers where a node stands, for messages; "" if that cannot be told.
func (m *Manager) Path(node NodeID) string {
	p, ok := m.Arena.(Pather)
	if !ok {
		return ""
	}
	path, err := p.Path(node)
	if err != nil {
		return ""
	}
	return path
}

// Region answers a region's record, or one made up from its attributes if it has none: made by somebody else, or on a
// system that keeps none.
func (m *Manager) Region(a *Attr) Record {
	r, err := m.Arena.Record(a.Node)
	if err == nil || !errors.Is(err, NoData) {
		return r
	}
	return Record{Created: a.Btime.Time(), UID: a.UID, GID: a.GID}
}
