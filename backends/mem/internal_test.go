package mem

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/shmfs/shmfs/regions"
)

// ErrStore stands for a system that has no memory left.
var errStore = errors.New("no memory object")

// brokenStore makes objects of which every write fails, or none at all.
type brokenStore struct{ none bool }

type brokenMemory struct{ heapMemory }

func (s brokenStore) Allocate() (regions.Memory, error) {
	if s.none {
		return nil, errStore
	}
	return &brokenMemory{}, nil
}

func (*brokenMemory) WriteAt([]byte, int64) (int, error) { return 0, errStore }

func (*brokenMemory) Truncate(int64) error { return errStore }

func (*brokenMemory) Allocate(int64, int64, regions.AllocateMode) error { return errStore }

func make1(t *testing.T, a *Arena, name string) (regions.Attr, regions.File) {
	t.Helper()
	at, err := a.Make(regions.RootNode, name, regions.Spec{Mode: regions.TypeRegular | 0o600})
	if err != nil {
		t.Fatal(err)
	}
	f, err := a.Open(at.Node, regions.ReadAccess|regions.WriteAccess)
	if err != nil {
		t.Fatal(err)
	}
	return at, f
}

func TestStoreErrorsAreToldAndCostNothing(t *testing.T) {
	a := New(Options{Store: brokenStore{none: true}})
	before, _ := a.Usage(regions.RootNode)
	if _, err := a.Make(regions.RootNode, "f", regions.Spec{Mode: regions.TypeRegular}); !errors.Is(err, errStore) {
		t.Errorf("make: %v", err)
	}
	if _, err := a.MakeTemp(regions.RootNode, regions.Spec{Mode: regions.TypeRegular}); !errors.Is(err, errStore) {
		t.Errorf("temp: %v", err)
	}
	if after, _ := a.Usage(regions.RootNode); after != before {
		t.Errorf("usage %+v, want %+v", after, before)
	}

	a = New(Options{Store: brokenStore{}})
	at, f := make1(t, a, "f")
	if n, err := f.WriteAt([]byte("x"), 0); n != 0 || !errors.Is(err, errStore) {
		t.Errorf("write: %d, %v", n, err)
	}
	if err := f.Truncate(1); !errors.Is(err, errStore) {
		t.Errorf("truncate: %v", err)
	}
	if err := f.Allocate(0, 1, 0); !errors.Is(err, errStore) {
		t.Errorf("allocate: %v", err)
	}
	if _, err := a.Setattr(at.Node, regions.Change{Set: regions.SetSize, Size: 5}); !errors.Is(err, errStore) {
		t.Errorf("setattr: %v", err)
	}
	got, _ := a.Getattr(at.Node)
	if u, _ := a.Usage(regions.RootNode); u.BytesUsed != 0 || got.Size != 0 {
		t.Errorf("after refusals: usage %+v, size %d", u, got.Size)
	}
}

// TestInodeNumbersComeRound lets the numbers begin anew: those in use, 0 and the root's are left out, and the
// generation is another.
func TestInodeNumbersComeRound(t *testing.T) {
	a := New(Options{})
	first, _ := make1(t, a, "first")
	a.last = regions.MakeNodeID(first.Node.Generation(), math.MaxUint32-1)
	seen := map[uint32]bool{1: true, first.Node.Ino(): true}
	for _, name := range []string{"a", "b", "c"} {
		at, _ := make1(t, a, name)
		if at.Node.Virtual() || seen[at.Node.Ino()] {
			t.Fatalf("%s is %v", name, at.Node)
		}
		seen[at.Node.Ino()] = true
		if name != "a" && at.Node.Generation() != first.Node.Generation()+1 {
			t.Errorf("%s is %v, of the generation of %v", name, at.Node, first.Node)
		}
	}
}

