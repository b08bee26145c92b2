package regions

import (
	"errors"
	"path"
	"strings"

	"github.com/shmfs/shmfs/regions/events"
)

// Ender is who must know of the names that are taken away here: a front end, whose kernel keeps them. All are called by
// one goroutine at a time, and may wait for requests.
type Ender interface {
	// Held answers whether the kernel knows of somebody who has a region without having it open.
	Held(NodeID) bool
	// Begin is told before a name goes, and Ended afterwards.
	Begin(dir NodeID, name string)
	Ended(dir NodeID, name string)
}

// nobody is the Ender of a manager without a front end.
type nobody struct{}

func (nobody) Held(NodeID) bool     { return false }
func (nobody) Begin(NodeID, string) {}
func (nobody) Ended(NodeID, string) {}

// SetEnder sets who is told. Call it before the first end.
func (m *Manager) SetEnder(e Ender) { m.ender = e }

// ErrHeld says that somebody has a region.
var ErrHeld = errors.New("somebody has it open or mapped")

// endTries is how often an end begins anew because the region got another name meanwhile.
const endTries = 8

// End takes all names of a region away that nobody has: ErrHeld if somebody does. Why is for the event. It must not be
// called by a request that holds a directory, and waits for those that do.
func (m *Manager) End(node NodeID, why string) error {
	m.adopted()
	m.endMu.Lock()
	defer m.endMu.Unlock()
	if m.Busy(node) || m.ender.Held(node) {
		return ErrHeld
	}
	for range endTries {
		done, err := m.endName(node, why)
		if done || err != nil {
			return err
		}
	}
	return &Refusal{Code: Again, Reason: "it is renamed all the time", Remedy: "it is tried again"}
}

// endName takes one name of a region away. It answers whether it was the last.
func (m *Manager) endName(node NodeID, why string) (done bool, err error) {
	p, ok := m.Arena.(Pather)
	if !ok {
		return false, NotSupported
	}
	at, err := p.Path(node)
	if err != nil {
		return false, err
	}
	dir, err := m.walk(path.Dir("/" + at))
	if err != nil {
		return false, nil // it was moved just now
	}
	a, err := m.takeName(node, dir, path.Base(at))
	if err != nil || a.Node == NoNode {
		return false, err
	}
	if a.Nlink > 0 {
		m.ender.Ended(dir, path.Base(at))
		m.users.endEnd(node)
		return false, nil
	}
	m.ender.Ended(dir, path.Base(at))
	m.Forgotten(node)
	m.users.endEnd(node)
	m.events.Add(events.Event{Kind: events.Deleted, Time: m.now(), Node: uint64(node), Path: at, Size: a.Size, Sized: true,
		Reason: why})
	return true, nil
}

// takeName takes a name away if it is still the region's: NoNode if it is not. Nobody can open the region from then on.
func (m *Manager) takeName(node, dir NodeID, name string) (Attr, error) {
	defer m.names.alone(dir)()
	if a, err := m.Arena.Lookup(dir, name); err != nil || a.Node != node {
		return Attr{}, nil
	}
	if !m.users.beginEnd(node) {
		return Attr{}, ErrHeld
	}
	m.ender.Begin(dir, name)
	a, err := m.remove(dir, name, false)
	if err != nil {
		m.users.endEnd(node)
	}
	return a, err
}

// walk resolves the path of a directory.
func (m *Manager) walk(p string) (NodeID, error) {
	at := RootNode
	for name := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
		if name == "" {
			continue
		}
		a, err := m.Arena.Lookup(at, name)
		if err != nil {
			return NoNode, err
		}
		at = a.Node
	}
	return at, nil
}
