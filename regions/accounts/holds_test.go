package accounts

import "testing"

func TestHoldsAndShort(t *testing.T) {
	b := New(1, testRoot)
	b.SetSize(100, false)
	place(t, b, 2, 60)
	for _, x := range []struct {
		n    Node
		kind Kind
		id   uint64
		want int64
	}{{2, Mount, uint64(testRoot), 60}, {2, OfUser, 1, 60}, {2, OfOwner, 9, 60}, {2, OfUser, 2, 0}, {3, Mount, uint64(testRoot), 0}} {
		if got := b.Holds(x.n, x.kind, x.id).Of(Bytes); got != x.want {
			t.Errorf("%d holds %d of %s %d, want %d", x.n, got, x.kind, x.id, x.want)
		}
	}
	if a := b.Holds(2, OfUser, 1); a.Of(Regions) != 1 || a.Of(Nodes) != 1 || a.Of(Largest) != 0 {
		t.Errorf("it holds %+v", a)
	}
	b.SetLimits(Subject{Kind: OfUser, ID: 1}, &Limits{Regions: 1})
	for _, x := range []struct {
		kind Kind
		id   uint64
		what What
		more int64
		want int64
	}{
		{Mount, uint64(testRoot), Bytes, 50, 10}, {Mount, uint64(testRoot), Bytes, 40, 0}, {OfDirectory, uint64(testRoot), Bytes, 50, 10},
		{OfUser, 1, Regions, 1, 1}, {OfUser, 1, Bytes, 1 << 40, 0}, {OfUser, 77, Bytes, 1, 0}, {OfDirectory, 99, Nodes, 1, 0},
	} {
		if got := b.Short(x.kind, x.id, x.what, x.more); got != x.want {
			t.Errorf("%s %d would be short of %d %s, want %d", x.kind, x.id, got, x.what, x.want)
		}
	}
}
