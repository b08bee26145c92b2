package accounts

import (
	"slices"
	"testing"
)

// What passes a soft limit is told once, until it is below again, whatever is done above it.
func TestSoftLimitIsToldOnce(t *testing.T) {
	const soft Node = 2
	b := New(1, testRoot)
	for n, parent := range map[Node]Node{soft: testRoot, 3: testRoot} {
		c, _ := b.Make(parent, NewNode{Type: Directory, Named: true})
		c.Made(n, Seen{}, Owner{})
	}
	b.SetSettings(soft, Settings{Limits: Limits{SoftBytes: 10, SoftRegions: 1}}, false)
	create := func(n Node, named bool, size int64) {
		o := Owner{User: 1, Process: 9}
		c, _ := b.Make(soft, NewNode{Type: Region, Named: named, Owner: o})
		c.Made(n, Seen{Size: size}, o)
	}
	keep := func(c *Claim, e *Exceeded) {
		if e != nil {
			t.Fatal(e)
		}
		c.Keep()
	}
	resize := func(n Node, size int64) func() {
		return func() {
			b.Grow(n, size, size)
			b.Settle(n, Seen{Size: size}, true)
		}
	}
	for _, x := range []struct {
		what string
		do   func()
		told []What
	}{
		{"up to it", func() { create(10, true, 10) }, nil},
		{"above it", resize(10, 11), []What{Bytes}},
		{"more", resize(10, 30), nil},
		{"another region", func() { create(11, true, 20) }, []What{Regions}},
		{"a name more", func() { keep(b.Link(11, soft)) }, nil},
		{"a name less", func() { b.Unlinked(11, soft, true, false) }, nil},
		{"mapped through a cache", func() { b.Hold(11, 1) }, nil},
		{"a name elsewhere", func() { keep(b.Move(11, soft, 3, Region)) }, nil},
		{"one region again", func() { keep(b.Move(11, 3, soft, Region)) }, []What{Regions}},
		{"somebody else's", func() { keep(b.Chown(11, Owner{User: 2, Group: 2})) }, nil},
		{"no name, and in use", func() { b.Unlinked(11, soft, false, true) }, nil},
		{"a name again", func() { keep(b.Link(11, soft)) }, []What{Regions}},
		{"replaced", func() {
			create(12, true, 20)
			_, err := b.Rename(Renaming{Node: 12, Other: 11, From: soft, To: soft}, func() error { return nil })
			if err != nil {
				t.Fatal(err)
			}
		}, nil},
		{"made without a name", func() { create(13, false, 1) }, nil},
		{"below", resize(12, 0), nil},
		{"and below", resize(10, 0), nil},
		{"above it again", resize(10, 20), []What{Bytes}},
	} {
		x.do()
		var told []What
		for _, c := range b.Crossings() {
			told = append(told, c.What)
		}
		if !slices.Equal(told, x.told) {
			t.Errorf("%s: told %v, want %v", x.what, told, x.told)
		}
	}
}
