package regions

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/shmfs/shmfs/regions/accounts"
	"github.com/shmfs/shmfs/regions/events"
)

// SessionXattr, of a session, says what is to become of it: ttl=30m, in the place of what the directory of sessions says;
// begin, nothing else than that; keep, it is none any more; end.
const SessionXattr = "user.shmfs.session"

// sessionSaying is what is said of one session.
type sessionSaying struct {
	ttl       time.Duration
	keep, end bool
}

func parseSession(s string) (sessionSaying, error) {
	switch {
	case s == "begin":
		return sessionSaying{}, nil
	case s == "keep":
		return sessionSaying{keep: true}, nil
	case s == "end":
		return sessionSaying{end: true}, nil
	}
	text, ok := strings.CutPrefix(s, "ttl=")
	if !ok {
		return sessionSaying{}, fmt.Errorf("session %q: want begin, ttl=30m, keep or end", s)
	}
	ttl, err := parseTTL(text)
	return sessionSaying{ttl: ttl}, err
}

// CareOpen is the state of a session that has no time, and no owner.
const CareOpen CareState = "open"

// inSessions reports whether a directory is in one whose directories are sessions: all, if that is root's or the
// configuration says it, or else those of the user whose it is.
func (m *Manager) inSessions(dir NodeID) bool {
	_, _, ok := m.sessionsAbove(dir)
	return ok
}

// sessionsAbove answers the lifetime of the sessions of which a directory is one, unless it is kept, and who may end what
// is in them: root for all.
func (m *Manager) sessionsAbove(dir NodeID) (l Lifetime, by uint32, ok bool) {
	if dir == RootNode {
		return Lifetime{}, root, false
	}
	all, by := m.lives.of(m.Parent(dir))
	if all.configured {
		by = root
	}
	_, user := m.lives.of(dir)
	ok = all.hasLifetime && all.lifetime.Kind == Session && (by == root || by == user)
	return all.lifetime, by, ok
}

// sessionAt answers what is said of a session, false for a directory that is none.
func (m *Manager) sessionAt(dir NodeID) (Lifetime, saying, bool) {
	l, _, ok := m.sessionsAbove(dir)
	if !ok {
		return Lifetime{}, saying{}, false
	}
	s, _ := m.lives.of(dir)
	if s.session.ttl > 0 {
		l.TTL = s.session.ttl
	}
	return l, s, !s.session.keep
}

// endsBy answers who ends a session: whose it is, if he has said when, or else whose the directory of sessions is.
func (m *Manager) endsBy(dir NodeID) uint32 {
	s, user := m.lives.of(dir)
	if s.session.end || s.session.ttl > 0 || s.owner.says() {
		return user
	}
	_, by, _ := m.sessionsAbove(dir)
	return by
}

// IsSession reports whether a directory is a session.
func (m *Manager) IsSession(dir NodeID) bool {
	_, _, ok := m.sessionAt(dir)
	return ok
}

// sessionOf answers the session that a region is in, NoNode for none.
func (m *Manager) sessionOf(region NodeID) NodeID {
	for dir := m.home(region); dir != RootNode; dir = m.Parent(dir) {
		if _, _, ok := m.sessionAt(dir); ok {
			return dir
		}
	}
	return NoNode
}

// reviewSession looks at a directory: whether it is a session, and when that is over.
func (c *Caretaker) reviewSession(n NodeID, gone []WhoOwns) {
	l, s, ok := c.m.sessionAt(n)
	if a, err := c.m.Arena.Getattr(n); !ok || err != nil || a.Nlink == 0 {
		c.forgetUse(n, c.cares[n])
		c.drop(n)
		return
	}
	x := c.cares[n]
	if x == nil {
		x = &care{node: n, index: -1}
		c.lastUse(x, l)
		c.cares[n] = x
		c.countSessions(1)
	}
	x.lifetime, x.tries, x.reason = l, 0, ""
	c.handTo(x, s.owner.to)
	c.lost(x, gone)
	now := c.m.now()
	switch {
	case s.session.end:
		x.state, x.reason = CareCounting, "somebody ended it"
		c.schedule(x, now)
	case s.pinned:
		if x.owner.known() {
			c.ownerGone(x) // that is shown
		}
		x.state, x.reason = CarePinned, ""
		c.schedule(x, time.Time{})
	case x.owner.known() && c.ownerGone(x):
		x.state, x.reason = CareCounting, fmt.Sprintf("its owner, %s, is gone", x.owner)
		c.schedule(x, now)
	case x.owner.known() && x.state == CareUnwatched: // it is tried again
	case l.TTL > 0:
		if !x.owner.known() {
			x.state = CareCounting
		}
		c.schedule(x, x.seen.Add(l.TTL))
	case !x.owner.known():
		x.state = CareOpen
		c.schedule(x, time.Time{})
	}
	c.keepUse(x)
}

