package accounts

import "testing"

func TestMost(t *testing.T) {
	b := New(1, testRoot)
	for _, n := range []Node{2, 3} {
		c, e := b.Make(testRoot, NewNode{Type: Directory, Named: true})
		if e != nil {
			t.Fatal(e)
		}
		c.Made(n, Seen{}, Owner{})
	}
	next := Node(10)
	put := func(dir Node, size int64, o Owner) {
		next++
		c, e := b.Make(dir, NewNode{Type: Region, Named: true, Owner: o})
		if e != nil {
			t.Fatal(e)
		}
		c.Made(next, Seen{Size: size}, o)
	}
	put(2, 100, Owner{User: 1, Group: 5, Process: 70, Cgroup: "/a/b"})
	put(3, 60, Owner{User: 2, Group: 5, Process: 71, Cgroup: "/a"})
	put(3, 60, Owner{User: 2, Group: 6, Process: 71, Cgroup: "/a"})
	put(2, 1, Owner{User: 2, Group: 6, Process: 72, Cgroup: "/a"})
	for range 2 * pause {
		put(testRoot, 0, Owner{User: 3})
	}
	user := func(n uint32) Subject { return Numbered(OfUser, n) }
	dir := func(n uint64) Subject { return Subject{Kind: OfDirectory, ID: n} }
	for _, x := range []struct {
		of     Subject
		what   What
		holder Subject
		amount int64
	}{
		{Subject{Kind: Mount}, Bytes, user(2), 121},
		{Subject{Kind: Mount}, Regions, user(3), 2 * pause},
		{dir(2), Bytes, user(1), 100},
		{dir(3), Nodes, user(2), 2},
		{user(2), Bytes, dir(3), 120},
		{user(2), Regions, dir(3), 2},
		{user(3), Regions, Subject{Kind: Mount, ID: uint64(testRoot)}, 2 * pause},
		{Numbered(OfGroup, 5), Bytes, user(1), 100},
		{Numbered(OfOwner, 71), Bytes, dir(3), 120},
		{Named(OfCgroup, "/a"), Bytes, Numbered(OfOwner, 71), 120},
		{Named(OfCgroup, "/a/b"), Bytes, Numbered(OfOwner, 70), 100},
	} {
		if got, ok := b.Most(x.of.Kind, x.of.ID, x.what); !ok || got != (Held{x.holder, x.amount}) {
			t.Errorf("%s of %+v: got %+v, %v, want %+v with %d", x.what, x.of, got, ok, x.holder, x.amount)
		}
	}
	for _, s := range []Subject{user(9), dir(9), Numbered(OfOwner, 9)} {
		if got, ok := b.Most(s.Kind, s.ID, Bytes); ok {
			t.Errorf("%+v holds nothing: got %+v", s, got)
		}
	}
}
