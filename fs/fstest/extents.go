package fstest

import (
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

var extentChecks = []check{
	{name: "Allocate", run: extentAllocate},
	{name: "AllocatedPages", run: extentAllocatedPages, need: []Feature{AllocatedPages}},
	{name: "KeepSize", run: extentKeepSize},
	{name: "PunchHole", run: extentPunch, need: []Feature{SmallPages}},
	{name: "ZeroRange", run: extentZero, need: []Feature{ZeroRange}},
	{name: "Refusals", run: extentRefusals},
	{name: "Seek", run: extentSeek, need: []Feature{SmallPages}},
	{name: "SeekRefusals", run: extentSeekRefusals},
}

// page is the grain of holes in bytes, on all systems that we know 4096 or a divisor of 65536.
const page = 65536

// opened makes a region of n pages of the letter x, and opens it.
func opened(t *testing.T, c Client, name string, pages int) File {
	t.Helper()
	put(t, c, name, strings.Repeat("x", pages*page))
	f, err := c.Open(name, ReadWrite, 0)
	ok(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func extentAllocate(t *testing.T, c Client) {
	f := opened(t, c, "f", 0)
	ok(t, f.Allocate(page, 2*page, 0))
	a, err := f.Stat()
	ok(t, err)
	equal(t, "size", a.Size, 3*page)
	ok(t, f.Allocate(0, page, 0))
	a, err = f.Stat()
	ok(t, err)
	equal(t, "size after allocating within", a.Size, 3*page)
	equal(t, "content", content(t, c, "f") == strings.Repeat("\x00", 3*page), true)
}

func extentAllocatedPages(t *testing.T, c Client) {
	f := opened(t, c, "f", 0)
	ok(t, f.Allocate(page, 2*page, 0))
	a, err := f.Stat()
	ok(t, err)
	if a.Resident() < 2*page {
		t.Errorf("two pages allocated, %d bytes resident", a.Resident())
	}
}

func extentKeepSize(t *testing.T, c Client) {
	f := opened(t, c, "f", 1)
	ok(t, f.Allocate(page, page, regions.AllocateKeepSize))
	a, err := f.Stat()
	ok(t, err)
	equal(t, "size", a.Size, page)
	if a.Resident() < 2*page {
		t.Errorf("two pages, %d bytes resident", a.Resident())
	}
}

func extentPunch(t *testing.T, c Client) {
	f := opened(t, c, "f", 4)
	before, err := f.Stat()
	ok(t, err)
	const punch = regions.AllocatePunchHole | regions.AllocateKeepSize
	ok(t, f.Allocate(page, 2*page, punch))
	after, err := f.Stat()
	ok(t, err)
	equal(t, "size", after.Size, 4*page)
	equal(t, "memory given back", before.Resident()-after.Resident(), 2*page)
	ok(t, f.Allocate(10, 20, punch))
	ok(t, f.Allocate(4*page, page, punch)) // past the end: nothing
	want := strings.Repeat("x", 10) + strings.Repeat("\x00", 20) + strings.Repeat("x", page-30) +
		strings.Repeat("\x00", 2*page) + strings.Repeat("x", page)
	equal(t, "content", content(t, c, "f") == want, true)
}

func extentZero(t *testing.T, c Client) {
	f := opened(t, c, "f", 3)
	ok(t, f.Allocate(page-5, page+10, regions.AllocateZeroRange))
	want := strings.Repeat("x", page-5) + strings.Repeat("\x00", page+10) + strings.Repeat("x", page-5)
	equal(t, "content", content(t, c, "f") == want, true)
	ok(t, f.Allocate(3*page-5, 10, regions.AllocateZeroRange|regions.AllocateKeepSize))
	a, err := f.Stat()
	ok(t, err)
	equal(t, "size kept", a.Size, 3*page)
	ok(t, f.Allocate(3*page-5, 10, regions.AllocateZeroRange))
	a, err = f.Stat()
	ok(t, err)
	equal(t, "size grown", a.Size, 3*page+5)
	equal(t, "tail", content(t, c, "f")[3*page-6:], "x"+strings.Repeat("\x00", 10))
}

func extentRefusals(t *testing.T, c Client) {
	f := opened(t, c, "f", 1)
	const collapse, insert, unshare = 0x08, 0x20, 0x40 // linux/falloc.h
	for _, mode := range []regions.AllocateMode{
		regions.AllocatePunchHole, collapse, insert, unshare, 0x04, regions.AllocatePunchHole | regions.AllocateZeroRange,
	} {
		fails(t, f.Allocate(0, page, mode), regions.NotSupported)
	}
	fails(t, f.Allocate(-1, 10, 0), regions.Invalid)
	fails(t, f.Allocate(0, 0, 0), regions.Invalid)
	fails(t, f.Allocate(0, -1, 0), regions.Invalid)
	equal(t, "content", content(t, c, "f") == strings.Repeat("x", page), true)
}

func extentSeek(t *testing.T, c Client) {
	f := opened(t, c, "f", 0)
	ok(t, f.Truncate(8*page))
	_, err := f.WriteAt([]byte("x"), 2*page)
	ok(t, err)
	_, err = f.WriteAt(make([]byte, page), 5*page)
	ok(t, err)
	for _, x := range []struct {
		off  int64
		hole bool
		want int64
	}{
		{0, false, 2 * page}, {0, true, 0}, {2 * page, false, 2 * page}, {2*page + 1, false, 2*page + 1},
		{3 * page, false, 5 * page}, {5*page + 7, true, 6 * page}, {7*page + 9, true, 7*page + 9},
	} {
		at, err := f.SeekExtent(x.off, x.hole)
		ok(t, err)
		if at != x.want {
			t.Errorf("seek from %d, hole %t: %d, want %d", x.off, x.hole, at, x.want)
		}
	}
	at, err := f.SeekExtent(2*page, true)
	ok(t, err)
	if at <= 2*page || at > 3*page {
		t.Errorf("the hole after the byte at %d is at %d", 2*page, at)
	}
}

func extentSeekRefusals(t *testing.T, c Client) {
	f := opened(t, c, "f", 1)
	at, err := f.SeekExtent(0, true)
	ok(t, err)
	equal(t, "the hole at the end", at, page)
	for _, off := range []int64{page, page + 1, -1} {
		_, err = f.SeekExtent(off, false)
		fails(t, err, regions.NoDevice)
		_, err = f.SeekExtent(off, true)
		fails(t, err, regions.NoDevice)
	}
	ok(t, f.Truncate(2*page))
	_, err = f.SeekExtent(page, false)
	fails(t, err, regions.NoDevice)
}
