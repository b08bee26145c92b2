package backendtest

import (
	"fmt"
	"math"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

var extents = []check{
	{"Allocate", allocate},
	{"AllocateErrors", allocateErrors},
	{"PunchHole", punchHole},
	{"ZeroRange", zeroRange},
	{"SeekExtent", seekExtent},
	{"SeekErrors", seekErrors},
	{"AllocatedIsNoData", allocatedIsNoData},
}

const (
	keepSize = regions.AllocateKeepSize
	punch    = regions.AllocatePunchHole
	zero     = regions.AllocateZeroRange

	// grain is the largest grain in which an arena takes and frees memory: a huge page.
	grain = 2 << 20 // bytes
)

func allocate(x *tree) {
	n := x.put("f", region).Node
	f := x.open(n)
	x.want(regions.OK, f.Allocate(0, 10000, 0), "allocate")
	a := x.attr(n)
	if a.Size != 10000 || a.Resident() < 10000 {
		x.Errorf("size %d, resident %d; want 10000 and at least that", a.Size, a.Resident())
	}
	x.wantContent(f, 0, strings.Repeat("\x00", 10000))
	x.want(regions.OK, f.Allocate(grain, grain, keepSize), "allocate, size kept")
	b := x.attr(n)
	if b.Size != 10000 || b.Resident() < a.Resident()+grain {
		x.Errorf("size %d, resident %d; want 10000 and %d more than %d", b.Size, b.Resident(), grain, a.Resident())
	}
	x.write(f, 5, "text")
	x.want(regions.OK, f.Allocate(0, 20000, 0), "allocate what is there, and more")
	x.wantContent(f, 4, "\x00text\x00")
	x.want(regions.OK, f.Truncate(20000), "truncate to the same size")
	if c := x.attr(n); c.Resident() > b.Resident()-grain+2*grain || c.Size != 20000 {
		x.Errorf("size %d, resident %d after truncating", c.Size, c.Resident())
	}
}

func allocateErrors(x *tree) {
	f := x.open(x.put("f", region).Node)
	for _, c := range []struct {
		off, length int64
		mode        regions.AllocateMode
		want        regions.Code
	}{
		{-1, 10, 0, regions.Invalid},
		{0, 0, 0, regions.Invalid},
		{0, -1, keepSize, regions.Invalid},
		{math.MaxInt64 - 5, 10, 0, regions.FileTooBig},
		{0, 10, punch, regions.NotSupported}, // would shorten the region
		{0, 10, punch | zero | keepSize, regions.NotSupported},
		{0, 10, 0x08, regions.NotSupported}, // FALLOC_FL_COLLAPSE_RANGE
		{0, 10, 0x1000, regions.NotSupported},
	} {
		x.want(c.want, f.Allocate(c.off, c.length, c.mode), fmt.Sprintf("allocate %d, %d, mode %#x", c.off, c.length, c.mode))
	}
}

func punchHole(x *tree) {
	n := x.put("f", region).Node
	f := x.open(n)
	const size = 4 * grain
	x.write(f, 0, strings.Repeat("x", size))
	before := x.attr(n)
	x.want(regions.OK, f.Allocate(100, 3*grain, punch|keepSize), "punch")
	after := x.attr(n)
	if after.Size != size || after.Resident() > before.Resident()-2*grain {
		x.Errorf("size %d, resident %d, before %d", after.Size, after.Resident(), before.Resident())
	}
	x.wantContent(f, 0, strings.Repeat("x", 100)+strings.Repeat("\x00", 3*grain)+strings.Repeat("x", size-3*grain-100))
	x.want(regions.OK, f.Allocate(10, 20, punch|keepSize), "punch within a page")
	x.wantContent(f, 0, strings.Repeat("x", 10)+strings.Repeat("\x00", 20)+strings.Repeat("x", 70))
	x.want(regions.OK, f.Allocate(100*size, size, punch|keepSize), "punch past the end")
	if got := x.attr(n).Size; got != size {
		x.Errorf("size %d, want %d", got, size)
	}
}

func zeroRange(x *tree) {
	n := x.put("f", region).Node
	f := x.open(n)
	x.write(f, 0, strings.Repeat("x", 3*4096))
	err := f.Allocate(100, 8192, zero)
	if err == regions.NotSupported {
		x.Skip("the arena has no FALLOC_FL_ZERO_RANGE (tmpfs of Linux 6.18 has none)")
	}
	x.want(regions.OK, err, "zero")
	x.wantContent(f, 0, strings.Repeat("x", 100)+strings.Repeat("\x00", 8192)+strings.Repeat("x", 4096-100))
	x.want(regions.OK, f.Allocate(4096, 1<<20, zero|keepSize), "zero, size kept")
	a := x.attr(n)
	if a.Size != 3*4096 || a.Resident() < 1<<20 {
		x.Errorf("size %d, resident %d", a.Size, a.Resident())
	}
	x.want(regions.OK, f.Allocate(8192, 8192, zero), "zero past the end")
	if got := x.attr(n).Size; got != 16384 {
		x.Errorf("size %d, want 16384", got)
	}
}

// seekExtent finds two pieces of data far apart, to within the grain.
func seekExtent(x *tree) {
	f := x.open(x.put("f", region).Node)
	const far, size = 64 << 20, 128 << 20
	x.write(f, 0, "near")
	x.write(f, far, "far")
	x.want(regions.OK, f.Truncate(size), "truncate")
	for _, c := range []struct {
		off       int64
		hole      bool
		low, high int64 // where the answer may be
	}{
		{0, false, 0, 0},
		{2, false, 2, 2},
		{0, true, 4, grain},
		{32 << 20, true, 32 << 20, 32 << 20},
		{32 << 20, false, far - grain, far},
		{far, false, far, far},
		{far, true, far + 3, far + grain},
		{size - 1, true, size - 1, size - 1},
	} {
		at, err := f.SeekExtent(c.off, c.hole)
		x.want(regions.OK, err, "seek")
		if at < c.low || at > c.high {
			x.Errorf("from %d, hole %t: %d, want %d to %d", c.off, c.hole, at, c.low, c.high)
		}
	}
	_, err := f.SeekExtent(far+grain, false)
	x.want(regions.NoDevice, err, "seek data in the last hole")
}

func seekErrors(x *tree) {
	f := x.open(x.put("f", region).Node)
	for _, hole := range []bool{false, true} {
		_, err := f.SeekExtent(0, hole)
		x.want(regions.NoDevice, err, "seek in an empty region")
	}
	x.write(f, 0, "12345")
	for _, hole := range []bool{false, true} {
		for _, off := range []int64{-1, 5, 6, math.MaxInt64} {
			_, err := f.SeekExtent(off, hole)
			x.want(regions.NoDevice, err, fmt.Sprint("seek from ", off))
		}
	}
	if at, err := f.SeekExtent(2, true); err != nil || at != 5 {
		x.Errorf("the hole at the end: %d, %v; want 5", at, err)
	}
}

// allocatedIsNoData: memory that was never written reads as zeros and is a hole (Linux mm/filemap.c,
// mapping_seek_hole_data).
func allocatedIsNoData(x *tree) {
	f := x.open(x.put("f", region).Node)
	x.want(regions.OK, f.Allocate(0, 8192, 0), "allocate")
	_, err := f.SeekExtent(0, false)
	x.want(regions.NoDevice, err, "seek data")
	at, err := f.SeekExtent(100, true)
	x.want(regions.OK, err, "seek hole")
	if at != 100 {
		x.Errorf("hole at %d, want 100", at)
	}
}
