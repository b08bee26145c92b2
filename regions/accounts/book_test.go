package accounts

import (
	"math"
	"testing"
)

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

func TestSecondCopiesCountForTheMount(t *testing.T) {
	b := New(4, testRoot)
	b.SetSize(100, false)
	b.SetLimits(Numbered(OfUser, 1), &Limits{Bytes: 60})
	b.Hold(2, 1) // before it is known
	place(t, b, 2, 0)
	grow := func(what string, end, least, want int64) {
		t.Helper()
		granted, e := b.Grow(2, end, least)
		if e != nil {
			granted = 0
			b.Cancel(2)
		} else {
			b.Settle(2, Seen{Size: granted}, true)
		}
		if granted != want {
			t.Errorf("%s: %d are granted (%v), want %d", what, granted, e, want)
		}
	}
	grow("more than half", 52, 52, 0)
	grow("as much as there is", 60, 1, 48) // whole units
	if got := b.Mount().Used; got.Bytes != 48 || got.Copies != 48 {
		t.Errorf("got %+v", got)
	}
	b.Hold(2, 1)
	b.Hold(2, -1)
	grow("held by one of two", 52, 52, 0)
	b.Hold(2, -1)
	b.Hold(2, -1)
	grow("held by nobody", 60, 60, 60)
	grow("more than the user's", 64, 64, 0)
	b.Hold(2, 1)
	if _, e := b.Make(testRoot, NewNode{Type: Other, Bytes: 4, Named: true, Owner: Owner{User: 2}}); e == nil || e.Kind != Mount || e.Twice != 60 {
		t.Errorf("beyond what the copies leave: %+v", e)
	}
	b.Unlinked(2, testRoot, false, false)
	b.Freed(2)
	if got := b.Mount().Used; got != (Amount{}) {
		t.Errorf("left: %+v", got)
	}
}

