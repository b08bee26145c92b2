package accounts

import "testing"

// place makes a region of a size in the root.
func place(t *testing.T, b *Book, n Node, size int64) {
	t.Helper()
	c, e := b.Make(testRoot, NewNode{Type: Region, Named: true, Owner: Owner{User: 1, Process: 9}})
	if e != nil {
		t.Fatal(e)
	}
	c.Made(n, Seen{Size: size}, Owner{User: 1, Process: 9})
}

func TestMemoryPastTheEnd(t *testing.T) {
	b := New(4, testRoot)
	b.SetSize(100, false)
	place(t, b, 2, 10)
	promised := func(what string, want int64) {
		t.Helper()
		if got := b.Mount().Used.Bytes; got != want {
			t.Errorf("%s: %d bytes are promised, want %d", what, got, want)
		}
	}
	promised("rounded", 12)
	if _, e := b.Allocated(2, 101); e == nil {
		t.Error("more than there is")
	}
	undo, e := b.Allocated(2, 50)
	if e != nil {
		t.Fatal(e)
	}
	promised("allocated", 52)
	undo()
	promised("not allocated after all", 12)
	if _, e = b.Allocated(2, 50); e != nil {
		t.Fatal(e)
	}
	set := func(size int64) {
		t.Helper()
		if _, e := b.Grow(2, size, size); e != nil {
			t.Fatal(e)
		}
		b.Settle(2, Seen{Size: size}, true)
	}
	set(20)
	promised("longer", 52)
	set(20)
	promised("as long", 20)
}

func TestUnseenGrowthCounts(t *testing.T) {
	b := New(1, testRoot)
	b.SetSize(100, false)
	place(t, b, 2, 10)
	seq := b.Sequence(2)
	b.See(2, seq, Seen{Size: 150, Resident: 7})
	if got := b.Mount().Used; got.Bytes != 150 || got.Resident != 7 || got.Size != 150 {
		t.Errorf("got %+v", got)
	}
	if _, e := b.Grow(2, 151, 151); e == nil || e.Holder != 1 || e.Holds != 150 {
		t.Errorf("got %+v", e)
	}
	b.Cancel(2)
	b.Grow(2, 20, 20)
	b.See(2, seq, Seen{Size: 1}) // read before
	b.Settle(2, Seen{Size: 20}, true)
	b.See(2, seq, Seen{Size: 1}) // read before
	if got := b.Mount().Used.Bytes; got != 20 {
		t.Errorf("%d bytes, want 20", got)
	}
}

func TestTwoChangesAtOnceAreLookedAtAgain(t *testing.T) {
	b := New(1, testRoot)
	place(t, b, 2, 0)
	b.Grow(2, 10, 10)
	b.Grow(2, 20, 20)
	if b.Settle(2, Seen{Size: 20}, true) {
		t.Error("the first one to end is not the last")
	}
	if got := b.Mount().Used.Bytes; got != 20 {
		t.Errorf("%d bytes while one is under way, want 20", got)
	}
	if !b.Settle(2, Seen{Size: 10}, true) {
		t.Error("nobody looks which of them came last")
	}
}

func TestAccountsOfProcessesEnd(t *testing.T) {
	b := New(1, testRoot)
	b.SetLimits(OfOwner, 9, &Limits{Regions: 1})
	place(t, b, 2, 5)
	if _, e := b.Make(testRoot, NewNode{Type: Region, Named: true, Owner: Owner{User: 1, Process: 9}}); e == nil || e.Kind != OfOwner {
		t.Errorf("a second region: %v", e)
	}
	if s, ok := b.Account(OfOwner, 9); !ok || s.Used.Bytes != 5 {
		t.Errorf("got %+v, %v", s, ok)
	}
	b.Unlinked(2, testRoot, false, false)
	b.Freed(2)
	if _, ok := b.Account(OfOwner, 9); ok {
		t.Error("a process that holds nothing is remembered")
	}
	if got := b.Mount().Used; got != (Amount{}) {
		t.Errorf("left: %+v", got)
	}
}

func TestSoftLimitIsToldOnce(t *testing.T) {
	b := New(1, testRoot)
	b.SetSettings(testRoot, Settings{Limits: Limits{SoftBytes: 10, SoftRegions: 3}}, false)
	grow := func(size int64) {
		b.Grow(2, size, size)
		b.Settle(2, Seen{Size: size}, true)
	}
	place(t, b, 2, 0)
	for _, x := range []struct {
		size int64
		told int
	}{{10, 0}, {11, 1}, {20, 0}, {5, 0}, {12, 1}} {
		grow(x.size)
		if got := b.Crossings(); len(got) != x.told {
			t.Errorf("at %d: told %+v", x.size, got)
		}
	}
}

func TestRoomOfNestedLimits(t *testing.T) {
	b := New(1, testRoot)
	b.SetSize(100, false)
	for n, parent := range map[Node]Node{2: testRoot} {
		c, _ := b.Make(parent, NewNode{Type: Directory, Named: true})
		c.Made(n, Seen{}, Owner{})
	}
	c, _ := b.Make(2, NewNode{Type: Directory, Named: true})
	c.Made(3, Seen{}, Owner{})
	b.SetSettings(2, Settings{Limits: Limits{Bytes: 60}}, false)
	b.SetSettings(3, Settings{Limits: Limits{Bytes: 80, Nodes: 4}}, false)
	place(t, b, 9, 70)
	for n, want := range map[Node]Room{
		testRoot: {Bytes: 100, BytesUsed: 70, HasBytes: true},
		2:        {Bytes: 30, HasBytes: true, Own: true},
		3:        {Bytes: 30, Nodes: 4, HasBytes: true, HasNodes: true, Own: true},
		9:        {Bytes: 100, BytesUsed: 70, HasBytes: true},
		77:       {Bytes: 100, BytesUsed: 70, HasBytes: true},
	} {
		if got := b.RoomAt(n); got != want {
			t.Errorf("%d: got %+v, want %+v", n, got, want)
		}
	}
	if b.Parent(3) != 2 || b.Parent(2) != testRoot || b.Parent(77) != testRoot {
		t.Error("parents are not known")
	}
}
