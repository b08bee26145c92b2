package regions

import (
	"path"

	"github.com/shmfs/shmfs/regions/accounts"
)

// Sharer is an arena that gives a region a second name with a node of its own, through which nobody can write.
type Sharer interface {
	// Share makes one. Its mode and owner are those in spec, whatever the region's are. Attr.Source of it is the region.
	Share(source, dir NodeID, name string, spec Spec) (Attr, error)
}

// AllowShares says that the front end hands out the memory of regions itself, so that a share shows what is written to the
// region. Call it before anything is shared.
func (m *Manager) AllowShares() { m.sharing.Store(true) }

// Share gives a region a second name through which nobody can write, with the mode and the owner that the region has. It
// must not be called by a request that holds a directory.
func (m *Manager) Share(source, dir NodeID, name string) (Attr, error) {
	s, ok := m.Arena.(Sharer)
	if !ok || !m.sharing.Load() {
		return Attr{}, &Refusal{Code: NotSupported, Reason: "regions are shared where memory is mapped from the arena itself",
			Remedy: "shmfs doctor tells why it is not passthrough here"}
	}
	a, err := m.Arena.Getattr(source)
	if err != nil {
		return a, err
	}
	if a.Source != NoNode {
		return m.Share(a.Source, dir, name)
	}
	if !a.IsRegion() || a.Nlink == 0 {
		return Attr{}, &Refusal{Code: Invalid, Reason: "only regions are shared", Remedy: "name one"}
	}
	m.endMu.Lock()
	defer m.endMu.Unlock()
	spec := Spec{Mode: a.Mode &^ (ModeSetUID | ModeSetGID), UID: a.UID, GID: a.GID}
	spec.Record = Record{ID: NewID(), Created: m.now(), UID: a.UID, GID: a.GID}
	made, err := m.makeShare(s, source, dir, name, spec)
	defer m.ender.Done()
	if err == nil {
		m.ender.Ended(Place{dir, name}) // the kernel may remember that there was none
	}
	return made, err
}

func (m *Manager) makeShare(s Sharer, source, dir NodeID, name string, spec Spec) (Attr, error) {
	m.meetNode(dir)
	var c *accounts.Claim
	err := m.ask(func() (e *accounts.Exceeded) {
		c, e = m.accounts.Make(accounts.Node(dir), accounts.NewNode{Type: accounts.Other, Named: true,
			Owner: accounts.Owner{User: spec.UID, Group: spec.GID}})
		return e
	})
	if err != nil {
		return Attr{}, err
	}
	defer m.names.alone(dir)()
	m.ender.Begin(Place{dir, name})
	a, err := s.Share(source, dir, name, spec)
	if err != nil {
		c.Undo()
		return a, err
	}
	c.Made(accounts.Node(a.Node), accounts.Seen{}, owner(&a, &Record{}, ""))
	m.books.made(&a)
	m.lives.made(a.Node, Place{dir, name}, spec.Record)
	return a, nil
}

// mayOpenShare refuses to write through a share, and to open one of what is gone.
func (m *Manager) mayOpenShare(a *Attr, writer bool) error {
	if !m.sharing.Load() {
		return &Refusal{Code: NotSupported, Reason: "shares can be read where memory is mapped from the arena itself",
			Remedy: "shmfs doctor tells why it is not passthrough here"}
	}
	if writer {
		return &Refusal{Code: ReadOnly, Reason: "it is a read-only share of " + orUnknown(m.Path(a.Source)),
			Remedy: "open it for reading; who may write opens the region itself"}
	}
	if shown, err := m.Arena.Getattr(a.Source); err == nil && shown.Nlink > 0 || err == nil && m.Busy(a.Source) {
		m.books.touched(a.Source, m.now())
		m.users.doubt(a.Source)
		return nil
	}
	return &Refusal{Code: Stale, Reason: "the region that it shares is gone", Remedy: "remove it, and share another one"}
}

// closedThrough takes note that a region was closed that was open through a share.
func (m *Manager) closedThrough(share NodeID) {
	if !m.sharing.Load() || m.books.isFree(share) {
		return
	}
	if a, err := m.Arena.Getattr(share); err == nil && a.Source != NoNode {
		m.books.touched(a.Source, m.now())
		m.lives.closed(a.Source)
	}
}

func orUnknown(at string) string {
	if at == "" {
		return "a region"
	}
	return path.Clean(at)
}
