//go:build linux

package ledger

import (
	"bytes"
	"errors"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// small is a ledger of few records, for tests.
var small = sizes{configSection: 2, slotSection: 8, handleSection: 8, backingSection: 8, textSection: 2, counterSection: 4, sumSection: 4}

func newLedger(t testing.TB) (*Ledger, int) {
	t.Helper()
	fd, err := create(small)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return again(t, fd), fd
}

// again opens a ledger as the next server does.
func again(t testing.TB, fd int) *Ledger {
	t.Helper()
	l, err := Open(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// What a server writes, one of another release reads: sizes and places are fixed.
func TestLayoutIsFixed(t *testing.T) {
	for _, x := range []struct {
		name      string
		got, want uintptr
	}{
		{"configuration", unsafe.Sizeof(configRecord{}), 8192},
		{"place of sections", unsafe.Offsetof(header{}.sections), 16},
		{"place of the slot count", unsafe.Offsetof(header{}.slotNext), 208},
		{"place of INIT", unsafe.Offsetof(header{}.init), 264},
		{"place of the reply", unsafe.Offsetof(header{}.reply), 776},
		{"place of the fields", unsafe.Offsetof(header{}.fields), 1288},
		{"place of the newest node", unsafe.Offsetof(header{}.newest), 1544},
		{"place of what an orphan says", unsafe.Offsetof(header{}.orphaned), 1552},
	} {
		if x.got != x.want {
			t.Errorf("%s: %d bytes, want %d: a change needs another version", x.name, x.got, x.want)
		}
	}
	if unsafe.Sizeof(header{}) > headSize {
		t.Errorf("the header has %d bytes, more than its page", unsafe.Sizeof(header{}))
	}
	if got, want := firstPlaces(), (placement{0, 8, 16, 24, 28, 0, 4, 8, 16, 24, 25, 28, 32, 0, 8, 12}); got != want {
		t.Errorf("fields stood at %v in layout 1, not at %v", want, got)
	}
	if fieldCount > len(header{}.fields) {
		t.Error("more fields than the header has room for")
	}
}

// No two fields of a record may share a byte, in no layout that this program can make.
func TestFieldsDoNotOverlap(t *testing.T) {
	for name, p := range map[string]placement{"made": madePlaces(), "first": firstPlaces()} {
		taken := map[[2]int]int{}
		for f, x := range fieldsOf() {
			for b := range int(x.size) {
				at := [2]int{x.section, int(p[f]) + b}
				if other, ok := taken[at]; ok {
					t.Errorf("%s: fields %d and %d share byte %d", name, other, f, at[1])
				}
				taken[at] = f
			}
		}
	}
}

func TestAnEmptyLedgerTakesLittleMemory(t *testing.T) {
	fd, err := Create()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	l := again(t, fd)
	if _, err := l.EnterHandle(Handle{Node: 1}, nil); err != nil {
		t.Fatal(err)
	}
	if size, err := l.Size(); err != nil || size > 64<<10 {
		t.Errorf("%d bytes (%v), want 64 KiB at most", size, err)
	}
}

func TestHandlesOutliveTheirServer(t *testing.T) {
	first, fd := newLedger(t)
	text := bytes.Repeat([]byte("control"), 1000)
	a, _ := first.EnterHandle(Handle{Node: 7, Request: 70, Access: 3, Kind: 1}, nil)
	b, _ := first.EnterHandle(Handle{Node: 8, Request: 80}, text)
	c, _ := first.EnterHandle(Handle{Node: 9}, nil)
	first.LeaveHandle(c)
	next := again(t, fd)
	found := map[uint64]Handle{}
	next.Handles(func(h Handle) { found[h.Number] = h })
	if len(found) != 2 || found[a].Node != 7 || found[a].Request != 70 || found[a].Access != 3 || found[a].Kind != 1 {
		t.Errorf("found %+v", found)
	}
	if got, ok := next.Text(found[b]); !ok || !bytes.Equal(got, text) {
		t.Errorf("the content of a control file: %d bytes, %v", len(got), ok)
	}
	if got, ok := next.Text(found[a]); !ok || len(got) != 0 {
		t.Errorf("a handle without content has %d bytes, %v", len(got), ok)
	}
	d, _ := next.EnterHandle(Handle{Node: 10}, nil)
	if d == c || uint32(d) != uint32(c) {
		t.Errorf("handle %x uses the record of %x again: the number must be another one", d, c)
	}
	next.LeaveHandle(c) // long closed: nothing to do
	next.LeaveHandle(a)
	next.LeaveHandle(a)
	if e, _ := next.EnterHandle(Handle{}, nil); e == a {
		t.Error("a number was given out twice")
	}
}

// What does not fit is known to be lost.
func TestALargeTextIsLost(t *testing.T) {
	first, fd := newLedger(t)
	n, err := first.EnterHandle(Handle{Node: 7}, make([]byte, textMax+1))
	if err != nil {
		t.Fatal(err)
	}
	next := again(t, fd)
	next.Handles(func(h Handle) {
		if b, ok := next.Text(h); ok || h.Number != n {
			t.Errorf("handle %x of %x has %d bytes of its text", h.Number, n, len(b))
		}
	})
}

func TestHandlesAreFinite(t *testing.T) {
	l, _ := newLedger(t)
	var numbers []uint64
	for {
		n, err := l.EnterHandle(Handle{}, []byte("x"))
		if errors.Is(err, ErrFull) {
			break
		}
		numbers = append(numbers, n)
	}
	if got, want := len(numbers), int(small[handleSection]); got != want {
		t.Errorf("%d handles, want %d", got, want)
	}
	for _, n := range numbers {
		l.LeaveHandle(n)
	}
	if _, err := l.EnterHandle(Handle{}, nil); err != nil {
		t.Errorf("after all were left: %v", err)
	}
}

func TestBackingsOutliveTheirServer(t *testing.T) {
	first, fd := newLedger(t)
	a, _ := first.EnterBacking(5, 1)
	b, _ := first.EnterBacking(6, 2)
	c, _ := first.EnterBacking(7, 3)
	told := 0
	first.LeaveBacking(b, func() { told++ })
	func() {
		defer func() { recover() }()
		first.LeaveBacking(c, func() { panic("killed") })
	}()
	next := again(t, fd)
	found := map[uint64]Backing{}
	next.Backings(func(x Backing) { found[x.Node] = x })
	if len(found) != 2 || found[5].ID != 1 || found[5].Closing || !found[7].Closing || found[5].Index() != a {
		t.Errorf("found %+v; told %d times", found, told)
	}
	if got := next.NextBackingID(); got != 4 {
		t.Errorf("the next id is %d, want 4", got)
	}
	next.LeaveBacking(found[7].Index(), func() { told++ })
	if told != 2 {
		t.Errorf("the kernel was told %d times, want 2", told)
	}
}

func TestRequestsAreFoundAgain(t *testing.T) {
	first, fd := newLedger(t)
	begun := time.Now()
	first.BeginRequest(100, Found{Begun: begun, Node: 9, Existed: true}) // never ends
	for i := range small[slotSection] * 3 {
		first.BeginRequest(200+i, Found{}).End()
	}
	next := again(t, fd)
	f, slot, ok := next.FindRequest(100)
	if !ok || !f.Begun.Equal(begun) || f.Node != 9 || !f.Existed {
		t.Errorf("found %+v, %v", f, ok)
	}
	slot.End()
	if _, _, ok := next.FindRequest(200); ok {
		t.Error("a request was found whose slot others had since")
	}
	for i := range small[slotSection] {
		next.BeginRequest(300+i, Found{})
	}
	next.BeginRequest(400, Found{}).End() // no slot is free: it is not remembered, and nothing breaks
}

func TestInitAndConfiguration(t *testing.T) {
	first, fd := newLedger(t)
	if request, _ := first.Init(); len(request) != 0 || first.Config() != nil {
		t.Error("a new ledger has an INIT, or a configuration")
	}
	if err := first.SetInit([]byte("request"), []byte("reply")); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two", "three"} {
		if err := first.SetConfig([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	first.SetWay(PassthroughByPath)
	next := again(t, fd)
	request, reply := next.Init()
	if string(request) != "request" || string(reply) != "reply" || string(next.Config()) != "three" || next.Way() != PassthroughByPath {
		t.Errorf("%q, %q, %q, %d", request, reply, next.Config(), next.Way())
	}
	if next.SetInit(make([]byte, initSize+1), nil) == nil || next.SetConfig(make([]byte, configMax+1)) == nil {
		t.Error("something too long was kept")
	}
}

// One release both ways: what the release before wrote, and what a later one says that this one can read.
func TestVersions(t *testing.T) {
	for _, x := range []struct {
		layout   Layout
		readable bool
	}{
		{Layout{version, oldest}, true},
		{Layout{version - 1, version - 1}, true}, {Layout{version - 2, version - 2}, false},
		{Layout{version + 1, version}, true}, {Layout{version + 1, version + 1}, false}, {Layout{version + 7, 1}, true},
	} {
		fd, err := create(small)
		if err != nil {
			t.Fatal(err)
		}
		head := []byte{byte(x.layout.Version), 0, 0, 0, byte(x.layout.Oldest)}
		if _, err := unix.Pwrite(fd, head, int64(len(magic))); err != nil {
			t.Fatal(err)
		}
		l, err := Open(fd)
		if (err == nil) != x.readable || x.layout.Readable(version) != x.readable {
			t.Errorf("%+v: %v, want %v", x.layout, err, x.readable)
		}
		if err == nil {
			if l.Layout() != x.layout {
				t.Errorf("layout %+v, want %+v", l.Layout(), x.layout)
			}
			l.Close()
		}
		unix.Close(fd)
	}
}

// first makes a ledger as releases of layout 1 did: without a table of fields, counters and sums.
func first(t *testing.T) int {
	t.Helper()
	fd, err := create(small)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	h := &header{}
	b := unsafe.Slice((*byte)(unsafe.Pointer(h)), unsafe.Sizeof(*h))
	if _, err := unix.Pread(fd, b, 0); err != nil {
		t.Fatal(err)
	}
	h.version, h.oldest, h.fields = 1, 1, [64]place{}
	h.sections[counterSection], h.sections[sumSection] = section{}, section{}
	if _, err := unix.Pwrite(fd, b, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Ftruncate(fd, int64(h.sections[textSection].end())); err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestEarlierLedgersGetCountersAndSums(t *testing.T) {
	if version != 2 {
		t.Skipf("this program has layout %d, and does not read 1", version)
	}
	fd := first(t)
	l := again(t, fd)
	n, err := l.EnterHandle(Handle{Node: 7, Request: 70, Access: 3, Kind: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Counters()[counterCount-1].Add(5)
	l.Sums()[sumCount-1].Add(6)
	raw := make([]byte, 48)
	if _, err := unix.Pread(fd, raw, int64(l.head.sections[handleSection].at)); err != nil {
		t.Fatal(err)
	}
	want := []byte{1, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 70, 0, 0, 0, 0, 0, 0, 0, 3, 1}
	if !bytes.HasPrefix(raw, want) {
		t.Errorf("handle %x is written as\n%x, want\n%x", n, raw, want)
	}
	next := again(t, fd)
	if got := next.Sums()[sumCount-1].Load(); got != 6 {
		t.Errorf("the next server has a sum of %d, want 6", got)
	}
	if got := next.Counters()[counterCount-1].Load(); got != 5 || next.Layout() != (Layout{1, 1}) {
		t.Errorf("the next server counts from %d, want 5; layout %+v", got, next.Layout())
	}
}

// A field may stand anywhere in its record, where the header says.
func TestFieldsAreWhereTheHeaderSays(t *testing.T) {
	fd, err := create(small)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	moved := madePlaces()
	moved[slotNode], moved[slotBegun] = moved[slotBegun], moved[slotNode]
	moved[handleNode], moved[handleLength] = moved[handleLength], moved[handleNode]
	h := &header{}
	h.placed(moved)
	b := unsafe.Slice((*byte)(unsafe.Pointer(&h.fields)), unsafe.Sizeof(h.fields))
	if _, err := unix.Pwrite(fd, b, int64(unsafe.Offsetof(h.fields))); err != nil {
		t.Fatal(err)
	}
	l := again(t, fd)
	l.BeginRequest(100, Found{Begun: time.Unix(0, 5), Node: 9})
	l.EnterHandle(Handle{Node: 8}, nil)
	read := func(section int, at uint16) byte {
		t.Helper()
		b := make([]byte, 1)
		if _, err := unix.Pread(fd, b, int64(l.head.sections[section].at)+int64(at)); err != nil {
			t.Fatal(err)
		}
		return b[0]
	}
	old := madePlaces()
	if node, begun, opened := read(slotSection, old[slotBegun]), read(slotSection, old[slotNode]), read(handleSection, old[handleLength]); node != 9 || begun != 5 || opened != 8 {
		t.Errorf("at the new places stand %d, %d and %d, want 9, 5 and 8", node, begun, opened)
	}
	if f, _, ok := again(t, fd).FindRequest(100); !ok || f.Node != 9 {
		t.Errorf("the next server finds %+v, %v", f, ok)
	}
}

func TestCountersOutliveTheirServer(t *testing.T) {
	l, fd := newLedger(t)
	c := l.Counters()
	c[0].Add(1)
	c[len(c)-1].Add(2)
	l.SetNewest(77)
	next := again(t, fd)
	d := next.Counters()
	if len(d) != len(c) || d[0].Load() != 1 || d[len(d)-1].Load() != 2 || next.Newest() != 77 {
		t.Errorf("%d counters, %d and %d, newest %d", len(d), d[0].Load(), d[len(d)-1].Load(), next.Newest())
	}
}

// FuzzOpen opens ledgers that a mad server wrote: an error, or one that can be used, and no more than it has room for.
func FuzzOpen(f *testing.F) {
	f.Add(uint16(8), []byte{2}, uint16(0), []byte{})
	f.Add(uint16(200), []byte{255, 255, 255, 255, 255}, uint16(16384), []byte{1, 0, 0, 0})
	f.Add(uint16(1288), []byte{255, 255, 8, 0, 3, 0, 8, 0}, uint16(0), []byte{})
	f.Add(uint16(16+5*24), []byte{0, 16, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255}, uint16(0), []byte{})
	f.Fuzz(func(t *testing.T, at uint16, head []byte, where uint16, body []byte) {
		fd, err := create(small)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		unix.Pwrite(fd, head[:min(len(head), headSize)], int64(at%headSize))
		unix.Pwrite(fd, body[:min(len(body), headSize)], headSize+int64(where))
		l, err := Open(fd)
		if err != nil {
			return
		}
		defer l.Close()
		l.Handles(func(h Handle) { l.Text(h) })
		l.Backings(func(Backing) {})
		l.Init()
		l.Config()
		if n, err := l.EnterHandle(Handle{}, []byte("x")); err == nil {
			l.LeaveHandle(n)
		}
		l.BeginRequest(1, Found{}).End()
		for i := range l.Counters() {
			l.Counters()[i].Add(1)
		}
	})
}
