package regions

import (
	"context"
	"math"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/shmfs/shmfs/regions/accounts"
)

// adoption is a walk over what an arena held before, some 10 µs for each node that there is. Requests are served
// meanwhile. With the sums of the server before, what changes something is asked for as ever: what it is about is brought
// into the accounts before it is done. Without them, and where one is about to be refused, it waits for the end of the walk.
type adoption struct {
	mu     sync.Mutex    // guards done
	done   chan struct{} // closed at the end of the walk; nil if there is none to come
	runs   atomic.Bool
	relies atomic.Bool // on the sums of the server before
	others atomic.Bool // who served another mount had the arena before
}

// Expect says that Adopt is to follow, in the background: from here on requests may be served.
func (m *Manager) Expect() {
	m.wipes.asked.Store(true) // of what has no name any more, the server before may have been
	m.expect()
}

func (m *Manager) expect() {
	m.adoption.mu.Lock()
	defer m.adoption.mu.Unlock()
	if m.adoption.done == nil {
		m.adoption.done = make(chan struct{})
		m.adoption.runs.Store(true)
		m.accounts.Expect()
	}
}

// Settled waits for the end of a walk.
func (m *Manager) Settled() {
	if !m.adoption.runs.Load() {
		return
	}
	m.adoption.mu.Lock()
	done := m.adoption.done
	m.adoption.mu.Unlock()
	if done != nil {
		<-done
	}
}

// Inherit gives the accounts a memory that outlives the process, to write their sums down in; server numbers those who
// do, one after the other. After Expect, what the server before this one wrote there is relied on. Call it when the limits
// of the configuration are set, and before the first request.
func (m *Manager) Inherit(mem []atomic.Uint64, server uint64) {
	reserved, ok := m.accounts.Inherit(mem, server)
	if !m.adoption.runs.Load() {
		return
	}
	m.restoreRoot()
	for _, n := range reserved {
		ok = m.learn(NodeID(n)) && ok
	}
	m.adoption.relies.Store(ok)
}

// Adopt counts what the arena holds already, and answers the sums.
func (m *Manager) Adopt(ctx context.Context) (Totals, error) {
	return m.adopt(ctx, func(NodeID) {})
}

// AdoptUsed adopts an arena that others served before: who maps its regions opened them there. So it also asks the kernel
// for every region whether somebody has it, and keeps those that are in use. That costs some 5 µs a region.
func (m *Manager) AdoptUsed(ctx context.Context) (Totals, error) {
	m.adoption.others.Store(true)
	p, ok := m.Arena.(UseProber)
	if !ok {
		return m.Adopt(ctx)
	}
	return m.adopt(ctx, func(n NodeID) {
		if held, err := p.InUse(n); err == nil && held || cannotTell(err) {
			m.users.found(n)
		}
	})
}

// adopt walks once, and calls fn for every region.
func (m *Manager) adopt(ctx context.Context, fn func(NodeID)) (Totals, error) {
	m.expect()
	m.restoreRoot()
	err := m.survey(ctx, func(it Item) error {
		m.found(&it)
		if it.Attr.IsRegion() {
			fn(it.Attr.Node)
		}
		return nil
	})
	m.accounts.Adopted()
	m.adoption.mu.Lock()
	m.adoption.runs.Store(false)
	close(m.adoption.done)
	m.adoption.done = nil
	m.adoption.mu.Unlock()
	defer func() { m.users.askBehind(m.users.unseen(math.MaxInt)) }() // what an earlier server left registered
	return m.Totals(), err
}

// restoreRoot takes what the root says, which nobody comes by who learns what is below it.
func (m *Manager) restoreRoot() {
	m.restoreSettings(RootNode)
	m.restoreSubjects()
	m.restoreLife(RootNode)
	if a, err := m.Arena.Getattr(RootNode); err == nil {
		m.lives.belongs(RootNode, a.UID)
	}
}

// survey calls fn for every node, several at once where the arena can. Owners are in the records.
func (m *Manager) survey(ctx context.Context, fn func(Item) error) error {
	if s, ok := m.Arena.(Surveyor); ok {
		return s.Survey(ctx, true, fn)
	}
	return m.Arena.Walk(ctx, RootNode, func(it Item) error {
		it.Labels = m.ownLabels(it.Attr.Node)
		it.Says = m.readSaying(it.Attr.Node) != (saying{})
		return fn(it)
	})
}

