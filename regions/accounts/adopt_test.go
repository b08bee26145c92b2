package accounts

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// succession are the books of a walk that follow each other: what one wrote down, and what the next has still to find.
type succession struct {
	mem     []atomic.Uint64
	writer  uint64
	unfound map[Node]bool // files; nil when all is found
}

func newSuccession(b *Book) succession {
	s := succession{mem: make([]atomic.Uint64, SumsWords(64))}
	b.Inherit(s.mem, s.writer)
	return s
}

// restart begins another book with what the last one wrote down, or goes on with finding what there is for it.
func (w *walk) restart() {
	if w.unfound == nil {
		for w.freed() {
		}
		w.succeed()
		return
	}
	for n := range w.unfound {
		w.find(n)
		return
	}
	w.b.Adopted()
	w.unfound = nil
	w.log = append(w.log, "adopted")
}

func (w *walk) succeed() {
	w.log = append(w.log, "another book")
	w.writer++
	w.unfound = map[Node]bool{}
	w.b = New(w.m.unit, testRoot)
	w.b.Expect()
	w.b.SetSize(w.m.limits[testRoot].Bytes, true)
	for u, bytes := range w.m.users {
		w.b.SetLimits(Numbered(OfUser, u), &Limits{Bytes: bytes})
	}
	if _, ok := w.b.Inherit(w.mem, w.writer); !ok {
		w.fail("what the last book wrote down does not hold")
	}
	for d := range w.m.parents {
		w.findDirectory(d)
	}
	for n := range w.m.files {
		w.unfound[n] = true
	}
}

func (w *walk) findDirectory(d Node) {
	if known, _ := w.b.Known(d); !known {
		w.findDirectory(w.m.parents[d])
		w.b.FoundDirectory(d, w.m.parents[d], Settings{Limits: w.m.limits[d]}, 0)
	}
}

// find tells of all names of a file.
func (w *walk) find(n Node) {
	f := w.m.files[n]
	for _, dir := range f.homes {
		w.b.Found(n, dir, Region, Seen{Size: f.size}, Owner{User: f.user}, uint32(len(f.homes)))
	}
	delete(w.unfound, n)
	w.log = append(w.log, fmt.Sprintf("found %d", n))
}

// meets answers whether something may be done with a file: one that has a single name is found for that.
func (w *walk) meets(n Node) bool {
	if w.unfound[n] && len(w.m.files[n].homes) == 1 {
		w.find(n)
	}
	_, whole := w.b.Known(n)
	return whole
}

// holds answers whether an account's sum is to be right: as long as not all is found, that of those with limits.
func (w *walk) holds(limited bool) bool { return w.unfound == nil || limited }

// Sums hold for the very next book, if there was room for all of them.
func TestUnreliableSums(t *testing.T) {
	mem := make([]atomic.Uint64, SumsWords(2))
	wrote := func(what string, want uint64) {
		t.Helper()
		if got := mem[sumsWriter].Load(); got != want {
			t.Errorf("%s: writer %d, want %d", what, got, want)
		}
	}
	if _, ok := New(1, testRoot).Inherit(mem, 5); !ok {
		t.Error("there was nothing before the first book")
	}
	wrote("the first book", 6)
	next := New(1, testRoot)
	next.Expect()
	if _, ok := next.Inherit(mem, 7); ok {
		t.Error("there was another writer")
	}
	wrote("before all is found", 0)
	next.Adopted()
	wrote("when all is found", 8)
	for i := range Node(3) {
		c, _ := next.Make(testRoot, NewNode{Type: Directory})
		c.Made(2+i, Seen{}, Owner{})
	}
	limits := Settings{Limits: Limits{Bytes: 7}}
	next.SetSettings(2, limits, false)
	next.DirectoryRemoved(2)
	next.SetSettings(3, limits, false)
	wrote("in the place of another", 8)
	next.SetSettings(4, limits, false)
	wrote("without room", 0)
}

// Second copies count for the next book at once, and are its own to count when all is found.
func TestCopiesAreInherited(t *testing.T) {
	mem := make([]atomic.Uint64, SumsWords(4))
	b := New(1, testRoot)
	b.SetSize(100, false)
	b.Inherit(mem, 1)
	place(t, b, 2, 40)
	b.Hold(2, 1)
	next := New(1, testRoot)
	next.Expect()
	next.SetSize(100, true)
	if _, ok := next.Inherit(mem, 2); !ok {
		t.Fatal("what the last book wrote down does not hold")
	}
	next.Hold(2, 1)
	next.Found(2, testRoot, Region, Seen{Size: 40}, Owner{User: 1}, 1)
	if _, e := next.Grow(2, 51, 51); e == nil || e.Twice == 0 {
		t.Errorf("51 bytes twice are allowed of 100: %+v", e)
	}
	next.Cancel(2)
	next.Adopted()
	if got := next.Mount().Used.Copies; got != 40 {
		t.Errorf("%d bytes are copies, want 40", got)
	}
	next.Hold(2, -1)
	if got := next.Mount().Used.Copies; got != 0 {
		t.Errorf("%d bytes are copies of what nobody holds", got)
	}
}
