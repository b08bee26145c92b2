package regions

import (
	"math"
	"time"

	"github.com/shmfs/shmfs/regions/accounts"
)

// typeOf answers what a node is to the accounts.
func typeOf(a *Attr) accounts.Type {
	if a.Source != NoNode {
		return accounts.Other // what it shows counts where that is
	}
	switch a.Type() {
	case TypeRegular:
		return accounts.Region
	case TypeDir:
		return accounts.Directory
	}
	return accounts.Other
}

func seen(a *Attr) accounts.Seen {
	if a.Source != NoNode {
		return accounts.Seen{}
	}
	return accounts.Seen{Size: a.Size, Resident: a.Resident()}
}

// seenBefore is seen of a region that was there before.
func seenBefore(a *Attr, r *Record) accounts.Seen {
	s := seen(a)
	s.Beyond, s.Unasked = r.Beyond, r.Unasked
	return s
}

func owner(a *Attr, r *Record, labels string) accounts.Owner {
	return accounts.Owner{User: a.UID, Group: a.GID, Process: r.PID, Cgroup: r.Cgroup, Labels: labelSubjects(labels)}
}

const pageSize = 4096

// longTarget is how long a symlink's target may be to fit into its inode (Linux mm/shmem.c, SHORT_SYMLINK_LEN); a
// longer one takes a page.
const longTarget = 128

// claim asks for room for a new node.
func (m *Manager) claim(dir NodeID, spec *Spec, named bool) (*accounts.Claim, error) {
	m.meetNode(dir)
	made := Attr{Mode: spec.Mode}
	if made.IsRegion() {
		spec.labels = m.newLabels(dir, spec.Record.PID)
	}
	n := accounts.NewNode{Type: typeOf(&made), Named: named,
		Owner: owner(&Attr{UID: spec.UID, GID: spec.GID}, &spec.Record, spec.labels)}
	if len(spec.Target) >= longTarget {
		n.Bytes = pageSize
	}
	var c *accounts.Claim
	err := m.ask(func() (e *accounts.Exceeded) {
		c, e = m.accounts.Make(accounts.Node(dir), n)
		return e
	})
	if n.Bytes > 0 {
		m.wall.hollow()
	}
	return c, err
}

// ask asks the accounts. It asks once more when what was there before is counted, and if what nobody holds any more
// could be given back.
func (m *Manager) ask(question func() *accounts.Exceeded) error {
	counting := m.adoption.runs.Load()
	e := question()
	if e != nil && counting {
		m.Settled()
		e = question()
	}
	if e != nil && m.sweep(math.MaxInt) {
		e = question()
	}
	m.tellCrossings()
	if e != nil {
		m.wanted(e)
		return m.refusal(e)
	}
	return nil
}

// releaseTime is how long the release of a region may be on its way, and a rename takes at most.
const releaseTime = 50 * time.Millisecond

// comes takes note that room is on its way: a region that is in use lost its last name, or was to lose it, and may have been
// closed just now; or something goes to another directory, and counts in both meanwhile.
func (m *Manager) comes() { m.coming.Store(time.Now().UnixNano()) }

// RoomToCome reports whether memory is about to come back: of regions that lost their last name, and that are not, or
// may soon not be, in use, and of those that are ended before their time. What was waited for in vain is not told again.
func (m *Manager) RoomToCome() bool {
	lately := time.Since(time.Unix(0, m.coming.Load())) < releaseTime
	return lately || m.lives.hurries() || m.accounts.Dying() > 0 && m.accounts.Deaths() != m.vain.Load()
}

// RoomDidNotCome says that it was waited for in vain.
func (m *Manager) RoomDidNotCome() { m.vain.Store(m.accounts.Deaths()) }

// sweep gives back regions without a name that were mapped when the kernel forgot them, and are not any more. It looks at
// so many at most.
func (m *Manager) sweep(most int) (freed bool) {
	m.adriftMu.Lock()
	var all []NodeID
	for n := range m.adrift {
		if len(all) == most {
			break
		}
		all = append(all, n)
	}
	m.adriftMu.Unlock()
	for _, n := range all {
		m.users.settle(n)
		if _, err := m.Arena.Getattr(n); err == nil {
			continue
		}
		m.freed(n)
		m.adriftMu.Lock()
		delete(m.adrift, n)
		m.adriftMu.Unlock()
		freed = true
	}
	return freed
}

