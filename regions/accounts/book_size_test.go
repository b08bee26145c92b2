package accounts

import (
	"testing"
	"unsafe"
)

// A mount may hold millions of regions, each with one of these.
func TestFileIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(file{}); got > 64 {
		t.Errorf("%d bytes a file, want 64 at most", got)
	}
}

// What is made by the same process has the same owners once, and others have others.
func TestOwnersAreShared(t *testing.T) {
	b := New(4096, 1)
	made := func(n Node, o Owner) *owners {
		c, e := b.Make(1, NewNode{Type: Region, Named: true, Owner: o})
		if e != nil {
			t.Fatal(e)
		}
		c.Made(n, Seen{}, o)
		return b.files[n].owners
	}
	a := Owner{User: 1, Group: 2, Process: 3, Cgroup: "/job"}
	first := made(2, a)
	if made(3, a) != first {
		t.Error("the same owners are there twice")
	}
	a.Labels = []string{"run=7"}
	if other := made(4, a); other == first || other[OfLabel-OfUser].name != "run=7" || b.files[2].owners[OfLabel-OfUser] != nil {
		t.Errorf("with a label: %v, without one: %v", other, first)
	}
}
