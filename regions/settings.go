package regions

import (
	"errors"

	"github.com/shmfs/shmfs/regions/accounts"
)

// Accounts answers the books of who was promised what.
func (m *Manager) Accounts() *accounts.Book { return m.accounts }

// SetDirectoryDefaults sets the limits of directories that have none of their own, by their path from the root: now, and
// when they are made or found. Nil is none.
func (m *Manager) SetDirectoryDefaults(of func(path string) Limits) {
	m.settings.Lock()
	defer m.settings.Unlock()
	switch {
	case of != nil:
		m.defaults.Store(&of)
	case m.defaults.Swap(nil) == nil:
		return
	}
	for _, s := range m.accounts.Accounts(accounts.OfDirectory) {
		m.restoreSettings(NodeID(s.ID))
	}
}

// defaultLimits answers the limits of a directory that has none of its own.
func (m *Manager) defaultLimits(dir NodeID) Limits {
	of := m.defaults.Load()
	if of == nil || dir == RootNode {
		return Limits{}
	}
	return (*of)(m.Path(dir))
}

// storedSettings answers what a directory's attributes say. What cannot be read any more holds no longer.
func (m *Manager) storedSettings(dir NodeID) accounts.Settings {
	s := accounts.Settings{Limits: m.defaultLimits(dir)}
	for _, name := range []string{LimitXattr, WritesXattr, OvercommitXattr, PagesXattr} {
		value, err := m.Arena.Getxattr(dir, name)
		if err != nil {
			continue
		}
		if next, err := settings(s, name, value); err == nil {
			s = next
		}
		if name == LimitXattr {
			s.Limits = m.ownLimits(dir, s.Limits, m.signature(dir))
		}
	}
	return s
}

// restoreSettings takes what a directory's attributes say.
func (m *Manager) restoreSettings(dir NodeID) {
	s := m.storedSettings(dir)
	if dir != RootNode && m.accounts.Settings(accounts.Node(dir)) == s {
		return
	}
	m.accounts.SetSettings(accounts.Node(dir), s, true)
}

// SetLimits changes limits of the mount (id is not used), a directory (id is its node), a user, a group, a process, a
// cgroup or a label, as text says. They outlive the server with the arena.
func (m *Manager) SetLimits(x accounts.Subject, text string) error {
	switch x.Kind {
	case accounts.Mount:
		x.ID = uint64(RootNode)
	case accounts.OfDirectory:
	default:
		return m.setSubject(x, text)
	}
	old := m.accounts.Settings(accounts.Node(x.ID)).Limits
	if x.ID == uint64(RootNode) {
		old.Bytes = 0
	}
	l, err := ParseLimits(old, text)
	if err != nil {
		return invalid(err)
	}
	if l == (Limits{}) {
		err := m.Removexattr(NodeID(x.ID), LimitXattr)
		if errors.Is(err, NoData) {
			return nil
		}
		return err
	}
	return m.Setxattr(NodeID(x.ID), LimitXattr, []byte(FormatLimits(l)), 0)
}

// set applies a setting that an extended attribute of a directory makes, value nil for none, and stores it by store. Who is
// somebody who may set limits of his own only.
func (m *Manager) set(node NodeID, name string, value []byte, who whoLimits, store func() error) error {
	m.Settled()
	m.settings.Lock()
	defer m.settings.Unlock()
	switch name {
	case SubjectsXattr:
		return m.setSubjects(node, value, store)
	case LimitByXattr:
		return &Refusal{Code: NotPermitted, Reason: name + " comes with " + LimitXattr, Remedy: "set that"}
	}
	a, err := m.Arena.Getattr(node)
	if err != nil {
		return err
	}
	if !a.IsDir() {
		return &Refusal{Code: NotPermitted, Reason: name + " is for directories", Remedy: "set it on the directory of the region"}
	}
	n := accounts.Node(a.Node)
	old := m.accounts.Settings(n)
	next, err := settings(old, name, value)
	if err != nil {
		return invalid(err)
	}
	if name == LimitXattr {
		if err := m.mayLimit(node, who); err != nil {
			return err
		}
		next.Limits = m.ownLimits(node, next.Limits, who)
		if value == nil {
			next.Limits = m.defaultLimits(node)
		}
		unsigned := store
		store = func() error { return m.signed(node, who, value == nil, unsigned) }
	}
	if name == LimitXattr && NodeID(n) == RootNode && next.Limits.Bytes != 0 {
		return &Refusal{Code: Invalid, Reason: "the bytes of the mount are its size", Remedy: "echo size=16G > .ctl/config"}
	}
	if err := m.fits(n, next); err != nil {
		return err
	}
	defer m.wall.dig()()
	if e := m.accounts.SetSettings(n, next, false); e != nil {
		return m.refusal(e)
	}
	if err := store(); err != nil {
		m.accounts.SetSettings(n, old, true)
		return err
	}
	m.users.nudge()
	return nil
}

// fits refuses settings that contradict each other.
func (m *Manager) fits(n accounts.Node, next accounts.Settings) error {
	if NodeID(n) == RootNode && next.Reserve != 0 {
		return &Refusal{Code: Invalid, Reason: "the mount has nothing to reserve from", Remedy: "reserve for a directory"}
	}
	if NodeID(n) == RootNode && next.Throttle != 0 {
		return &Refusal{Code: Invalid, Reason: "what waits can hold its directory: a throttle of the whole mount would hold everybody",
			Remedy: "throttle directories of one's own"}
	}
	if next.Reserve == 0 {
		return nil
	}
	writes := next.Writes
	if writes == accounts.WritesInherit {
		writes = m.accounts.WritesAt(n)
	}
	if writes == accounts.WritesFast || next.Overcommit == accounts.OvercommitOn {
		return &Refusal{Code: Invalid, Reason: "where writes are fast, or holes do not count, nothing can be guaranteed",
			Remedy: "set " + WritesXattr + "=strict and " + OvercommitXattr + "=false on the directory first"}
	}
	return nil
}

func invalid(err error) error {
	return &Refusal{Code: Invalid, Reason: err.Error(), Remedy: "see docs/limits.md"}
}

// Parent answers the directory that a directory is in.
func (m *Manager) Parent(dir NodeID) NodeID { return NodeID(m.accounts.Parent(accounts.Node(dir))) }
