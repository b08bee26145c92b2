package regions

import (
	"sync"
	"testing"
	"time"
)

func TestBooksAreExact(t *testing.T) {
	b := newBooks()
	region := Attr{Node: 5, Mode: TypeRegular, Nlink: 1, Size: 100}
	for _, step := range []struct {
		what string
		do   func()
		want Totals
	}{
		{"made", func() { b.made(&region) }, Totals{Regions: 1, Bytes: 100}},
		{"made again, larger", func() { b.made(&Attr{Node: 5, Mode: TypeRegular, Size: 150}) }, Totals{Regions: 1, Bytes: 150}},
		{"resized", func() { b.resized(5, 30) }, Totals{Regions: 1, Bytes: 30}},
		{"grown to less", func() { b.grown(5, 20) }, Totals{Regions: 1, Bytes: 30}},
		{"grown", func() { b.grown(5, 70) }, Totals{Regions: 1, Bytes: 70}},
		{"seen", func() { b.seen(&region) }, Totals{Regions: 1, Bytes: 100}},
		{"another seen that has no name", func() { b.seen(&Attr{Node: 6, Mode: TypeRegular, Size: 9}) }, Totals{Regions: 1, Bytes: 100}},
		{"another resized", func() { b.resized(6, 9) }, Totals{Regions: 1, Bytes: 100}},
		{"a directory", func() { b.made(&Attr{Node: 7, Mode: TypeDir}) }, Totals{Regions: 1, Directories: 1, Bytes: 100}},
		{"a symlink", func() { b.made(&Attr{Node: 8, Mode: TypeSymlink, Size: 5}) }, Totals{Regions: 1, Directories: 1, Others: 1, Bytes: 100}},
		{"one name of two gone", func() { b.removed(&Attr{Node: 5, Mode: TypeRegular, Nlink: 1}) }, Totals{Regions: 1, Directories: 1, Others: 1, Bytes: 100}},
		{"nothing replaced", func() { b.removed(&Attr{}) }, Totals{Regions: 1, Directories: 1, Others: 1, Bytes: 100}},
		{"a directory moved", func() { b.removed(&Attr{Node: 7, Mode: TypeDir, Nlink: 2}) }, Totals{Regions: 1, Directories: 1, Others: 1, Bytes: 100}},
		{"directory removed", func() { b.removed(&Attr{Node: 7, Mode: TypeDir}) }, Totals{Regions: 1, Others: 1, Bytes: 100}},
		{"symlink removed", func() { b.removed(&Attr{Node: 8, Mode: TypeSymlink}) }, Totals{Regions: 1, Bytes: 100}},
		{"last name gone", func() { b.removed(&Attr{Node: 5, Mode: TypeRegular}) }, Totals{}},
		{"removed twice", func() { b.removed(&Attr{Node: 5, Mode: TypeRegular}) }, Totals{}},
		{"a late attribute", func() { b.seen(&region) }, Totals{}},
	} {
		step.do()
		if got := b.totals(); got != step.want {
			t.Errorf("%s: %+v, want %+v", step.what, got, step.want)
		}
	}
}

func TestBooksKnowUseAndPrivileges(t *testing.T) {
	b := newBooks()
	b.made(&Attr{Node: 5, Mode: TypeRegular | 0o755})
	if set, known := b.setID(5); set || !known {
		t.Errorf("set-id of a plain region: %t, known %t", set, known)
	}
	b.seen(&Attr{Node: 5, Mode: TypeRegular | 0o4755})
	if set, known := b.setID(5); !set || !known {
		t.Errorf("set-id after chmod: %t, known %t", set, known)
	}
	if _, known := b.setID(6); known {
		t.Error("a region that was never seen is known")
	}
	if got := b.lastUsed(5); !got.IsZero() {
		t.Errorf("used at %v before it was", got)
	}
	now := time.Unix(1700000000, 500)
	b.touched(5, now)
	if got := b.lastUsed(5); !got.Equal(time.Unix(1700000000, 0)) {
		t.Errorf("used at %v, want %v", got, now)
	}
	b.resized(5, 10)
	b.made(&Attr{Node: 5, Mode: TypeRegular})
	if got := b.lastUsed(5); got.IsZero() {
		t.Error("a new size made the use forgotten")
	}
	b.touched(6, now)
	if got := b.lastUsed(6); !got.IsZero() {
		t.Errorf("a region without a name was used at %v", got)
	}
}

func TestBooksAtOnce(t *testing.T) {
	b := newBooks()
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 1000 {
				n := MakeNodeID(uint32(w), uint32(i%50+1))
				b.made(&Attr{Node: n, Mode: TypeRegular, Size: int64(i)})
				b.grown(n, int64(2*i))
				b.totals()
				b.removed(&Attr{Node: n, Mode: TypeRegular})
			}
		})
	}
	all.Wait()
	if got := b.totals(); got != (Totals{}) {
		t.Errorf("left: %+v", got)
	}
}