func TestClockIsTheOneGiven(t *testing.T) {
	now := time.Unix(1000, 5)
	a := New(Options{Now: func() time.Time { return now }})
	at, f := make1(t, a, "f")
	now = now.Add(time.Minute)
	f.WriteAt([]byte("x"), 0)
	got, _ := a.Getattr(at.Node)
	want := at
	want.Mtime, want.Ctime = regions.TimestampOf(now), regions.TimestampOf(now)
	want.Size, want.Blocks = 1, 8
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestReadingChangesAtimeAsRelatimeDoes: once after a change, then once a day.
func TestReadingChangesAtimeAsRelatimeDoes(t *testing.T) {
	now := time.Unix(1000, 0)
	a := New(Options{Now: func() time.Time { return now }})
	at, f := make1(t, a, "f")
	read := func() regions.Timestamp {
		f.ReadAt(make([]byte, 1), 0)
		got, _ := a.Getattr(at.Node)
		return got.Atime
	}
	for _, step := range []struct {
		after   time.Duration
		changes bool
	}{{time.Second, true}, {time.Second, false}, {23 * time.Hour, false}, {time.Hour, true}, {time.Second, false}} {
		before, _ := a.Getattr(at.Node)
		now = now.Add(step.after)
		if changed := read() != before.Atime; changed != step.changes {
			t.Errorf("%v later: atime changes: %t, want %t", step.after, changed, step.changes)
		}
	}
}

func TestNamesThatNoKernelAsksFor(t *testing.T) {
	a := New(Options{})
	for name, want := range map[string]regions.Code{
		"": regions.NotFound, ".": regions.Invalid, "..": regions.Invalid, "a/b": regions.Invalid, "a\x00": regions.Invalid,
	} {
		if _, err := a.Lookup(regions.RootNode, name); !errors.Is(err, want) {
			t.Errorf("lookup of %q: %v, want %v", name, err, want)
		}
	}
	for _, mode := range []uint32{0, regions.TypeMask} {
		if _, err := a.Make(regions.RootNode, "x", regions.Spec{Mode: mode}); !errors.Is(err, regions.Invalid) {
			t.Errorf("make of type %o: %v", mode, err)
		}
	}
	if _, err := a.MakeTemp(regions.RootNode, regions.Spec{Mode: regions.TypeDir}); !errors.Is(err, regions.Invalid) {
		t.Errorf("temp directory: %v", err)
	}
	fifo, _ := a.Make(regions.RootNode, "p", regions.Spec{Mode: regions.TypeFIFO})
	if _, err := a.Open(fifo.Node, regions.ReadAccess); !errors.Is(err, regions.NoDevice) {
		t.Errorf("open of a FIFO: %v", err)
	}
	if _, err := a.Setattr(fifo.Node, regions.Change{Set: regions.SetSize}); !errors.Is(err, regions.Invalid) {
		t.Errorf("size of a FIFO: %v", err)
	}
	if err := a.Setxattr(fifo.Node, "trusted.a", nil, 8); !errors.Is(err, regions.Invalid) {
		t.Errorf("unknown xattr flag: %v", err)
	}
}

func TestClosedIsBadHandle(t *testing.T) {
	a := New(Options{})
	_, f := make1(t, a, "f")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, read := f.ReadAt(make([]byte, 1), 0)
	_, seek := f.SeekExtent(0, true)
	d, _ := a.OpenDir(regions.RootNode)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, dots := d.Dots()
	list := d.Read(0, false, func(regions.Entry) bool { return true })
	for what, err := range map[string]error{
		"close": f.Close(), "read": read, "seek": seek, "truncate": f.Truncate(0), "allocate": f.Allocate(0, 1, 0),
		"closedir": d.Close(), "dots": dots, "readdir": list,
	} {
		if !errors.Is(err, regions.BadHandle) {
			t.Errorf("%s after close: %v", what, err)
		}
	}
}

// TestNothingIsTakenForTheDead: what still runs when the last reference goes leaves nothing behind.
func TestNothingIsTakenForTheDead(t *testing.T) {
	a := New(Options{Bytes: 1 << 20, Nodes: 10})
	at, f := make1(t, a, "f")
	n, _ := a.get(at.Node)
	a.Remove(regions.RootNode, "f", false)
	a.Drop(at.Node)
	late := &file{arena: a, node: n, access: regions.WriteAccess}
	f.Close()
	if _, err := late.WriteAt([]byte("x"), 0); !errors.Is(err, regions.BadHandle) {
		t.Errorf("write: %v", err)
	}
	if err := late.Allocate(0, 1, 0); !errors.Is(err, regions.BadHandle) {
		t.Errorf("allocate: %v", err)
	}
	if err := a.setPlain(n, "user.a", nil, 0); !errors.Is(err, regions.Stale) {
		t.Errorf("setxattr: %v", err)
	}
	if u, _ := a.Usage(regions.RootNode); u.BytesUsed != 0 || u.NodesUsed != 1 {
		t.Errorf("usage %+v", u)
	}
}

func TestPathOfWhatHasNone(t *testing.T) {
	a := New(Options{})
	at, _ := a.MakeTemp(regions.RootNode, regions.Spec{Mode: regions.TypeRegular})
	if _, err := a.Path(at.Node); !errors.Is(err, regions.NotFound) {
		t.Errorf("path of a temp: %v", err)
	}
	a.Link(at.Node, regions.RootNode, "one")
	a.Link(at.Node, regions.RootNode, "two")
	if p, err := a.Path(at.Node); p != "two" || err != nil {
		t.Errorf("path %q, %v; want the last one given", p, err)
	}
	a.Remove(regions.RootNode, "two", false)
	if p, err := a.Path(at.Node); p != "one" || err != nil {
		t.Errorf("path %q, %v; want the one that is left", p, err)
	}
}

func TestNoSpaceLeavesNothingHalfMade(t *testing.T) {
	a := New(Options{Bytes: pageSize, Nodes: 4})
	_, f := make1(t, a, "f")
	f.WriteAt(make([]byte, pageSize), 0)
	long := regions.Spec{Mode: regions.TypeSymlink, Target: string(make([]byte, 200))}
	_, err := a.Make(regions.RootNode, "s", long)
	var refusal *regions.Refusal
	if !errors.As(err, &refusal) || refusal.Code != regions.NoSpace || refusal.Reason == "" || refusal.Remedy == "" {
		t.Errorf("symlink without a page left: %v", err)
	}
	make1(t, a, "g")
	_, err = a.Rename(regions.Rename{Dir: 1, Name: "f", NewDir: 1, NewName: "h", Flags: regions.RenameWhiteout})
	if err != nil {
		t.Errorf("whiteout with the last node: %v", err)
	}
	_, err = a.Rename(regions.Rename{Dir: 1, Name: "g", NewDir: 1, NewName: "i", Flags: regions.RenameWhiteout})
	if !errors.Is(err, regions.NoSpace) {
		t.Errorf("whiteout without a node left: %v", err)
	}
	if _, err := a.Lookup(regions.RootNode, "g"); err != nil {
		t.Errorf("after a refused rename: %v", err)
	}
}

func TestUnlimitedIsNoLimit(t *testing.T) {
	for _, none := range []int64{0, regions.Unlimited, regions.Unlimited - 1} {
		a := New(Options{Bytes: none, Nodes: none})
		if u, _ := a.Usage(regions.RootNode); u.Bytes != 0 || u.Nodes != 0 {
			t.Errorf("limit %d: %+v", none, u)
		}
		_, f := make1(t, a, "f")
		if err := f.Allocate(0, allocateMax+1, regions.AllocateKeepSize); !errors.Is(err, regions.NoMemory) {
			t.Errorf("allocation of all there is: %v", err)
		}
		if u, _ := a.Usage(regions.RootNode); u.BytesUsed != 0 {
			t.Errorf("after it: %+v", u)
		}
	}
}

// TestDirectoryForgetsGaps: names that are gone take no room for ever.
func TestDirectoryForgetsGaps(t *testing.T) {
	a := New(Options{})
	root, _ := a.get(regions.RootNode)
	for _, name := range []string{"first", "b", "c", "d", "e", "last"} {
		make1(t, a, name)
	}
	for range 1000 {
		make1(t, a, "x")
		at, _ := a.Remove(regions.RootNode, "x", false)
		a.Drop(at.Node)
	}
	for _, name := range []string{"b", "c", "d", "e"} {
		a.Remove(regions.RootNode, name, false)
	}
	if got := len(root.dir.order); got > 3 {
		t.Errorf("%d places for 2 entries", got)
	}
}
