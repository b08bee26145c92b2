package regions

import (
	"errors"
	"strings"
	"time"
)

// Manager is the Arena that all doors go through. What it does not do itself is the inner arena's: it adds each
// region's record, the sums, and who uses what.
type Manager struct {
	Arena
	books *books
	users *users
	now   func() time.Time
}

var _ Arena = (*Manager)(nil)

// NewManager puts a manager before an arena. Call Adopt before use if the arena may hold something already.
func NewManager(a Arena) *Manager {
	m := &Manager{Arena: a, books: newBooks(), now: time.Now}
	m.users = newUsers(nil)
	m.users.written = func(n NodeID) { m.Getattr(n) }
	if p, ok := a.(UseProber); ok {
		m.users.probe = p.InUse
	}
	return m
}

// OnFree sets who is told when nobody holds a region any more: a front end that keeps something for it in the kernel.
// The callee must not call the manager. Set it before the first Opened.
func (m *Manager) OnFree(f func(NodeID)) { m.users.freed = f }

// OnProbe sets who is told to let go of a region that nobody has open, because what he holds of it would count as a
// use. Conditions are those of OnFree.
func (m *Manager) OnProbe(f func(NodeID)) { m.users.unhold = f }

// Inner is the arena itself, for its abilities ([Descriptor], [Copier], ...).
func (m *Manager) Inner() Arena { return m.Arena }

// Make makes a node and, if it is a region, its record. spec.Record.PID is the caller's, the rest is filled in.
func (m *Manager) Make(dir NodeID, name string, spec Spec) (Attr, error) {
	m.stamp(&spec)
	a, err := m.Arena.Make(dir, name, spec)
	if err == nil {
		m.madeNew(&a)
	}
	return a, err
}

// madeNew takes note of a node that was just made: nobody has set an extended attribute of it.
func (m *Manager) madeNew(a *Attr) {
	m.books.made(a)
	if a.IsRegion() && !m.Properties().Labels {
		m.books.setPlain(a.Node, true)
	}
}

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

// Setxattr sets an extended attribute.
func (m *Manager) Setxattr(node NodeID, name string, value []byte, flags XattrFlags) error {
	m.books.setPlain(node, false)
	return m.Arena.Setxattr(node, name, value, flags)
}

// MakeTemp makes a region without a name. It enters the books when it is linked.
func (m *Manager) MakeTemp(dir NodeID, spec Spec) (Attr, error) {
	m.stamp(&spec)
	return m.Arena.MakeTemp(dir, spec)
}

// MakeOpen makes a region, without a name where it is empty, and opens it for reading and writing whatever its mode
// says. File is nil where the arena is stateless, and needs none.
func (m *Manager) MakeOpen(dir NodeID, name string, spec Spec) (Attr, File, error) {
	o, ok := m.Arena.(MakeOpener)
	if !ok || m.Properties().Stateless {
		return m.makeAndOpen(dir, name, spec)
	}
	m.stamp(&spec)
	a, f, err := o.MakeOpen(dir, name, spec)
	if err != nil {
		return Attr{}, nil, err
	}
	if name != "" {
		m.madeNew(&a)
	}
	return a, &countedFile{f, a.Node, m.books}, nil
}

// makeAndOpen does it in two steps.
func (m *Manager) makeAndOpen(dir NodeID, name string, spec Spec) (a Attr, f File, err error) {
	if name == "" {
		a, err = m.MakeTemp(dir, spec)
	} else {
		a, err = m.Make(dir, name, spec)
	}
	if err == nil && !m.Properties().Stateless {
		if f, err = m.Open(a.Node, ReadAccess|WriteAccess); err != nil && name == "" {
			m.Arena.Drop(a.Node)
		}
	}
	return a, f, err
}

func (m *Manager) stamp(spec *Spec) {
	if spec.Mode&TypeMask != TypeRegular {
		spec.Record = Record{}
		return
	}
	spec.Record = Record{ID: NewID(), Created: m.now(), PID: spec.Record.PID, UID: spec.UID, GID: spec.GID}
}

// Link gives a node one more name; the first name of a region made by MakeTemp brings it into the books.
func (m *Manager) Link(node, dir NodeID, name string) (Attr, error) {
	a, err := m.Arena.Link(node, dir, name)
	if err == nil && a.Nlink == 1 {
		m.books.made(&a)
	}
	return a, err
}

