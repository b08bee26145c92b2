package accounts

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// model is the same accounts, found anew for each question from a list of what there is.
type model struct {
	parents map[Node]Node // of directories
	limits  map[Node]Limits
	users   map[uint32]int64 // limits of bytes
	files   map[Node]*modelFile
	unit    int64
}

type modelFile struct {
	size  int64
	homes []Node
	user  uint32
	dying bool
	alive bool // it has no name and somebody has it
}

const testRoot Node = 1

func newModel(unit int64) *model {
	return &model{parents: map[Node]Node{}, limits: map[Node]Limits{}, users: map[uint32]int64{}, files: map[Node]*modelFile{},
		unit: unit}
}

func (m *model) under(dir, top Node) bool {
	for ; ; dir = m.parents[dir] {
		if dir == top {
			return true
		}
		if dir == testRoot {
			return false
		}
	}
}

func (f *modelFile) counts(m *model, dir Node) bool {
	for _, h := range f.homes {
		if m.under(h, dir) {
			return true
		}
	}
	return false
}

// used answers what counts in a directory.
func (m *model) used(dir Node) (bytes, regions int64) {
	for _, f := range m.files {
		if f.counts(m, dir) {
			bytes += roundUp(f.size, m.unit)
			if !f.dying && !f.alive {
				regions++
			}
		}
	}
	return bytes, regions
}

// committed adds what is reserved below.
func (m *model) committed(dir Node) int64 {
	bytes, _ := m.used(dir)
	for child, parent := range m.parents {
		if parent != dir {
			continue
		}
		below, _ := m.used(child)
		bytes += max(m.limits[child].Reserve, m.committed(child)) - below
	}
	return bytes
}

func (m *model) userBytes(user uint32) (bytes int64) {
	for _, f := range m.files {
		if f.user == user && !f.dying {
			bytes += roundUp(f.size, m.unit)
		}
	}
	return bytes
}

// fits answers whether a change leaves no limit exceeded that it adds to. What it did stays if it fits.
func (m *model) fits(do, undo func()) bool {
	type state struct {
		bytes, regions int64
	}
	before := map[Node]state{}
	for dir := range m.limits {
		_, regions := m.used(dir)
		before[dir] = state{m.committed(dir), regions}
	}
	users := map[uint32]int64{}
	for u := range m.users {
		users[u] = m.userBytes(u)
	}
	do()
	for dir, l := range m.limits {
		bytes, old := m.committed(dir), before[dir]
		_, regions := m.used(dir)
		if l.Bytes > 0 && bytes > l.Bytes && bytes > old.bytes || l.Regions > 0 && regions > l.Regions && regions > old.regions {
			undo()
			return false
		}
	}
	for u, limit := range m.users {
		if now := m.userBytes(u); now > limit && now > users[u] {
			undo()
			return false
		}
	}
	return true
}

// walk is one run of random operations on both.
type walk struct {
	t    *testing.T
	r    *rand.Rand
	b    *Book
	m    *model
	next Node
	log  []string
	succession
}

func (w *walk) dir() Node {
	all := []Node{testRoot}
	for d := Node(2); d < w.next; d++ {
		if _, ok := w.m.parents[d]; ok {
			all = append(all, d)
		}
	}
	return all[w.r.IntN(len(all))]
}