func (c *Caretaker) countSessions(more int) {
	c.sessions += more
	c.m.lives.sessions.Store(c.sessions > 0)
}

// used takes note of what happened to a region, or to one without a name in a session: the session was used. Opens and closes
// are told once a second, for the next server, and looked for at its deadline.
func (c *Caretaker) used(region NodeID) {
	if c.sessions == 0 {
		return
	}
	x := c.cares[region]
	if x == nil || x.lifetime.Kind != Session { // it is none itself
		x = c.cares[c.m.sessionOf(region)]
	}
	if x != nil {
		x.seen = c.m.now()
		c.keepUse(x)
		if !x.deadline.IsZero() && x.reason == "" { // it waits for its time
			c.schedule(x, x.seen.Add(x.lifetime.TTL))
		}
	}
}

// settleSession ends a session at its deadline, or sets another one.
func (c *Caretaker) settleSession(x *care) {
	if x.state == CareUnwatched {
		c.reviewSession(x.node, nil)
		return
	}
	now := c.m.now()
	_, s, _ := c.m.sessionAt(x.node)
	why := fmt.Sprintf("nobody used it for %s", x.lifetime.TTL)
	switch {
	case s.session.end:
		why = "somebody ended it"
	case x.gone:
		why = fmt.Sprintf("its owner, %s, is gone", x.owner)
	default:
		used, inUse, err := c.m.usedBelow(context.Background(), x.node, true)
		if used.After(x.seen) {
			x.seen = used
			c.keepUse(x)
		}
		if left := x.lifetime.TTL - now.Sub(x.seen); left > 0 {
			if x.state == CareInUse {
				x.state = CareCounting
			}
			c.schedule(x, now.Add(left))
			return
		}
		if inUse > 0 || err != nil {
			c.sums.Held++
			x.state, x.seen = CareInUse, now
			c.keepUse(x)
			c.schedule(x, now.Add(x.lifetime.TTL))
			return
		}
	}
	at := c.m.Path(x.node)
	kept, err := c.m.EndTree(x.node, c.m.endsBy(x.node), "session "+at+": "+why)
	if err == nil && kept {
		err = c.m.Setxattr(x.node, SessionXattr, []byte("keep"), 0)
	}
	if err != nil {
		c.after(x, &Ending{Err: err})
		return
	}
	if kept {
		why += "; what is pinned, or in directories of others, stays"
	} else {
		c.sums.count(Session.String(), 0)
	}
	c.m.events.Add(events.Event{Kind: events.SessionEnded, Time: now, Node: uint64(x.node), Path: at, Reason: why})
	c.drop(x.node)
}

// usedBelow answers when a region at or below a directory was last opened or closed, as far as that is known, and how many
// are in use, those without a name among them. With ask the kernel is asked too, about those that are held without being open.
func (m *Manager) usedBelow(ctx context.Context, dir NodeID, ask bool) (last time.Time, inUse int, err error) {
	if ask {
		m.endMu.Lock() // who asks the kernel does so alone
		defer m.endMu.Unlock()
	}
	count := func(n NodeID) {
		if m.Busy(n) || ask && m.ender.Held([]NodeID{n})[0] {
			inUse++
		}
	}
	err = m.Arena.Walk(ctx, dir, func(it Item) error {
		n := it.Attr.Node
		if !it.Attr.IsRegion() {
			return ctx.Err()
		}
		if t := m.books.lastUsed(n); !t.IsZero() && t.Add(time.Second).After(last) {
			last = t.Add(time.Second) // it is kept in whole seconds
		}
		count(n)
		return ctx.Err()
	})
	for _, n := range m.accounts.NamelessBelow(accounts.Node(dir)) { // who has one may yet link it there
		count(NodeID(n))
	}
	if errors.Is(err, Stale) || errors.Is(err, NotFound) {
		err = nil // it went just now
	}
	return last, inUse, err
}

