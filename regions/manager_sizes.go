package regions

import (
	"errors"
	"math"

	"github.com/shmfs/shmfs/regions/accounts"
)

// Getattr reads attributes, and takes note of the size.
func (m *Manager) Getattr(node NodeID) (Attr, error) {
	n := accounts.Node(node)
	seq := m.accounts.Sequence(n)
	a, err := m.Arena.Getattr(node)
	if err != nil || !a.IsRegion() || a.Source != NoNode {
		return a, err
	}
	m.books.seen(&a)
	m.accounts.See(n, seq, seen(&a))
	if known, _ := m.accounts.Known(n); a.Nlink == 0 && !known {
		// A server before this one knew it. Or it is going: then it is found gone by the next sweep.
		m.foundNameless(&a)
		m.setAdrift(node)
	}
	m.tellCrossings()
	return a, nil
}

// foundNameless counts a region without a name where it was last, as its record tells.
func (m *Manager) foundNameless(a *Attr) {
	r, err := m.Arena.Record(a.Node)
	if err == nil && r.Home != NoNode && m.adoption.runs.Load() {
		m.learn(r.Home)
	}
	m.foundMarked(a.Node)
	m.accounts.FoundNameless(accounts.Node(a.Node), accounts.Node(r.Home), seenBefore(a, &r), owner(a, &r, m.ownLabels(a.Node)))
}

// keepHome writes down where a region was that has lost its last name and is still in use: the next server counts it there.
// What is not written counts for the mount, and for its user and group.
func (m *Manager) keepHome(node, dir NodeID) {
	w, ok := m.Arena.(Recorder)
	if !ok {
		return
	}
	m.records.Lock()
	defer m.records.Unlock()
	if r, err := m.Arena.Record(node); err == nil {
		r.Home = dir
		w.SetRecord(node, r)
	}
}

// Setattr sets attributes. A new size, and a new owner, must be within the limits.
func (m *Manager) Setattr(node NodeID, c Change) (Attr, error) {
	if c.Set&(SetMode|SetSize|SetUID|SetGID) != 0 {
		m.meetNode(node)
	}
	if c.Set&(SetSize|SetUID|SetGID) == 0 {
		a, err := m.Arena.Setattr(node, c)
		if err == nil && a.IsRegion() {
			m.books.seen(&a)
		}
		return a, err
	}
	owner, err := m.claimOwner(node, &c)
	if err != nil {
		return Attr{}, err
	}
	a, err := m.setSize(node, c)
	if err != nil {
		owner.Undo()
		return a, err
	}
	owner.Keep()
	if c.Set&SetUID != 0 && a.IsDir() {
		m.hasOwner(&a)
	}
	return a, nil
}

// hasOwner takes note that a directory has another owner: what it says, and those above it, may reach farther or less far.
func (m *Manager) hasOwner(a *Attr) {
	m.lives.belongs(a.Node, a.UID)
	if m.lives.any.Load() {
		m.lives.directory(a.Node)
		m.lives.changedBelow(a.Node)
	}
}

// setSize sets attributes of which the size may be one.
func (m *Manager) setSize(node NodeID, c Change) (Attr, error) {
	if c.Set&SetSize == 0 {
		return m.Arena.Setattr(node, c)
	}
	if err := m.mayOpen(node, true); err != nil {
		return Attr{}, err
	}
	if _, err := m.grow(node, c.Size, c.Size); err != nil {
		return Attr{}, err
	}
	if err := m.beforeLoss(node, c.Size, math.MaxInt64); err != nil {
		m.settle(node, nil, false)
		return Attr{}, err
	}
	a, err := m.Arena.Setattr(node, c)
	if err != nil {
		m.settle(node, nil, false)
		return a, err
	}
	m.books.seen(&a)
	m.settle(node, &a, true)
	return a, nil
}

