package regions

import "testing"

// The walk and a request tell of the same node in any order, and the sums are the same.
func TestAdoptionMeetsRequests(t *testing.T) {
	dir := Attr{Node: MakeNodeID(1, 7), Mode: TypeDir | 0o755, Nlink: 2}
	region := Attr{Node: MakeNodeID(1, 8), Mode: TypeRegular | 0o644, Nlink: 1, Size: 10}
	grown, gone := region, region
	grown.Size, gone.Nlink = 30, 0
	noDir := dir
	noDir.Nlink = 0
	for _, x := range []struct {
		name  string
		steps func(b *books)
		want  Totals
	}{
		{"found only", func(b *books) { b.found(&dir); b.found(&region) }, Totals{Regions: 1, Directories: 1, Bytes: 10}},
		{"made, then found", func(b *books) { b.made(&dir); b.made(&region); b.found(&dir); b.found(&region) },
			Totals{Regions: 1, Directories: 1, Bytes: 10}},
		{"found, then told as made", func(b *books) { b.found(&dir); b.found(&region); b.made(&dir); b.made(&region) },
			Totals{Regions: 1, Directories: 1, Bytes: 10}},
		{"found twice, because it moved", func(b *books) { b.found(&dir); b.found(&dir); b.found(&region); b.found(&region) },
			Totals{Regions: 1, Directories: 1, Bytes: 10}},
		{"removed, then found", func(b *books) { b.removed(&noDir); b.removed(&gone); b.found(&dir); b.found(&region) }, Totals{}},
		{"found, then removed", func(b *books) { b.found(&dir); b.found(&region); b.removed(&noDir); b.removed(&gone) }, Totals{}},
		{"grown after it was found", func(b *books) { b.found(&region); b.seen(&grown) }, Totals{Regions: 1, Bytes: 30}},
		{"made and removed", func(b *books) { b.made(&dir); b.removed(&noDir); b.found(&dir) }, Totals{}},
	} {
		b := newBooks()
		b.expect()
		x.steps(b)
		b.complete()
		if got := b.totals(); got != x.want {
			t.Errorf("%s: %+v, want %+v", x.name, got, x.want)
		}
		b.forgetNews(1)
		b.made(&Attr{Node: MakeNodeID(1, 9), Mode: TypeDir})
		if got := b.totals().Directories; got != x.want.Directories+1 {
			t.Errorf("%s: %d directories after one more, want %d", x.name, got, x.want.Directories+1)
		}
	}
}

// A region that changed before the walk told of it is looked at again.
func TestAdoptionReadsAgain(t *testing.T) {
	region := Attr{Node: MakeNodeID(1, 8), Mode: TypeRegular, Nlink: 1, Size: 10}
	b := newBooks()
	b.expect()
	if b.grown(region.Node, 20); !b.found(&region) {
		t.Error("what the walk found of a region that has grown since is taken as it is")
	}
	b.complete()
}