// EndTree takes a directory away with all that is in it, for a user. What somebody has lives on without a name. What is
// pinned, or in a directory of another user unless he is root, and the directories above it, stay: kept says so. It must
// not be called by a request that holds a directory.
func (m *Manager) EndTree(dir NodeID, by uint32, why string) (kept bool, err error) {
	m.Settled()
	m.endMu.Lock()
	defer m.endMu.Unlock()
	defer m.ender.Done()
	for range endTries {
		if kept, err = m.endTree(dir, by, why); !errors.Is(err, NotEmpty) {
			return kept, err
		}
	}
	return false, &Refusal{Code: Busy, Reason: "new regions are made in it all the time", Remedy: "it is tried again"}
}

func (m *Manager) endTree(dir NodeID, by uint32, why string) (kept bool, err error) {
	top, name := m.Parent(dir), path.Base(m.Path(dir))
	var dirs, others []Item
	err = m.Arena.Walk(context.Background(), dir, func(it Item) error {
		if _, user := m.lives.of(it.Parent); by != root && by != user {
			kept = true
			return nil
		}
		if it.Attr.IsDir() {
			dirs = append(dirs, it)
		} else {
			others = append(others, it)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	for _, it := range others {
		if _, pinned := m.LifetimeOf(it.Attr.Node); pinned && it.Attr.IsRegion() {
			kept = true
			continue
		}
		if err := m.takeAway(Place{it.Parent, path.Base(it.Path)}, it.Attr.Node, false, why); err != nil {
			return kept, err
		}
	}
	slices.Reverse(dirs)
	dirs = append(dirs, Item{Path: name, Parent: top, Attr: Attr{Node: dir}})
	for _, it := range dirs {
		err := m.takeAway(Place{it.Parent, path.Base(it.Path)}, it.Attr.Node, true, why)
		if err != nil && (!kept || !errors.Is(err, NotEmpty)) {
			return kept, err
		}
	}
	return kept, nil
}

// takeAway takes a name away, if it is still the node's, whoever has the node.
func (m *Manager) takeAway(at Place, node NodeID, isDir bool, why string) error {
	full := path.Join(m.Path(at.Dir), at.Name)
	a, err := m.removeAlone(at, node, isDir)
	if err != nil || a.Node == NoNode {
		return err
	}
	m.ender.Ended(at)
	if isDir || a.Nlink > 0 {
		return nil
	}
	if !m.users.isOpen(node) && !m.ender.Held([]NodeID{node})[0] {
		m.Forgotten(node) // where the kernel does not know it, it will not say so
	}
	if a.IsRegion() {
		m.events.Add(events.Event{Kind: events.Deleted, Time: m.now(), Node: uint64(node), Path: full, Size: a.Size, Sized: true,
			Reason: why})
	}
	return nil
}

func (m *Manager) removeAlone(at Place, node NodeID, isDir bool) (Attr, error) {
	defer m.names.alone(at.Dir)()
	if a, err := m.Arena.Lookup(at.Dir, at.Name); err != nil || a.Node != node {
		return Attr{}, nil
	}
	m.ender.Begin(at)
	a, err := m.Arena.Remove(at.Dir, at.Name, isDir)
	if err == nil {
		m.unlinked(&a, at)
	}
	return a, err
}

// OpenSession is a session as it is shown.
type OpenSession struct {
	Care
	LastUsed time.Time
	InUse    int            // regions that somebody has
	Use      accounts.State // of its directory: what it holds, and its limits
}

// Sessions answers all sessions, in the order of their paths.
func (c *Caretaker) Sessions(ctx context.Context) ([]OpenSession, error) {
	c.showNew(ctx)
	c.mu.Lock()
	var all []OpenSession
	for _, x := range c.cares {
		if x.lifetime.Kind == Session {
			all = append(all, OpenSession{Care: x.shown(), LastUsed: x.seen})
		}
	}
	c.mu.Unlock()
	for i := range all {
		x := &all[i]
		x.Path = c.m.Path(x.Node)
		x.Use, _ = c.m.accounts.Account(accounts.OfDirectory, uint64(x.Node))
		used, inUse, err := c.m.usedBelow(ctx, x.Node, false)
		if err != nil {
			return nil, err
		}
		x.InUse = inUse
		if used.After(x.LastUsed) {
			x.LastUsed = used
		}
	}
	slices.SortFunc(all, func(x, y OpenSession) int { return strings.Compare(x.Path, y.Path) })
	return all, nil
}