// Sums do not overflow, whatever sizes regions have.
func TestRegionsLargerThanAnyMemory(t *testing.T) {
	for _, size := range []int64{100, 0} {
		b := New(4096, testRoot)
		b.SetSize(size<<20, false)
		for n := range Node(9) {
			place(t, b, 2+n, 4096)
		}
		if size > 0 {
			for _, end := range []int64{math.MaxInt64, math.MaxInt64 - 4096, 1 << 62, 1 << 61} {
				if _, e := b.Grow(2, end, end); e == nil {
					t.Errorf("%d bytes are promised", end)
				}
				b.Cancel(2)
				if _, e := b.Allocated(2, end); e == nil {
					t.Errorf("%d bytes are allocated", end)
				}
			}
		}
		for n := range Node(8) { // unseen
			b.See(2+n, b.Sequence(2+n), Seen{Size: math.MaxInt64})
		}
		if _, e := b.Grow(10, 8192, 8192); e == nil || e.Kind != Mount || e.Used <= 0 {
			t.Errorf("size %d: a page more: %+v", size, e)
		}
		b.Cancel(10)
		for n := range Node(8) {
			b.See(2+n, b.Sequence(2+n), Seen{})
		}
		if got := b.Mount().Used.Bytes; got != 4096 {
			t.Errorf("size %d: %d bytes count, want 4096", size, got)
		}
	}
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
	if _, e := b.Grow(2, 151, 151); e == nil {
		t.Error("more than there is")
	}
	if most, ok := b.Most(Mount, 0, Bytes); !ok || most != (Held{Numbered(OfUser, 1), 150}) {
		t.Errorf("got %+v, %v", most, ok)
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
	b.SetLimits(Numbered(OfOwner, 9), &Limits{Regions: 1})
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

// What is reserved for a directory is room there, however full the mount is: as much as may be promised there.
func TestRoomOfReservations(t *testing.T) {
	b := New(1, testRoot)
	b.SetSize(100, false)
	for n, parent := range []Node{3: testRoot, 4: 3, 5: 4} {
		if parent != 0 {
			c, _ := b.Make(parent, NewNode{Type: Directory, Named: true})
			c.Made(Node(n), Seen{}, Owner{})
		}
	}
	b.SetSettings(3, Settings{Limits: Limits{Reserve: 40}}, false)
	b.SetSettings(4, Settings{Limits: Limits{Reserve: 30, Bytes: 35}}, false)
	place(t, b, 9, 60)
	for n, want := range map[Node]Room{
		testRoot: {Bytes: 100, BytesUsed: 100, HasBytes: true},
		3:        {Bytes: 100, BytesUsed: 90, HasBytes: true}, // 30 of its 40 are kept for 4
		4:        {Bytes: 35, HasBytes: true, Own: true},
		5:        {Bytes: 35, HasBytes: true, Own: true},
	} {
		got := b.RoomAt(n)
		if got != want {
			t.Errorf("%d: got %+v, want %+v", n, got, want)
		}
		for _, more := range []int64{1, 0} {
			c, e := b.Make(n, NewNode{Type: Region, Named: true, Bytes: got.Bytes - got.BytesUsed + more})
			if refused := e != nil; refused != (more > 0) {
				t.Errorf("%d: a region of %d bytes more than its room: refused %v (%v)", n, more, refused, e)
			}
			if c != nil {
				c.Undo()
			}
		}
	}
}

func TestGrowsAsFarAsThereIsRoom(t *testing.T) {
	b := New(4, testRoot)
	b.SetSize(32, false)
	place(t, b, 2, 6) // 8 are promised
	place(t, b, 3, 10)
	for _, x := range []struct{ end, least, want int64 }{
		{40, 6, 20}, // 12 are left over
		{40, 30, 0}, // less than that would be of no use
		{7, 6, 7},
	} {
		granted, e := b.Grow(2, x.end, x.least)
		if (e == nil) != (x.want > 0) || granted != x.want {
			t.Errorf("from 6 to %d, at least %d: granted %d (%v), want %d", x.end, x.least, granted, e, x.want)
		}
		if e != nil {
			b.Cancel(2)
		} else {
			b.Settle(2, Seen{Size: 6}, true)
		}
	}
	b.SetLimits(Numbered(OfUser, 1), &Limits{Largest: 9})
	if granted, e := b.Grow(2, 40, 6); e != nil || granted != 9 {
		t.Errorf("granted %d, %v, want the largest that one may be", granted, e)
	}
	b.Settle(2, Seen{Size: 6}, true)
	if granted, e := b.Grow(77, 1<<40, 0); e != nil || granted != 1<<40 {
		t.Errorf("one that is not known: %d, %v", granted, e)
	}
}

func TestOvercommit(t *testing.T) {
	b := New(1, testRoot)
	b.SetSize(100, false)
	c, _ := b.Make(testRoot, NewNode{Type: Directory, Named: true})
	c.Made(2, Seen{}, Owner{})
	if e := b.SetSettings(2, Settings{Overcommit: OvercommitOn}, false); e != nil {
		t.Fatal(e)
	}
	c, _ = b.Make(2, NewNode{Type: Region, Named: true})
	c.Made(3, Seen{}, Owner{})
	if _, e := b.Grow(3, 1000, 1000); e != nil {
		t.Errorf("a hole: %v", e)
	}
	b.Settle(3, Seen{Size: 1000, Resident: 7}, true)
	used := func(want int64) {
		t.Helper()
		if got := b.Mount().Used.Bytes; got != want {
			t.Errorf("%d bytes count, want %d", got, want)
		}
	}
	used(7)
	if !b.Overcommits(2) || b.Overcommits(testRoot) {
		t.Error("overcommit is the directory's")
	}
	b.SetSettings(2, Settings{Overcommit: OvercommitOff}, false)
	used(1000)
	b.SetSettings(2, Settings{}, false)
	b.SetHabits(WritesFast, true)
	used(7)
	if got := b.WritesAt(3); got != WritesFast {
		t.Errorf("writes %d, want those of the mount", got)
	}
	b.SetHabits(WritesAuto, false)
	used(1000)
}

// Two directories of which one counts holes have nothing to do with each other.
func TestHolesDoNotMove(t *testing.T) {
	b := New(1, testRoot)
	b.SetSize(100, false)
	for n, dir := range map[Node]Node{2: testRoot, 3: testRoot, 4: testRoot} {
		c, _ := b.Make(dir, NewNode{Type: Directory, Named: true})
		c.Made(n, Seen{}, Owner{})
	}
	b.SetSettings(2, Settings{Overcommit: OvercommitOn}, false)
	b.SetSettings(4, Settings{Overcommit: OvercommitOn}, false)
	c, _ := b.Make(2, NewNode{Type: Directory, Named: true})
	c.Made(5, Seen{}, Owner{})
	c, _ = b.Make(2, NewNode{Type: Region, Named: true})
	c.Made(9, Seen{Size: 1000}, Owner{})
	for what, ask := range map[string]func() (*Claim, *Exceeded){
		"a region":           func() (*Claim, *Exceeded) { return b.Move(9, 2, 3, Region) },
		"a directory":        func() (*Claim, *Exceeded) { return b.Move(5, 2, 3, Directory) },
		"a directory, there": func() (*Claim, *Exceeded) { return b.Move(3, testRoot, 2, Directory) },
		"a link":             func() (*Claim, *Exceeded) { return b.Link(9, 3) },
	} {
		if _, e := ask(); e == nil || e.What != Holes {
			t.Errorf("%s: %+v", what, e)
		}
	}
	for _, ask := range []func() (*Claim, *Exceeded){
		func() (*Claim, *Exceeded) { return b.Move(9, 2, 4, Region) },
		func() (*Claim, *Exceeded) { return b.Move(4, testRoot, 3, Directory) }, // it says so itself
	} {
		c, e := ask()
		if e != nil {
			t.Fatal(e)
		}
		c.Keep()
	}
	b.Unlinked(9, 4, false, false)
	b.See(9, b.Sequence(9), Seen{Size: 1000, Resident: 3})
	if got := b.Mount().Used.Bytes; got != 3 {
		t.Errorf("%d bytes count of a region that is about to go, want 3", got)
	}
}

func TestWritesWhereThereAreLimits(t *testing.T) {
	b := New(1, testRoot)
	for n, s := range map[Node]Settings{
		2: {Limits: Limits{Bytes: 5}}, 3: {Limits: Limits{Regions: 5}}, 4: {Limits: Limits{Reserve: 5}},
		5: {Overcommit: OvercommitOn}, 6: {Limits: Limits{Bytes: 5}, Writes: WritesFast},
	} {
		c, _ := b.Make(testRoot, NewNode{Type: Directory, Named: true})
		c.Made(n, Seen{}, Owner{})
		if e := b.SetSettings(n, s, false); e != nil {
			t.Fatal(e)
		}
	}
	for n, want := range map[Node]Writes{testRoot: WritesAuto, 2: WritesStrict, 3: WritesAuto, 4: WritesStrict, 5: WritesFast, 6: WritesFast} {
		if got := b.WritesAt(n); got != want {
			t.Errorf("%d: got %d, want %d", n, got, want)
		}
	}
	place(t, b, 9, 0)
	b.SetDefaults(OfUser, Limits{Bytes: 100})
	if got := b.WritesAt(9); got != WritesStrict {
		t.Errorf("of a user with a limit: got %d", got)
	}
	b.SetDefaults(OfUser, Limits{})
	if got := b.WritesAt(9); got != WritesAuto {
		t.Errorf("of a user without one: got %d", got)
	}
	if _, e := b.Link(9, 2); e != nil {
		t.Fatal(e)
	}
	if got := b.WritesAt(9); got != WritesStrict {
		t.Errorf("of a region with a second name where there is a limit: got %d", got)
	}
	if got := b.Limited(); len(got) != 6 || got[0].Kind != Mount {
		t.Errorf("got %+v", got)
	}
}

func TestSizeBelowWhatIsPromised(t *testing.T) {
	b := New(1, testRoot)
	place(t, b, 2, 50)
	if e := b.SetSize(49, false); e == nil || e.Used != 50 {
		t.Errorf("got %+v", e)
	}
	if e := b.SetSize(49, true); e != nil {
		t.Errorf("forced: %v", e)
	}
	if e := b.SetSize(0, false); e != nil || b.Mount().Settings.Bytes != 0 {
		t.Errorf("no limit: %v", e)
	}
}

func TestDirectoryWithTooLargeRegions(t *testing.T) {
	b := New(1, testRoot)
	for _, n := range []Node{2, 3} {
		c, _ := b.Make(testRoot, NewNode{Type: Directory, Named: true})
		c.Made(n, Seen{}, Owner{})
	}
	c, _ := b.Make(2, NewNode{Type: Region, Named: true})
	c.Made(9, Seen{Size: 10}, Owner{})
	b.SetSettings(3, Settings{Limits: Limits{Largest: 9}}, false)
	if _, e := b.Move(2, testRoot, 3, Directory); e == nil || e.What != Largest {
		t.Errorf("the directory: %v", e)
	}
	if _, e := b.Move(9, 2, 3, Region); e == nil || e.What != Largest {
		t.Errorf("the region: %v", e)
	}
	if _, e := b.Link(9, 3); e == nil || e.What != Largest {
		t.Errorf("a link: %v", e)
	}
	b.DirectoryRemoved(3)
	if got := b.Mount().Used.Directories; got != 1 {
		t.Errorf("%d directories, want 1", got)
	}
}

func TestWhatWasThereBefore(t *testing.T) {
	b := New(4, testRoot)
	b.Expect()
	b.FoundDirectory(2, testRoot, Settings{}, 0)
	b.FoundDirectory(2, testRoot, Settings{}, 0)
	b.Found(3, 2, Region, Seen{Size: 5, Resident: 16}, Owner{User: 1}, 2)
	b.Found(3, testRoot, Region, Seen{Size: 5, Resident: 16}, Owner{User: 1}, 2) // another name
	b.Found(4, 2, Other, Seen{Resident: 4}, Owner{}, 1)
	b.FoundNameless(5, 77, Seen{Size: 4}, Owner{User: 1})
	if known, whole := b.Known(3); !known || whole {
		t.Error("all names of a region are known before everything is found")
	}
	b.Adopted()
	want := Amount{Bytes: 16 + 4 + 4, Size: 5, Resident: 20, Unlinked: 4, Regions: 1, Directories: 1, Nodes: 4}
	if got := b.Mount().Used; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := b.Accounts(OfDirectory); len(got) != 1 || got[0].Used.Bytes != 20 {
		t.Errorf("got %+v", got)
	}
	if !b.IsNameless(5) || b.IsNameless(3) || b.Unnamed() != 1 {
		t.Error("who has a name is not known")
	}
	if known, whole := b.Known(3); !known || !whole {
		t.Error("not all names of a region are known")
	}
	if known, _ := b.Known(77); known {
		t.Error("what is not there is known")
	}
	c, e := b.Link(5, 2)
	if e != nil {
		t.Fatal(e)
	}
	c.Keep()
	if b.IsNameless(5) || b.Unnamed() != 0 {
		t.Error("a name came, and is not known")
	}
	b.Unlinked(3, testRoot, true, false)
	b.Unlinked(3, 2, false, true)
	if got := b.Mount().Used; got.Unlinked != 16 || got.Regions != 1 || b.Dying() != 0 {
		t.Errorf("got %+v", got)
	}
	for _, k := range []Kind{Mount, OfDirectory, OfUser, OfGroup, OfOwner, OfCgroup} {
		if got, ok := ParseKind(k.String()); !ok || got != k {
			t.Errorf("%v is read as %v, %t", k, got, ok)
		}
	}
}