// claimOwner asks for room in the accounts of a new owner.
func (m *Manager) claimOwner(node NodeID, c *Change) (claim *accounts.Claim, err error) {
	if c.Set&(SetUID|SetGID) == 0 {
		return nil, nil
	}
	a, err := m.Arena.Getattr(node)
	if err != nil {
		return nil, err
	}
	next := owner(&a, &Record{}, "")
	if c.Set&SetUID != 0 {
		next.User = c.UID
	}
	if c.Set&SetGID != 0 {
		next.Group = c.GID
	}
	n := accounts.Node(node)
	err = m.ask(func() (e *accounts.Exceeded) {
		claim, e = m.accounts.Chown(n, next)
		return e
	})
	return claim, err
}

// grow asks for a region to reach to end, or, from least on, as far as there is room. A settle must follow if it is
// granted.
func (m *Manager) grow(node NodeID, end, least int64) (granted int64, err error) {
	n := accounts.Node(node)
	m.meetRegion(node)
	err = m.ask(func() (e *accounts.Exceeded) {
		granted, e = m.accounts.Grow(n, end, least)
		if e != nil {
			m.accounts.Cancel(n)
		}
		return e
	})
	if err == nil {
		m.wall.promised(n, granted)
	}
	return granted, err
}

// settle takes note of what became of a region that grow was asked for. With nil it is looked at.
func (m *Manager) settle(node NodeID, a *Attr, truncated bool) {
	n := accounts.Node(node)
	if a == nil {
		read, err := m.Arena.Getattr(node)
		if err != nil {
			size, _ := m.accounts.Size(n)
			m.accounts.Reached(n, size)
			return
		}
		a = &read
	}
	beyond := m.accounts.Beyond(n)
	if m.accounts.Settle(n, seen(a), truncated) {
		m.Getattr(node)
	}
	if m.accounts.Beyond(n) != beyond {
		m.keepBeyond(node)
	}
	m.tellCrossings()
}

// keepBeyond writes down what is allocated past a region's size, for who serves the arena next: it cannot be seen.
func (m *Manager) keepBeyond(node NodeID) error {
	w, ok := m.Arena.(Recorder)
	if !ok {
		return nil
	}
	m.records.Lock()
	defer m.records.Unlock()
	r, err := m.Arena.Record(node)
	if errors.Is(err, NoData) || errors.Is(err, AccessDenied) {
		return nil // somebody else made it; a server without root may not read it, and has no memory of its own to promise
	}
	if beyond := m.accounts.Beyond(accounts.Node(node)); err == nil && r.Beyond != beyond {
		r.Beyond = beyond
		err = w.SetRecord(node, r)
	}
	return err
}

// Open opens a region; growth through the file is asked for.
func (m *Manager) Open(node NodeID, access Access) (File, error) {
	f, err := m.Arena.Open(node, access)
	if err != nil {
		return nil, err
	}
	return &countedFile{f, node, m}, nil
}

// CopyRange copies between two files of this manager, without moving the bytes through us where the arena can.
func (m *Manager) CopyRange(src File, srcOff int64, dst File, dstOff int64, length int64) (int64, error) {
	s, ok1 := src.(*countedFile)
	d, ok2 := dst.(*countedFile)
	c, ok3 := m.Arena.(Copier)
	if !ok1 || !ok2 || !ok3 {
		return 0, NotSupported
	}
	a, err := m.Arena.Getattr(s.node)
	if err != nil {
		return 0, err
	}
	done := int64(0)
	err = d.reach(dstOff, max(min(length, a.Size-srcOff), 0), func(length int64) (n int64, err error) {
		done, err = c.CopyRange(s.File, srcOff, d.File, dstOff, length)
		return done, err
	})
	return done, err
}

// countedFile asks before it grows.
type countedFile struct {
	File
	node NodeID
	m    *Manager
}

