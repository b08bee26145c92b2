package accounts

import (
	"errors"
	"fmt"
	"maps"
)

func (w *walk) rename() {
	n, f := w.file()
	if f == nil {
		return
	}
	i, to, old := w.r.IntN(len(f.homes)), w.dir(), f.homes
	from := old[i]
	// While it is on its way it counts in both.
	fits := from == to || !w.m.apart(from, to) &&
		w.m.fits(func() { f.homes = append(old[:len(old):len(old)], to) }, func() {})
	f.homes = old
	c, e := w.b.Move(n, from, to, Region)
	if !w.agree(fmt.Sprintf("rename %d from %d to %d", n, from, to), fits, nil, e) {
		return
	}
	if w.r.IntN(4) == 0 {
		c.Undo()
		return
	}
	c.Keep()
	f.homes = append(old[:i:i], old[i+1:]...)
	f.homes = append(f.homes, to)
}

func (w *walk) moveDir() {
	d, to := w.dir(), w.dir()
	if d == testRoot || w.m.under(to, d) || w.unfound != nil {
		return
	}
	from := w.m.parents[d]
	c, e := w.b.Move(d, 0, to, Directory)
	fits := from == to || !w.m.apart(from, to) && !w.reservedBelow(d) && w.m.fits(func() { w.m.parents[d] = to }, func() { w.m.parents[d] = from })
	if !w.agree(fmt.Sprintf("move directory %d from %d to %d", d, from, to), fits, nil, e) {
		return
	}
	if w.r.IntN(4) == 0 {
		c.Undo()
		w.m.parents[d] = from
		return
	}
	c.Keep()
}

// lose takes one of the names of a file away.
func (m *model) lose(f *modelFile, i int, held bool) {
	switch {
	case len(f.homes) > 1:
		f.homes = append(f.homes[:i:i], f.homes[i+1:]...)
	case held:
		f.alive = true
	default:
		f.dying = true
		f.homes = []Node{m.resting(f.homes[0])}
	}
}

// resting is the highest directory that counts in the same reservations.
func (m *model) resting(dir Node) Node {
	at := dir
	for ; dir != testRoot; dir = m.parents[dir] {
		if up := m.parents[dir]; !m.apart(at, up) {
			at = up
		}
	}
	return at
}

// save answers what brings the model back to what it is now.
func (m *model) save() (back func()) {
	parents, limits, files := maps.Clone(m.parents), maps.Clone(m.limits), maps.Clone(m.files)
	was := map[*modelFile]modelFile{}
	for _, f := range files {
		was[f] = *f
	}
	return func() {
		m.parents, m.limits, m.files = parents, limits, files
		for f, x := range was {
			*f = x
		}
	}
}

// rename does a whole rename.
func (m *model) rename(r Renaming) {
	m.move(r.Node, r.Type, r.From, r.To)
	switch {
	case r.Exchange:
		m.move(r.Other, r.OtherType, r.To, r.From)
	case r.OtherType == Directory:
		for _, f := range m.files { // those without a name go on counting above it
			for i, h := range f.homes {
				if h == r.Other {
					f.homes = append(append(f.homes[:i:i], m.parents[r.Other]), f.homes[i+1:]...)
				}
			}
		}
		delete(m.parents, r.Other)
		delete(m.limits, r.Other)
	default:
		f := m.files[r.Other]
		for i, h := range f.homes {
			if h == r.To {
				m.lose(f, i, r.Held)
				return
			}
		}
	}
}

func (m *model) move(n Node, t Type, from, to Node) {
	if t == Directory {
		m.parents[n] = to
		return
	}
	f := m.files[n]
	for i, h := range f.homes {
		if h == from {
			f.homes = append(append(f.homes[:i:i], f.homes[i+1:]...), to)
			return
		}
	}
}

// named answers a file with a name in a directory, another one than n.
func (w *walk) named(dir, n Node) (Node, *modelFile) {
	for range 10 {
		other, f := w.file()
		if f == nil || other == n {
			continue
		}
		for _, h := range f.homes {
			if h == dir {
				return other, f
			}
		}
	}
	return 0, nil
}