// let takes note that the kernel does not know a node any more.
func (m *Manager) let(node NodeID, held bool) {
	if !m.accounts.IsNameless(accounts.Node(node)) {
		return
	}
	if !held {
		m.freed(node)
		return
	}
	m.setAdrift(node)
}

// freed takes note that a region without a name is gone.
func (m *Manager) freed(node NodeID) {
	m.accounts.Freed(accounts.Node(node))
	m.users.unseal(node)
}

func (m *Manager) setAdrift(node NodeID) {
	m.adriftMu.Lock()
	defer m.adriftMu.Unlock()
	m.adrift[node] = struct{}{}
}

// Make makes a node and, if it is a region, its record. spec.Record.PID and its groups are
// the caller's, the rest is filled in.
func (m *Manager) Make(dir NodeID, name string, spec Spec) (Attr, error) {
	return m.make(dir, name, spec, false)
}

// make makes a node. One that is about to be opened is in use until Opened.
func (m *Manager) make(dir NodeID, name string, spec Spec, opening bool) (Attr, error) {
	m.stamp(&spec)
	c, err := m.claim(dir, &spec, true)
	if err != nil {
		return Attr{}, err
	}
	defer m.names.share(dir, dir)()
	a, err := m.Arena.Make(dir, name, spec)
	if err == nil && opening {
		m.users.making(a.Node)
	}
	m.made(c, &a, &spec, Place{dir, name}, err)
	return a, err
}

// made ends a claim. Of a node that was just made nobody has set an extended attribute.
func (m *Manager) made(c *accounts.Claim, a *Attr, spec *Spec, at Place, err error) {
	if err != nil {
		c.Undo()
		return
	}
	o := owner(a, &spec.Record, spec.labels)
	labelled := spec.labels != "" && m.label(a.Node, spec.labels)
	if !labelled && spec.labels != "" {
		o.Labels = []string{}
	}
	c.Made(accounts.Node(a.Node), seen(a), o)
	if a.IsDir() {
		m.lives.belongs(a.Node, a.UID)
	}
	if a.IsDir() && m.defaults.Load() != nil {
		m.restoreSettings(a.Node)
	}
	if a.IsDir() && m.hasLifePatterns() {
		m.restoreLife(a.Node)
	}
	if a.IsDir() {
		m.lives.directory(a.Node)
	}
	if at.Name == "" {
		return
	}
	m.books.made(a)
	if a.IsRegion() && !m.Properties().Labels {
		m.books.setPlain(a.Node, !labelled)
	}
	if a.IsRegion() {
		m.books.setFree(a.Node, true)
		m.lives.made(a.Node, at, spec.Record)
	}
}

// MakeTemp makes a region without a name. It enters the books when it is linked.
func (m *Manager) MakeTemp(dir NodeID, spec Spec) (Attr, error) {
	m.stamp(&spec)
	spec.Record.Home = dir
	c, err := m.claim(dir, &spec, false)
	if err != nil {
		return Attr{}, err
	}
	a, err := m.Arena.MakeTemp(dir, spec)
	m.made(c, &a, &spec, Place{}, err)
	return a, err
}

// MakeOpen makes a region, without a name where it is empty, and opens it for reading and writing whatever its mode
// says. File is nil where the arena is stateless, and needs none. A region with a name is in use until Opened is called.
func (m *Manager) MakeOpen(dir NodeID, name string, spec Spec) (Attr, File, error) {
	o, ok := m.Arena.(MakeOpener)
	if !ok || m.Properties().Stateless {
		return m.makeAndOpen(dir, name, spec)
	}
	m.stamp(&spec)
	if name == "" {
		spec.Record.Home = dir
	}
	c, err := m.claim(dir, &spec, name != "")
	if err != nil {
		return Attr{}, nil, err
	}
	defer m.names.share(dir, dir)()
	a, f, err := o.MakeOpen(dir, name, spec)
	if err == nil && name != "" {
		m.users.making(a.Node)
	}
	m.made(c, &a, &spec, Place{dir, name}, err)
	if err != nil {
		return Attr{}, nil, err
	}
	return a, &countedFile{f, a.Node, m}, nil
}

