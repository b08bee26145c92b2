package accounts

import "testing"

func TestExtendedAttributesCount(t *testing.T) {
	b := New(4, testRoot)
	b.Expect()
	b.FoundDirectory(2, testRoot, Settings{Limits: Limits{Bytes: 40}}, 5)
	b.Found(3, 2, Region, Seen{Size: 6, Xattrs: 7}, Owner{User: 1}, 1)
	b.Adopted()
	holds := func(what string, dir, user, unlinked int64) {
		t.Helper()
		d, _ := b.Account(OfDirectory, 2)
		u, _ := b.Account(OfUser, 1)
		if d.Used.Bytes != dir || u.Used.Bytes != user || u.Used.Unlinked != unlinked || b.Mount().Used.Bytes != dir {
			t.Errorf("%s: the directory holds %d, the user %d, %d of them without a name; want %d, %d, %d", what, d.Used.Bytes,
				u.Used.Bytes, u.Used.Unlinked, dir, user, unlinked)
		}
	}
	holds("found", 20, 15, 0)
	if e := b.AddXattrs(2, 21, false); e == nil || e.Kind != OfDirectory || e.What != Bytes {
		t.Errorf("more than the directory may hold: %+v", e)
	}
	if e := b.AddXattrs(3, 21, false); e == nil {
		t.Error("more than the region's directory may hold")
	}
	for n, bytes := range map[Node]int64{2: 3, 3: 10, testRoot: 1000, 77: 1000} {
		if e := b.AddXattrs(n, bytes, false); e != nil {
			t.Errorf("%d bytes at %d: %v", bytes, n, e)
		}
	}
	holds("more", 33, 25, 0)
	b.Unlinked(3, 2, false, true)
	b.AddXattrs(3, -4, true)
	holds("without a name", 29, 21, 21)
	b.Freed(3)
	holds("gone", 8, 0, 0)
	b.DirectoryRemoved(2)
	if got := b.Mount().Used; got != (Amount{}) {
		t.Errorf("left: %+v", got)
	}
}
