package backendtest

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

var data = []check{
	{"ReadWrite", readWrite},
	{"ReadAtEnd", readAtEnd},
	{"HolesAreZeros", holesAreZeros},
	{"RandomWrites", randomWrites},
	{"Truncate", truncate},
	{"LargestSize", largestSize},
	{"OpenModes", openModes},
	{"OpenErrors", openErrors},
	{"TwoFilesOneRegion", twoFilesOneRegion},
	{"CopyRange", copyRange},
	{"CopyRangeErrors", copyRangeErrors},
}

// wantContent checks what a region holds at off.
func (x *tree) wantContent(f regions.File, off int64, want string) {
	x.Helper()
	got := make([]byte, len(want))
	n, err := f.ReadAt(got, off)
	if err != nil || n != len(want) || string(got) != want {
		x.Fatalf("at %d: %d bytes %.60q (%v), want %.60q", off, n, got[:n], err, want)
	}
}

func (x *tree) write(f regions.File, off int64, text string) {
	x.Helper()
	n, err := f.WriteAt([]byte(text), off)
	x.want(regions.OK, err, "write")
	if n != len(text) {
		x.Fatalf("%d bytes written, want %d", n, len(text))
	}
}

func readWrite(x *tree) {
	n := x.put("f", region).Node
	f := x.open(n)
	x.write(f, 0, "hello world")
	x.write(f, 6, "there")
	x.wantContent(f, 0, "hello there")
	x.write(f, 4090, "over the page's end")
	x.wantContent(f, 4090, "over the page's end")
	x.wantContent(f, 9, "re\x00\x00")
	a := x.attr(n)
	if a.Size != 4090+19 || a.Blocks < 2*4096/512 {
		x.Errorf("size %d and %d blocks", a.Size, a.Blocks)
	}
	x.write(f, 1<<20, "")
	if got := x.attr(n).Size; got != a.Size {
		x.Errorf("writing nothing changed the size to %d", got)
	}
}

func readAtEnd(x *tree) {
	f := x.open(x.put("f", region).Node)
	x.write(f, 0, "12345")
	buf := make([]byte, 10)
	for _, c := range []struct {
		off  int64
		want int
	}{{0, 5}, {3, 2}, {5, 0}, {100, 0}, {math.MaxInt64 - 10, 0}} {
		n, err := f.ReadAt(buf, c.off)
		if n != c.want || !errors.Is(err, io.EOF) {
			x.Errorf("read of 10 at %d of 5 bytes: %d, %v; want %d, EOF", c.off, n, err, c.want)
		}
	}
	n, err := f.ReadAt(buf[:5], 0)
	if n != 5 || err != nil {
		x.Errorf("read up to the end: %d, %v", n, err)
	}
	_, err = f.ReadAt(buf, -1)
	x.want(regions.Invalid, err, "read before the start")
	_, err = f.WriteAt(buf, -1)
	x.want(regions.Invalid, err, "write before the start")
}

func holesAreZeros(x *tree) {
	n := x.put("f", region).Node
	f := x.open(n)
	x.write(f, 1<<30, "far")
	if a := x.attr(n); a.Size != 1<<30+3 || a.Resident() > 4<<20 {
		x.Errorf("a sparse region: size %d, resident %d", a.Size, a.Resident())
	}
	x.wantContent(f, 12345, strings.Repeat("\x00", 10000))
	x.wantContent(f, 1<<30-5, "\x00\x00\x00\x00\x00far")
}