// reach asks for length bytes from off on, and has as many written as are granted.
func (f *countedFile) reach(off, length int64, write func(length int64) (int64, error)) error {
	n, end := accounts.Node(f.node), off+length
	if size, known := f.m.accounts.Size(n); known && end <= size {
		_, err := write(length)
		return err
	}
	granted, err := f.m.grow(f.node, end, off)
	if err != nil {
		return err
	}
	done, err := write(min(length, granted-off))
	if f.m.accounts.Reached(n, off+done) {
		f.m.Getattr(f.node)
	}
	return err
}

// WriteAt writes. Where there is no room for all of it, it writes as much as there is room for.
func (f *countedFile) WriteAt(p []byte, off int64) (int, error) {
	done := 0
	err := f.reach(off, int64(len(p)), func(length int64) (n int64, err error) {
		done, err = f.File.WriteAt(p[:length], off)
		if err == nil && done < len(p) {
			err = NoSpace
		}
		return int64(done), err
	})
	return done, err
}

func (f *countedFile) Truncate(size int64) error {
	if _, err := f.m.grow(f.node, size, size); err != nil {
		return err
	}
	err := f.m.beforeLoss(f.node, size, math.MaxInt64)
	if err == nil {
		err = f.File.Truncate(size)
	}
	f.m.settle(f.node, nil, err == nil)
	return err
}

func (f *countedFile) Allocate(off, length int64, mode AllocateMode) error {
	switch {
	case mode&AllocatePunchHole != 0 || off < 0 || length <= 0:
		defer f.m.wall.dig()()
		var err error
		if mode == AllocatePunchHole|AllocateKeepSize { // anything else the arena refuses
			err = f.beforePunch(off, length)
		}
		if err == nil {
			err = f.File.Allocate(off, length, mode)
		}
		f.m.Getattr(f.node)
		return err
	case mode&AllocateKeepSize == 0:
		if _, err := f.m.grow(f.node, off+length, off+length); err != nil {
			return err
		}
		err := f.allocate(off, length, mode)
		f.m.settle(f.node, nil, false)
		return err
	}
	f.m.meetRegion(f.node)
	if size, known := f.m.accounts.Size(accounts.Node(f.node)); known && off+length <= size {
		err := f.allocate(off, length, mode)
		f.m.Getattr(f.node)
		return err
	}
	var undo func()
	err := f.m.ask(func() (e *accounts.Exceeded) {
		undo, e = f.m.accounts.Allocated(accounts.Node(f.node), off+length)
		return e
	})
	if err != nil {
		return err
	}
	f.m.wall.hollow()
	if err = f.m.keepBeyond(f.node); err != nil {
		undo()
		return err
	}
	if err = f.File.Allocate(off, length, mode); err != nil {
		undo()
		f.m.keepBeyond(f.node)
	}
	f.m.Getattr(f.node)
	return err
}

// allocate does what is promised already: a size, and memory only where the directory wants it at once. The last byte's is
// always there, because that is how a region becomes longer without ever becoming shorter, whoever else resizes it.
func (f *countedFile) allocate(off, length int64, mode AllocateMode) error {
	const keep, zero = AllocateKeepSize, AllocateZeroRange
	if mode&^(keep|zero) != 0 || off > Unlimited-length || f.m.accounts.PagesAt(accounts.Node(f.node)) == accounts.PagesNow {
		return f.File.Allocate(off, length, mode)
	}
	if mode&zero != 0 {
		defer f.m.wall.dig()()
		if err := f.beforePunch(off, length); err != nil {
			return err
		}
		if err := f.File.Allocate(off, length, keep|AllocatePunchHole); err != nil {
			return err
		}
	}
	return f.File.Allocate(off+length-1, 1, mode&keep)
}

// beforePunch overwrites what a hole takes away. What cannot be, the arena will tell.
func (f *countedFile) beforePunch(off, length int64) error {
	if off < 0 || length <= 0 || off > Unlimited-length {
		return nil
	}
	return f.m.beforeLoss(f.node, off, off+length)
}