func (w *walk) file() (Node, *modelFile) {
	var all []Node
	for n := Node(2); n < w.next; n++ {
		if f := w.m.files[n]; f != nil && !f.dying && !f.alive {
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return 0, nil
	}
	n := all[w.r.IntN(len(all))]
	if !w.meets(n) {
		return 0, nil
	}
	return n, w.m.files[n]
}

// agree compares the two answers, and ends or keeps a claim.
func (w *walk) agree(what string, fits bool, c *Claim, e *Exceeded) bool {
	w.t.Helper()
	w.log = append(w.log, fmt.Sprintf("%s: %t", what, fits))
	if fits != (e == nil) {
		w.fail("%s: the model says %t, the book %v", what, fits, e)
	}
	if e == nil && c != nil {
		c.Keep()
	}
	return fits
}

func (w *walk) fail(format string, args ...any) {
	w.t.Helper()
	for _, l := range w.log[max(0, len(w.log)-30):] {
		w.t.Log(l)
	}
	w.t.Fatalf(format, args...)
}

func (w *walk) step() {
	switch w.r.IntN(16) {
	case 0:
		w.mkdir()
	case 1, 2:
		w.create()
	case 3, 4, 5:
		w.resize()
	case 6:
		w.link()
	case 7:
		w.unlink()
	case 8:
		w.rename()
	case 9:
		w.moveDir()
	case 10:
		w.limit()
	case 11:
		w.freed()
	case 12, 13:
		w.restart()
	case 14:
		w.renameOver()
	case 15:
		w.renameDirOver()
	}
}

func (w *walk) mkdir() {
	if len(w.m.parents) > 12 {
		return
	}
	parent, n := w.dir(), w.next
	w.next++
	c, e := w.b.Make(parent, NewNode{Type: Directory, Named: true})
	if e != nil {
		w.fail("mkdir: %v", e)
	}
	if w.r.IntN(5) == 0 {
		c.Undo()
		return
	}
	c.Made(n, Seen{}, Owner{})
	w.m.parents[n] = parent
	w.log = append(w.log, fmt.Sprintf("mkdir %d in %d", n, parent))
}

func (w *walk) create() {
	dir, n, user := w.dir(), w.next, uint32(1+w.r.IntN(3))
	w.next++
	fits := w.m.fits(func() { w.m.files[n] = &modelFile{homes: []Node{dir}, user: user} }, func() { delete(w.m.files, n) })
	c, e := w.b.Make(dir, NewNode{Type: Region, Named: true, Owner: Owner{User: user}})
	if !w.agree(fmt.Sprintf("create %d in %d", n, dir), fits, nil, e) {
		return
	}
	if w.r.IntN(8) == 0 {
		c.Undo()
		delete(w.m.files, n)
		return
	}
	c.Made(n, Seen{}, Owner{User: user})
}

func (w *walk) resize() {
	n, f := w.file()
	if f == nil {
		return
	}
	old, size := f.size, w.r.Int64N(40)
	fits := size <= old || w.m.fits(func() { f.size = size }, func() { f.size = old })
	_, e := w.b.Grow(n, size, size)
	w.agree(fmt.Sprintf("resize %d from %d to %d", n, old, size), fits, nil, e)
	if fits && w.r.IntN(8) == 0 { // the memory's file system refused
		size = old
	}
	if fits {
		f.size = size
	}
	w.b.Settle(n, Seen{Size: f.size}, false)
}

func (w *walk) link() {
	n, f := w.file()
	if f == nil || len(f.homes) > 3 {
		return
	}
	dir, old := w.dir(), f.homes
	fits := !w.apartFrom(old, dir) && w.m.fits(func() { f.homes = append(old[:len(old):len(old)], dir) }, func() { f.homes = old })
	c, e := w.b.Link(n, dir)
	if w.agree(fmt.Sprintf("link %d into %d", n, dir), fits, nil, e) {
		if w.r.IntN(4) == 0 {
			c.Undo()
			f.homes = old
			return
		}
		c.Keep()
	}
}

func (w *walk) unlink() {
	n, f := w.file()
	if f == nil {
		return
	}
	i := w.r.IntN(len(f.homes))
	dir := f.homes[i]
	held := w.r.IntN(2) == 0
	w.b.Unlinked(n, dir, len(f.homes) > 1, held)
	w.log = append(w.log, fmt.Sprintf("unlink %d in %d held %t", n, dir, held))
	w.m.lose(f, i, held)
}

func (w *walk) freed() bool {
	for n, f := range w.m.files {
		if f.dying || f.alive {
			w.b.Freed(n)
			delete(w.m.files, n)
			w.log = append(w.log, fmt.Sprintf("freed %d", n))
			return true
		}
	}
	return false
}

// apart answers whether only one of two directories counts in some reservation.
func (m *model) apart(x, y Node) bool {
	for d, l := range m.limits {
		if l.Reserve > 0 && m.under(x, d) != m.under(y, d) {
			return true
		}
	}
	return false
}

func (w *walk) apartFrom(homes []Node, dir Node) bool {
	for _, h := range homes {
		if w.m.apart(h, dir) {
			return true
		}
	}
	return false
}

func (w *walk) reservedBelow(d Node) bool {
	for n, l := range w.m.limits {
		if l.Reserve > 0 && w.m.under(n, d) {
			return true
		}
	}
	return false
}

func (w *walk) limit() {
	if w.unfound != nil {
		return
	}
	if w.r.IntN(4) == 0 {
		u := uint32(1 + w.r.IntN(3))
		w.m.users[u] = 20 + w.r.Int64N(200)
		w.b.SetLimits(Numbered(OfUser, u), &Limits{Bytes: w.m.users[u]})
		w.log = append(w.log, fmt.Sprintf("user %d limit %d", u, w.m.users[u]))
		return
	}
	d := w.dir()
	l := Limits{Bytes: 20 + w.r.Int64N(300), Regions: 1 + w.r.Int64N(20)}
	if d == testRoot {
		l.Regions = 0
		if e := w.b.SetSize(l.Bytes, true); e != nil {
			w.fail("size: %v", e)
		}
		w.m.limits[d] = l
		return
	}
	if w.r.IntN(2) == 0 {
		l.Bytes, l.Reserve = 0, w.r.Int64N(40)
	}
	old := w.m.limits[d]
	both := old
	both.Reserve = l.Reserve
	fits := l.Reserve <= old.Reserve || w.m.fitsReserve(d, both)
	if old.Reserve == 0 && l.Reserve > 0 && w.straddled(d) {
		fits = false
	}
	e := w.b.SetSettings(d, Settings{Limits: l}, false)
	if w.agree(fmt.Sprintf("limit of %d: %+v", d, l), fits, nil, e) {
		w.m.limits[d] = l
	}
}

// straddled answers whether a file has names below a directory and others that are not.
func (w *walk) straddled(d Node) bool {
	for _, f := range w.m.files {
		for _, h := range f.homes {
			if w.m.under(h, d) != w.m.under(f.homes[0], d) {
				return true
			}
		}
	}
	return false
}

// fitsReserve answers whether all that is reserved fits above a directory.
func (m *model) fitsReserve(d Node, l Limits) bool {
	old := m.limits[d]
	m.limits[d] = l
	defer func() { m.limits[d] = old }()
	for p := d; p != testRoot; {
		p = m.parents[p]
		if limit := m.limits[p].Bytes; limit > 0 && m.committed(p) > limit {
			return false
		}
	}
	return true
}

func (w *walk) compare() {
	w.t.Helper()
	for d := range w.m.parents {
		w.compareOne(d, OfDirectory, uint64(d))
	}
	w.compareOne(testRoot, Mount, 0)
	for u := uint32(1); u <= 3; u++ {
		s, _ := w.b.Account(OfUser, uint64(u))
		if got, want := s.Used.Bytes, w.m.userBytes(u); w.holds(w.m.users[u] > 0 && s.ID > 0) && got != want {
			w.fail("user %d holds %d, the model says %d", u, got, want)
		}
	}
}

func (w *walk) compareOne(d Node, k Kind, id uint64) {
	w.t.Helper()
	s, ok := w.b.Account(k, id)
	if !ok {
		w.fail("directory %d has no account", d)
	}
	if !w.holds(d == testRoot || w.m.limits[d] != (Limits{})) {
		return
	}
	bytes, regions := w.m.used(d)
	if s.Used.Bytes != bytes || s.Used.Regions != regions || s.Kept != w.m.committed(d)-bytes {
		w.fail("directory %d holds %+v and keeps %d; the model says %d bytes, %d regions, %d kept", d, s.Used, s.Kept, bytes,
			regions, w.m.committed(d)-bytes)
	}
}

// Random operations, each asked of the book and of a model that counts all anew: the same answers, the same sums.
func TestBookIsTheModel(t *testing.T) {
	seeds := uint64(80)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		unit := int64(1) << (seed % 4)
		w := &walk{t: t, r: rand.New(rand.NewPCG(seed, 1)), b: New(unit, testRoot), m: newModel(unit), next: 2}
		w.succession = newSuccession(w.b)
		w.log = append(w.log, fmt.Sprintf("seed %d", seed))
		for range 300 {
			w.step()
			w.compare()
		}
	}
}
