package regions

import (
	"time"

	"github.com/shmfs/shmfs/regions/accounts"
)

// What a directory says holds for what is below it as far as its owner could remove that himself: in directories that are
// his as well. It ends where somebody else's directory begins, unless the directory is root's, or the configuration says it.

// root is the user who may do everything.
const root = 0

// belongs takes note of whose a directory is.
func (l *lives) belongs(dir NodeID, user uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if user == root {
		delete(l.users, dir)
		return
	}
	l.users[dir] = user
}

// of answers what a directory says, and whose it is.
func (l *lives) of(dir NodeID) (saying, uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said[dir], l.users[dir]
}

// ascent is the way from a directory up to the root.
type ascent struct {
	user    uint32 // whose the directories so far are
	begun   bool
	several bool // they are of several users
}

// pass takes the next directory, and answers whether what it says reaches down to where the way began.
func (w *ascent) pass(user uint32) bool {
	w.several = w.several || w.begun && user != w.user
	w.user, w.begun = user, true
	return user == root || !w.several
}

// nearest answers what is said first of all that holds for a node: by itself, or by the directories above it.
func (m *Manager) nearest(node NodeID, says func(*saying) bool) (saying, bool) {
	if !m.books.isPlain(node) {
		if s := m.readSaying(node); says(&s) {
			return s, true
		}
	}
	return m.above(m.home(node), says)
}

// above answers what is said first by a directory, or by those above it, and holds in it.
func (m *Manager) above(dir NodeID, says func(*saying) bool) (saying, bool) {
	var way ascent
	for ; ; dir = m.Parent(dir) {
		s, user := m.lives.of(dir)
		if reaches := way.pass(user); reaches && says(&s) {
			return s, true
		}
		if dir == RootNode {
			return saying{}, false
		}
	}
}

// home answers a directory that a region has a name in.
func (m *Manager) home(node NodeID) NodeID { return NodeID(m.accounts.Home(accounts.Node(node))) }

// others answers the directories of the further names of a region. Which of them is home may be another one in the next
// server, so what ends a region must not depend on that.
func (m *Manager) others(node NodeID) []accounts.Node {
	return m.accounts.MoreHomes(accounts.Node(node))
}

// LifetimeOf answers what holds for a region: what it says itself, or the nearest directory. One with names in several
// directories lives for as long as any of them lets it.
func (m *Manager) LifetimeOf(node NodeID) (l Lifetime, pinned bool) {
	if !m.lives.any.Load() {
		return Lifetime{}, false
	}
	var own saying
	if !m.books.isPlain(node) {
		var err error
		if own, err = m.tryReadSaying(node); err != nil { // it may say that it stays: what it does say is looked at later
			time.AfterFunc(lookAgain, func() { m.lives.named(node, Place{}) })
			return Lifetime{}, true
		}
	}
	l, pinned = m.lifetimeIn(m.home(node), own)
	for _, dir := range m.others(node) {
		other, pin := m.lifetimeIn(NodeID(dir), own)
		l, pinned = l.longer(other), pinned || pin
	}
	return l, pinned
}

// lifetimeIn answers what holds for a name in a directory of a region that says something itself.
func (m *Manager) lifetimeIn(dir NodeID, s saying) (l Lifetime, pinned bool) {
	var way ascent
	for ; !s.hasLifetime || !s.hasPin; dir = m.Parent(dir) {
		above, user := m.lives.of(dir)
		reaches := way.pass(user)
		if above.hasLifetime && !s.hasLifetime && (reaches || above.configured) {
			s.lifetime, s.hasLifetime = above.lifetime, true
		}
		if above.hasPin && !s.hasPin && reaches {
			s.pinned, s.hasPin = above.pinned, true
		}
		if dir == RootNode {
			break
		}
	}
	return s.lifetime, s.pinned
}