// renameOver renames a file to the name of another one, or exchanges the two, or a file and a directory.
func (w *walk) renameOver() {
	n, f := w.file()
	if f == nil {
		return
	}
	r := Renaming{Node: n, From: f.homes[w.r.IntN(len(f.homes))], To: w.dir(), Exchange: w.r.IntN(2) == 0, Held: w.r.IntN(2) == 0}
	if d := w.dir(); d != testRoot && w.unfound == nil && !w.m.under(r.From, d) && w.r.IntN(4) == 0 {
		r.Other, r.OtherType, r.To, r.Exchange = d, Directory, w.m.parents[d], true
		w.renameWhole(r)
		return
	}
	other, g := w.named(r.To, n)
	if g == nil || !w.meets(n) {
		return
	}
	r.Other, r.Left = other, len(g.homes) > 1
	w.renameWhole(r)
}

// renameDirOver renames a directory to the name of an empty one, or exchanges two.
func (w *walk) renameDirOver() {
	d, other := w.dir(), w.dir()
	if w.unfound == nil && w.r.IntN(2) == 0 {
		other = w.reserved(w.dir())
	}
	if d == testRoot || other == testRoot || w.unfound != nil || w.m.under(d, other) || w.m.under(other, d) {
		return
	}
	w.renameWhole(Renaming{Node: d, Type: Directory, Other: other, OtherType: Directory, From: w.m.parents[d], To: w.m.parents[other],
		Exchange: !w.empty(other) || w.r.IntN(2) == 0})
}

// reserved makes an empty directory that has a reservation, if there is room for that.
func (w *walk) reserved(parent Node) Node {
	n := w.next
	w.next++
	c, e := w.b.Make(parent, NewNode{Type: Directory, Named: true})
	if e != nil {
		w.fail("mkdir: %v", e)
	}
	c.Made(n, Seen{}, Owner{})
	w.m.parents[n] = parent
	l := Limits{Reserve: 1 + w.r.Int64N(20)}
	fits := w.m.fitsReserve(n, l)
	e = w.b.SetSettings(n, Settings{Limits: l}, false)
	if w.agree(fmt.Sprintf("directory %d in %d reserves %d", n, parent, l.Reserve), fits, nil, e) {
		w.m.limits[n] = l
	}
	return n
}

func (w *walk) empty(d Node) bool {
	for _, parent := range w.m.parents {
		if parent == d {
			return false
		}
	}
	for _, f := range w.m.files {
		for _, h := range f.homes {
			if h == d && !f.alive && !f.dying {
				return false
			}
		}
	}
	return true
}

// mayGo answers whether something may go from one directory to another, if there is room.
func (w *walk) mayGo(n Node, t Type, from, to Node) bool {
	return from == to || !w.m.apart(from, to) && (t != Directory || !w.reservedBelow(n))
}

// renameWhole asks for what comes of a rename. Now and then the rename itself fails then.
func (w *walk) renameWhole(r Renaming) {
	back := w.m.save()
	before := w.counted()
	fits := w.mayGo(r.Node, r.Type, r.From, r.To) && (!r.Exchange || w.mayGo(r.Other, r.OtherType, r.To, r.From)) &&
		w.m.fits(func() { w.m.rename(r) }, back)
	var failure error
	if w.r.IntN(4) == 0 {
		failure = errors.New("the arena refuses")
	}
	e, err := w.b.Rename(r, func() error {
		w.compareWritten(before)
		return failure
	})
	w.agree(fmt.Sprintf("%+v (%v)", r, failure), fits, nil, e)
	if !fits {
		return
	}
	if err != failure {
		w.fail("the rename is told to end with %v, want %v", err, failure)
	}
	if failure != nil {
		back()
	}
}

// counted answers what directories with limits hold.
func (w *walk) counted() map[Node][2]int64 {
	all := map[Node][2]int64{}
	for d := range w.m.limits {
		bytes, regions := w.m.used(d)
		all[d] = [2]int64{bytes, regions}
	}
	return all
}

// compareWritten checks that what is written down while something is done is enough for what was before and for what comes
// of it: the process may end at any moment.
func (w *walk) compareWritten(before map[Node][2]int64) {
	after := w.counted()
	for d, was := range before {
		a := w.b.dirs[d]
		if a == nil || a.sum == nil {
			continue
		}
		for i, word := range []int{sumBytes, sumRegions} {
			if got, want := int64(a.sum[word].Load()), max(was[i], after[d][i]); got < want {
				w.fail("%d is written down as the sum %d of %d, which holds %d and will hold %d", got, i, d, was[i], after[d][i])
			}
		}
	}
}