// Remove takes a name away.
func (m *Manager) Remove(parent NodeID, name string, dir bool) (Attr, error) {
	a, err := m.Arena.Remove(parent, name, dir)
	if err == nil {
		m.books.removed(&a)
	}
	return a, err
}

// Rename moves a name.
func (m *Manager) Rename(r Rename) (Attr, error) {
	a, err := m.Arena.Rename(r)
	if err == nil {
		m.books.removed(&a)
		m.countWhiteout(r)
	}
	return a, err
}

// countWhiteout takes note of what a rename left behind: nothing, if both names were the same node's.
func (m *Manager) countWhiteout(r Rename) {
	if r.Flags&RenameWhiteout == 0 {
		return
	}
	a, err := m.Arena.Lookup(r.Dir, r.Name)
	if err == nil && a.Type() == TypeChar && a.Nlink == 1 {
		m.books.made(&a)
	}
}

// Getattr reads attributes, and takes note of the size.
func (m *Manager) Getattr(node NodeID) (Attr, error) {
	a, err := m.Arena.Getattr(node)
	if err == nil && a.IsRegion() {
		m.books.seen(&a)
	}
	return a, err
}

// Setattr sets attributes.
func (m *Manager) Setattr(node NodeID, c Change) (Attr, error) {
	a, err := m.Arena.Setattr(node, c)
	if err == nil && a.IsRegion() {
		m.books.seen(&a)
	}
	return a, err
}

// Open opens a region; growth through the file enters the books.
func (m *Manager) Open(node NodeID, access Access) (File, error) {
	f, err := m.Arena.Open(node, access)
	if err != nil {
		return nil, err
	}
	return &countedFile{f, node, m.books}, nil
}

// CopyRange copies between two files of this manager, without moving the bytes through us where the arena can.
func (m *Manager) CopyRange(src File, srcOff int64, dst File, dstOff int64, length int64) (int64, error) {
	s, ok1 := src.(*countedFile)
	d, ok2 := dst.(*countedFile)
	c, ok3 := m.Arena.(Copier)
	if !ok1 || !ok2 || !ok3 {
		return 0, NotSupported
	}
	n, err := c.CopyRange(s.File, srcOff, d.File, dstOff, length)
	if n > 0 {
		m.books.grown(d.node, dstOff+n)
	}
	return n, err
}

// Opened takes note that a descriptor of a region is handed out.
func (m *Manager) Opened(node NodeID, access Access) {
	m.users.opened(node, access&WriteAccess != 0)
	m.books.touched(node, m.now())
}

// Released takes note that a descriptor was closed.
func (m *Manager) Released(node NodeID, access Access) {
	m.books.touched(node, m.now())
	if m.users.released(node, access&WriteAccess != 0) {
		m.Forgotten(node)
	}
}

// Forgotten takes note that the kernel does not know a node any more. One that is still open is dropped with its last
// release. What is not open is asked for: a FORGET counts look-ups, and need not be the last one.
func (m *Manager) Forgotten(node NodeID) {
	if m.users.forgotten(node) {
		return
	}
	m.users.settle(node)
	m.Arena.Drop(node)
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

// Totals answers the sums, after reading the size of every region that may have grown unseen: a write through FUSE
// passthrough does not come by here.
func (m *Manager) Totals() Totals {
	for _, n := range m.users.unseen() {
		m.Getattr(n)
	}
	return m.books.totals()
}

// Resize changes the arena's limits while it lives, NotSupported if they are fixed. Zero leaves one as it is.
func (m *Manager) Resize(bytes, nodes int64) error {
	r, ok := m.Arena.(Resizer)
	if !ok {
		return NotSupported
	}
	return r.Resize(bytes, nodes)
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

// countedFile tells the books what grows through it.
type countedFile struct {
	File
	node  NodeID
	books *books
}

func (f *countedFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	if n > 0 {
		f.books.grown(f.node, off+int64(n))
	}
	return n, err
}

func (f *countedFile) Truncate(size int64) error {
	err := f.File.Truncate(size)
	if err == nil {
		f.books.resized(f.node, size)
	}
	return err
}

func (f *countedFile) Allocate(off, length int64, mode AllocateMode) error {
	err := f.File.Allocate(off, length, mode)
	if err == nil && mode&AllocateKeepSize == 0 {
		f.books.grown(f.node, off+length)
	}
	return err
}
