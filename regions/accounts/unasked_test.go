package accounts

import (
	"maps"
	"testing"
)

// What grows without asking counts; only what there is no room for is unasked, and what came last goes first.
func TestUnasked(t *testing.T) {
	b := New(4096, 1)
	b.SetSize(100<<12, true)
	make := func(n Node) {
		c, e := b.Make(1, NewNode{Type: Region, Named: true})
		if e != nil {
			t.Fatal(e)
		}
		c.Made(n, Seen{}, Owner{})
	}
	make(2)
	make(3)
	grows := func(n Node, pages int64) { b.See(n, b.Sequence(n), Seen{Size: pages << 12}) }
	ask := func(n Node, pages int64) bool {
		if _, e := b.Grow(n, pages<<12, pages<<12); e != nil {
			b.Cancel(n)
			return false
		}
		b.Settle(n, Seen{Size: pages << 12}, true)
		return true
	}
	for _, x := range []struct {
		what    string
		do      func()
		by      int64 // pages
		asked   int64
		unasked map[Node]int64
	}{
		{"asked for", func() { ask(2, 60) }, 0, 60, nil},
		{"within the size", func() { grows(3, 40) }, 0, 100, nil},
		{"half beyond it", func() { grows(3, 50) }, 10, 100, map[Node]int64{3: 10}},
		{"more", func() { grows(3, 55) }, 15, 100, map[Node]int64{3: 15}},
		{"another one", func() { grows(2, 61) }, 16, 100, map[Node]int64{3: 15, 2: 1}},
		{"refused", func() {
			if ask(2, 62) {
				t.Error("more was promised")
			}
		}, 16, 100, map[Node]int64{3: 15, 2: 1}},
		{"a bit less", func() { ask(3, 50) }, 11, 100, map[Node]int64{3: 10, 2: 1}},
		{"what came last is gone", func() { ask(3, 40) }, 1, 100, map[Node]int64{2: 1}},
		{"room again", func() { ask(3, 39) }, 0, 100, nil},
		{"and it stays asked for", func() { grows(3, 41) }, 2, 100, map[Node]int64{3: 2}},
		{"the end", func() { b.Unlinked(3, 1, false, false); b.Freed(3) }, 0, 61, nil},
	} {
		x.do()
		o, known := b.Overrun()
		if !known || o.By != x.by<<12 || o.Asked != x.asked<<12 {
			t.Errorf("%s: overrun by %d, %d asked for; want %d and %d", x.what, o.By>>12, o.Asked>>12, x.by, x.asked)
		}
		want := map[Node]int64{}
		for n, pages := range x.unasked {
			want[n] = pages << 12
		}
		if got := b.Unasked(); !maps.Equal(got, want) {
			t.Errorf("%s: unasked %v, want %v", x.what, got, want)
		}
	}
}

// Holes that count nothing are nobody's promise.
func TestNobodyAskedForFreeHoles(t *testing.T) {
	b := New(4096, 1)
	b.SetSize(100<<12, true)
	c, _ := b.Make(1, NewNode{Type: Directory})
	c.Made(2, Seen{}, Owner{})
	if b.HolesAreFree() {
		t.Error("holes are free before anybody said so")
	}
	b.SetSettings(2, Settings{Overcommit: OvercommitOn}, false)
	if !b.HolesAreFree() {
		t.Error("holes are not free")
	}
	c, _ = b.Make(2, NewNode{Type: Region, Named: true})
	c.Made(3, Seen{}, Owner{})
	b.See(3, b.Sequence(3), Seen{Size: 1 << 40, Resident: 120 << 12})
	if o, _ := b.Overrun(); o.By != 20<<12 || o.Asked != 100<<12 || b.Asked(3) != 0 {
		t.Errorf("overrun by %d pages, %d asked for, of the region %d", o.By>>12, o.Asked>>12, b.Asked(3)>>12)
	}
	b.Unlinked(3, 2, false, false)
	b.Freed(3)
	b.DirectoryRemoved(2)
	if b.HolesAreFree() {
		t.Error("holes are free in a directory that is gone")
	}
}