// makeAndOpen does it in two steps.
func (m *Manager) makeAndOpen(dir NodeID, name string, spec Spec) (a Attr, f File, err error) {
	if name == "" {
		a, err = m.MakeTemp(dir, spec)
	} else {
		a, err = m.make(dir, name, spec, true)
	}
	if err != nil || m.Properties().Stateless {
		return a, nil, err
	}
	f, err = m.Open(a.Node, ReadAccess|WriteAccess)
	switch {
	case err == nil:
	case name == "":
		m.Arena.Drop(a.Node)
		m.accounts.Freed(accounts.Node(a.Node))
	default:
		m.Released(a.Node, 0)
	}
	return a, f, err
}

func (m *Manager) stamp(spec *Spec) {
	if spec.Mode&TypeMask != TypeRegular {
		spec.Record = Record{}
		return
	}
	spec.Record = Record{ID: NewID(), Created: m.now(), PID: spec.Record.PID, UID: spec.UID, GID: spec.GID,
		Uptime: m.uptime(), Cgroup: spec.Record.Cgroup, Group: spec.Record.Group, Session: spec.Record.Session,
		Unified: spec.Record.Unified}
}

// Link gives a node one more name; the first name of a region made by MakeTemp brings it into the books.
func (m *Manager) Link(node, dir NodeID, name string) (Attr, error) {
	m.meetNode(dir)
	m.meetRegion(node)
	var c *accounts.Claim
	err := m.ask(func() (e *accounts.Exceeded) {
		c, e = m.accounts.Link(accounts.Node(node), accounts.Node(dir))
		return e
	})
	if err != nil {
		return Attr{}, err
	}
	defer m.names.share(dir, dir)()
	a, err := m.Arena.Link(node, dir, name)
	if err != nil {
		c.Undo()
		return a, err
	}
	c.Keep()
	if a.Nlink == 1 {
		m.books.made(&a)
	}
	m.lives.named(node, Place{dir, name})
	return a, nil
}

// Remove takes a name away.
func (m *Manager) Remove(parent NodeID, name string, dir bool) (Attr, error) {
	m.meetName(parent, name)
	defer m.names.share(parent, parent)()
	a, err := m.Arena.Remove(parent, name, dir)
	if err == nil {
		m.unlinked(&a, Place{parent, name})
	}
	return a, err
}

// unlinked takes note of a node that lost a name in a directory.
func (m *Manager) unlinked(a *Attr, at Place) {
	if a.Node == NoNode {
		return
	}
	if a.Nlink == 0 && a.IsRegion() && m.zeroes(a.Node) {
		m.markZero(a, at)
	}
	if a.Nlink > 0 && !a.IsDir() {
		m.accounts.Unlinked(accounts.Node(a.Node), accounts.Node(at.Dir), true, false)
	}
	m.lostName(a, at)
}

// lostName is unlinked, but that a name that is not the last one is counted already, and whether it is to be overwritten is known.
func (m *Manager) lostName(a *Attr, at Place) {
	m.leaves(a)
	m.books.removed(a)
	n := accounts.Node(a.Node)
	switch {
	case a.Nlink > 0 && !a.IsDir():
		m.lives.named(a.Node, Place{})
	case a.Nlink > 0:
	case a.IsDir():
		m.accounts.DirectoryRemoved(n)
		m.gone.remember(a.Node, at)
		m.lives.forget(a.Node)
		m.lives.removed(a.Node)
	default:
		held := a.IsRegion() && m.users.settle(a.Node)
		m.accounts.Unlinked(n, accounts.Node(at.Dir), false, held)
		if held {
			m.keepHome(a.Node, at.Dir)
			m.comes()
		}
		m.lives.removed(a.Node)
	}
}