// found counts one name that was there before.
func (m *Manager) found(it *Item) {
	a, n, dir := &it.Attr, accounts.Node(it.Attr.Node), accounts.Node(it.Parent)
	if a.IsDir() {
		if known, _ := m.accounts.Known(n); !known {
			m.accounts.FoundDirectory(n, dir, m.storedSettings(a.Node), it.Xattrs)
			m.lives.belongs(a.Node, a.UID)
			m.restoreLife(a.Node)
		}
		return
	}
	m.books.found(a)
	m.wipes.asked.Store(true) // it may say so itself
	if it.Says {
		m.lives.any.Store(true)
		m.lives.guards.Store(true) // it may be what it says
	}
	as := seenBefore(a, &it.Record)
	as.Xattrs = it.Xattrs
	if !m.accounts.Found(n, dir, typeOf(a), as, owner(a, &it.Record, it.Labels), a.Nlink) {
		m.books.gone(a.Node)
	}
}

// meet sees to it that what a request is about is in the accounts before anything is done: while a walk runs, learn
// brings it there; where it cannot, the request waits.
func (m *Manager) meet(learn func() bool) {
	if m.adoption.runs.Load() && (!m.adoption.relies.Load() || !learn()) {
		m.Settled()
	}
}

// lookedUp does so for who can do with less, and answers whether it could be done.
func (m *Manager) lookedUp(node NodeID) bool {
	return !m.adoption.runs.Load() || m.adoption.relies.Load() && m.learn(node)
}

// meetRegion is meetNode for what may be a region without a name that only a server before this one knew.
func (m *Manager) meetRegion(node NodeID) {
	m.meetNode(node)
	if known, _ := m.accounts.Known(accounts.Node(node)); !known {
		m.Getattr(node)
	}
}

func (m *Manager) meetNode(node NodeID) { m.meet(func() bool { return m.learn(node) }) }

func (m *Manager) meetName(dir NodeID, name string) {
	m.meet(func() bool { return m.learnName(dir, name) })
}

// learnTries is how often a node is looked for that is moved meanwhile.
const learnTries = 10

// learn brings a node and the directories above it into the accounts. It answers whether that could be done, and all
// names of the node are known: of one that has several they are not.
func (m *Manager) learn(node NodeID) bool {
	for range learnTries {
		if known, whole := m.accounts.Known(accounts.Node(node)); known {
			return whole
		}
		a, err := m.Getattr(node)
		switch {
		case err != nil || a.Nlink == 0:
			return true // it is gone, or known without a name now
		case a.Nlink > 1 && !a.IsDir():
			return false
		}
		m.learnPath(m.Path(node))
	}
	return false
}

// learnPath brings all that a path leads through into the accounts.
func (m *Manager) learnPath(path string) {
	at := RootNode
	for name := range strings.SplitSeq(path, "/") {
		a, err := m.Arena.Lookup(at, name)
		if err != nil {
			return // moved
		}
		m.learnOne(at, &a)
		at = a.Node
	}
}

func (m *Manager) learnOne(dir NodeID, a *Attr) {
	if known, _ := m.accounts.Known(accounts.Node(a.Node)); known {
		return
	}
	it := Item{Parent: dir, Attr: *a, Xattrs: m.xattrBytes(a.Node)}
	if a.IsRegion() {
		it.Record, _ = m.Arena.Record(a.Node)
		it.Labels = m.ownLabels(a.Node)
		it.Says = m.readSaying(a.Node) != (saying{}) // who moves it may have a walk miss it
	}
	m.found(&it)
}

// learnName brings what stands at a name into the accounts.
func (m *Manager) learnName(dir NodeID, name string) bool {
	if !m.learn(dir) {
		return false
	}
	a, err := m.Arena.Lookup(dir, name)
	if err != nil {
		return true // the arena will say so
	}
	if known, whole := m.accounts.Known(accounts.Node(a.Node)); known {
		return whole
	}
	if a.Nlink > 1 && !a.IsDir() {
		return false
	}
	m.learnOne(dir, &a)
	return true
}