// randomWrites compares with a buffer that is written, cut and punched in the same way.
func randomWrites(x *tree) {
	const size = 300_000 // more than a chunk of pages
	f := x.open(x.put("f", region).Node)
	model := make([]byte, 0, size)
	grow := func(n int) {
		for len(model) < n {
			model = append(model, 0)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		off, length := rng.IntN(size/2), rng.IntN(20000)+1
		switch rng.IntN(8) {
		case 0:
			x.want(regions.OK, f.Truncate(int64(off)), "truncate")
			grow(off)
			model = model[:off]
		case 1:
			mode := regions.AllocatePunchHole | regions.AllocateKeepSize
			x.want(regions.OK, f.Allocate(int64(off), int64(length), mode), "punch")
			if off < len(model) {
				clear(model[off:min(off+length, len(model))])
			}
		case 2:
			x.want(regions.OK, f.Allocate(int64(off), int64(length), 0), "allocate")
			grow(off + length)
		default:
			p := bytes.Repeat([]byte{byte(rng.IntN(255) + 1)}, length)
			x.write(f, int64(off), string(p))
			grow(off + length)
			copy(model[off:], p)
		}
		got := make([]byte, len(model)+1)
		n, err := f.ReadAt(got, 0)
		if !errors.Is(err, io.EOF) || !bytes.Equal(got[:n], model) {
			x.Fatalf("after an operation at %d, %d: %d bytes (%v), want %d, or they differ", off, length, n, err, len(model))
		}
	}
}

func truncate(x *tree) {
	n := x.put("f", region).Node
	f := x.open(n)
	x.write(f, 0, strings.Repeat("x", 3*4096))
	x.want(regions.OK, f.Truncate(100), "shrink")
	x.want(regions.OK, f.Truncate(3*4096), "grow")
	x.wantContent(f, 0, strings.Repeat("x", 100)+strings.Repeat("\x00", 3*4096-100))
	x.want(regions.OK, f.Truncate(0), "empty")
	if a := x.attr(n); a.Size != 0 || a.Blocks != 0 {
		x.Errorf("emptied: size %d, %d blocks", a.Size, a.Blocks)
	}
	x.want(regions.Invalid, f.Truncate(-1), "truncate to less than nothing")
}

// largestSize: offsets reach to 2^63-1 (Linux MAX_LFS_FILESIZE).
func largestSize(x *tree) {
	n := x.put("f", region).Node
	f := x.open(n)
	x.want(regions.OK, f.Truncate(math.MaxInt64), "truncate")
	x.write(f, math.MaxInt64-1, "z")
	x.wantContent(f, math.MaxInt64-3, "\x00\x00z")
	for _, c := range []struct {
		off    int64
		length int
	}{{math.MaxInt64, 1}, {math.MaxInt64 - 1, 2}} {
		_, err := f.WriteAt(make([]byte, c.length), c.off)
		x.want(regions.Invalid, err, "write past the largest offset")
		_, err = f.ReadAt(make([]byte, c.length), c.off)
		x.want(regions.Invalid, err, "read past the largest offset")
	}
	x.want(regions.OK, f.Truncate(5), "shrink")
	if a := x.attr(n); a.Blocks != 0 {
		x.Errorf("%d blocks after cutting the only page off", a.Blocks)
	}
}

func openModes(x *tree) {
	n := x.put("f", regions.TypeRegular).Node // mode 0: permissions are checked above
	r, err := x.Open(n, regions.ReadAccess)
	x.want(regions.OK, err, "open to read")
	w, err := x.Open(n, regions.WriteAccess)
	x.want(regions.OK, err, "open to write")
	x.write(w, 0, "text")
	x.wantContent(r, 0, "text")
	buf := make([]byte, 1)
	_, err = r.WriteAt(buf, 0)
	x.want(regions.BadHandle, err, "write on a file open to read")
	_, err = w.ReadAt(buf, 0)
	x.want(regions.BadHandle, err, "read on a file open to write")
	x.want(regions.Invalid, r.Truncate(0), "truncate on a file open to read")
	x.want(regions.BadHandle, r.Allocate(0, 1, 0), "allocate on a file open to read")
	at, err := w.SeekExtent(0, false)
	x.want(regions.OK, err, "seek on a file open to write")
	if at != 0 {
		x.Errorf("data at %d, want 0", at)
	}
	x.want(regions.OK, r.Close(), "close")
	x.want(regions.OK, w.Close(), "close")
}

func openErrors(x *tree) {
	_, err := x.Open(regions.MakeNodeID(77, 7777777), regions.ReadAccess)
	x.want(regions.Stale, err, "open nothing")
	_, err = x.Open(x.put("d", folder).Node, regions.WriteAccess)
	x.want(regions.IsDir, err, "open a directory to write")
	_, err = x.Open(x.put("s", symlink).Node, regions.ReadAccess)
	x.want(regions.Loop, err, "open a symlink")
	_, err = x.OpenDir(x.put("f", region).Node)
	x.want(regions.NotDir, err, "opendir of a region")
	_, err = x.OpenDir(regions.MakeNodeID(77, 7777777))
	x.want(regions.Stale, err, "opendir of nothing")
}

func twoFilesOneRegion(x *tree) {
	n := x.put("f", region).Node
	f, g := x.open(n), x.open(n)
	x.write(f, 0, "one")
	x.wantContent(g, 0, "one")
	x.want(regions.OK, f.Close(), "close")
	x.write(g, 3, "two")
	x.wantContent(g, 0, "onetwo")
}

func copyRange(x *tree) {
	c, ok := x.Arena.(regions.Copier)
	if !ok {
		x.Skip("the arena does not copy by itself")
	}
	src, dst := x.open(x.put("a", region).Node), x.put("b", region).Node
	d := x.open(dst)
	x.write(src, 0, strings.Repeat("x", 10000))
	x.write(src, 400_000, "end")
	x.write(d, 0, strings.Repeat("d", 500))
	all := int64(400_003)
	for done := int64(0); done < all; {
		n, err := c.CopyRange(src, done, d, 100+done, all)
		x.want(regions.OK, err, "copy")
		if n <= 0 {
			x.Fatalf("%d bytes copied at %d", n, done)
		}
		done += n
	}
	x.wantContent(d, 0, strings.Repeat("d", 100)+strings.Repeat("x", 10000)+strings.Repeat("\x00", 390_000)+"end")
	if a := x.attr(dst); a.Size != 100+all {
		x.Errorf("size %d, want %d", a.Size, 100+all)
	}
	for _, off := range []int64{all, all + 5, 1 << 40} {
		n, err := c.CopyRange(src, off, d, 0, 10)
		x.want(regions.OK, err, "copy from the end")
		if n != 0 {
			x.Errorf("%d bytes copied from the end", n)
		}
	}
	n, err := c.CopyRange(d, 0, d, 1<<20, 100)
	x.want(regions.OK, err, "copy within a region")
	if n != 100 {
		x.Errorf("%d bytes copied, want 100", n)
	}
	x.wantContent(d, 1<<20, strings.Repeat("d", 100))
}

func copyRangeErrors(x *tree) {
	c, ok := x.Arena.(regions.Copier)
	if !ok {
		x.Skip("the arena does not copy by itself")
	}
	n := x.put("f", region).Node
	f := x.open(n)
	x.write(f, 0, "0123456789")
	r, err := x.Open(n, regions.ReadAccess)
	x.want(regions.OK, err, "open")
	defer r.Close()
	w, err := x.Open(n, regions.WriteAccess)
	x.want(regions.OK, err, "open")
	defer w.Close()
	for _, k := range []struct {
		src            regions.File
		srcOff         int64
		dst            regions.File
		dstOff, length int64
		want           regions.Code
	}{
		{f, 0, f, 5, 10, regions.Invalid}, // they overlap
		{f, 0, r, 20, 5, regions.BadHandle},
		{w, 0, f, 20, 5, regions.BadHandle},
		{f, 0, f, -10, 5, regions.Invalid},
	} {
		_, err := c.CopyRange(k.src, k.srcOff, k.dst, k.dstOff, k.length)
		x.want(k.want, err, "copy")
	}
}
