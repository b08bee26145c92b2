package fstest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

var dataChecks = []check{
	{name: "Position", run: dataPosition},
	{name: "Sparse", run: dataSparse, need: []Feature{FreeHoles}},
	{name: "TruncateBothWays", run: dataTruncate},
	{name: "TruncateRefusals", run: dataTruncateRefusals},
	{name: "TruncatedTail", run: dataTruncatedTail},
	{name: "Large", run: dataLarge},
	{name: "Huge", run: dataHuge, need: []Feature{FreeHoles}},
	{name: "SeenAtOnce", run: dataSeenAtOnce},
	{name: "CopyRange", run: dataCopyRange},
	{name: "CopyRangeRefusals", run: dataCopyRefusals},
	{name: "Sync", run: dataSync},
}

func dataPosition(t *testing.T, c Client) {
	f, err := c.Open("f", ReadWrite|Create, 0o644)
	ok(t, err)
	defer f.Close()
	for _, s := range []string{"abc", "", "def"} {
		_, err := f.Write([]byte(s))
		ok(t, err)
	}
	n, err := f.Read(make([]byte, 4))
	if n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read at the end: %d, %v", n, err)
	}
	equal(t, "f", content(t, c, "f"), "abcdef")
	p := make([]byte, 10)
	n, err = f.ReadAt(p, 4)
	ok(t, err)
	equal(t, "short read", string(p[:n]), "ef")
	_, err = f.ReadAt(p, 600)
	if !errors.Is(err, io.EOF) {
		t.Errorf("read past the end: %v", err)
	}
}

func dataSparse(t *testing.T, c Client) {
	f, err := c.Open("f", ReadWrite|Create, 0o644)
	ok(t, err)
	defer f.Close()
	const far = 1 << 40
	_, err = f.WriteAt([]byte("end"), far)
	ok(t, err)
	a, err := f.Stat()
	ok(t, err)
	equal(t, "size", a.Size, int64(far+3))
	if a.Blocks > 1<<16 {
		t.Errorf("a hole of 1 TiB occupies %d blocks", a.Blocks)
	}
	p := make([]byte, 4096)
	_, err = f.ReadAt(p, far/2)
	ok(t, err)
	if !bytes.Equal(p, make([]byte, len(p))) {
		t.Error("a hole does not read as zeros")
	}
}

func dataTruncate(t *testing.T, c Client) {
	put(t, c, "f", strings.Repeat("x", 10000))
	ok(t, c.Truncate("f", 5000))
	equal(t, "shrunk", content(t, c, "f"), strings.Repeat("x", 5000))
	ok(t, c.Truncate("f", 9000))
	equal(t, "grown", content(t, c, "f"), strings.Repeat("x", 5000)+strings.Repeat("\x00", 4000))
	ok(t, c.Truncate("f", 0))
	equal(t, "emptied", content(t, c, "f"), "")
	ok(t, c.Symlink("f", "l"))
	ok(t, c.Truncate("l", 3))
	a, err := c.Stat("f", false)
	ok(t, err)
	equal(t, "size through a symlink", a.Size, 3)
}

func dataTruncateRefusals(t *testing.T, c Client) {
	put(t, c, "f", "x")
	ok(t, c.Mknod("p", regions.TypeFIFO|0o644, 0))
	fails(t, c.Truncate("f", -1), regions.Invalid)
	fails(t, c.Truncate("no", 1), regions.NotFound)
	fails(t, c.Truncate("f/x", 1), regions.NotDir)
	fails(t, c.Truncate("p", 1), regions.Invalid)
	equal(t, "f", content(t, c, "f"), "x")
}

// dataTruncatedTail: what was cut off within a page must not come back when the region grows again.
func dataTruncatedTail(t *testing.T, c Client) {
	f, err := c.Open("f", ReadWrite|Create, 0o644)
	ok(t, err)
	defer f.Close()
	_, err = f.Write(bytes.Repeat([]byte("y"), 4096))
	ok(t, err)
	ok(t, f.Truncate(10))
	_, err = f.WriteAt([]byte("z"), 100)
	ok(t, err)
	want := strings.Repeat("y", 10) + strings.Repeat("\x00", 90) + "z"
	equal(t, "f", content(t, c, "f"), want)
}

func dataLarge(t *testing.T, c Client) {
	block := make([]byte, 1<<20+17)
	for i := range block {
		block[i] = byte(i * 7 >> 3)
	}
	f, err := c.Open("f", ReadWrite|Create, 0o644)
	ok(t, err)
	defer f.Close()
	for done := 0; done < len(block); {
		n, err := f.Write(block[done:])
		ok(t, err)
		done += n
	}
	equal(t, "content", content(t, c, "f") == string(block), true)
	got := make([]byte, 5000)
	_, err = f.ReadAt(got, 70001)
	ok(t, err)
	equal(t, "unaligned part", bytes.Equal(got, block[70001:75001]), true)
}

// dataHuge asks for more than a file can have.
func dataHuge(t *testing.T, c Client) {
	f, err := c.Open("f", ReadWrite|Create, 0o644)
	ok(t, err)
	defer f.Close()
	const most = 1<<63 - 1
	ok(t, f.Truncate(1<<50))
	_, err = f.WriteAt([]byte("xy"), most)
	fails(t, err, regions.FileTooBig, regions.Invalid)
	fails(t, f.Allocate(most-1, 4096, 0), regions.FileTooBig)
	a, err := f.Stat()
	ok(t, err)
	equal(t, "size", a.Size, 1<<50)
}

// dataSeenAtOnce: sizes and bytes are exact for who asks by another handle, or by name.
func dataSeenAtOnce(t *testing.T, c Client) {
	put(t, c, "f", "")
	w, err := c.Open("f", ReadWrite, 0)
	ok(t, err)
	defer w.Close()
	r, err := c.Open("f", Read, 0)
	ok(t, err)
	defer r.Close()
	for i := range 50 {
		off := int64(i) * 1000
		_, err := w.WriteAt([]byte{byte(i), 1}, off)
		ok(t, err)
		p := make([]byte, 2)
		_, err = r.ReadAt(p, off)
		ok(t, err)
		equal(t, "read", p[0], byte(i))
		a, err := c.Stat("f", false)
		ok(t, err)
		equal(t, "size by name", a.Size, off+2)
		a, err = r.Stat()
		ok(t, err)
		equal(t, "size by handle", a.Size, off+2)
	}
	ok(t, w.Truncate(7))
	a, err := r.Stat()
	ok(t, err)
	equal(t, "size after truncate", a.Size, 7)
}

func dataCopyRange(t *testing.T, c Client) {
	put(t, c, "a", strings.Repeat("0123456789", 1000))
	a, err := c.Open("a", ReadWrite, 0)
	ok(t, err)
	defer a.Close()
	b, err := c.Open("b", ReadWrite|Create, 0o644)
	ok(t, err)
	defer b.Close()
	for done := int64(0); done < 5000; {
		n, err := a.CopyRange(3+done, b, 10+done, 5000-done)
		ok(t, err)
		if n <= 0 {
			t.Fatalf("copied %d after %d of 5000", n, done)
		}
		done += n
	}
	want := strings.Repeat("\x00", 10) + strings.Repeat("0123456789", 1000)[3:5003]
	equal(t, "copy", content(t, c, "b") == want, true)
	n, err := a.CopyRange(9998, b, 0, 100)
	ok(t, err)
	equal(t, "copied at the end", n, 2)
	n, err = a.CopyRange(10000, b, 0, 100)
	ok(t, err)
	equal(t, "copied past the end", n, 0)
	n, err = a.CopyRange(0, a, 20000, 10)
	ok(t, err)
	equal(t, "copied within", n, 10)
	equal(t, "size", len(content(t, c, "a")), 20010)
}

func dataCopyRefusals(t *testing.T, c Client) {
	put(t, c, "a", "0123456789")
	a, err := c.Open("a", ReadWrite, 0)
	ok(t, err)
	defer a.Close()
	r, err := c.Open("a", Read, 0)
	ok(t, err)
	defer r.Close()
	w, err := c.Open("b", Write|Create, 0o644)
	ok(t, err)
	defer w.Close()
	_, err = a.CopyRange(0, a, 2, 5)
	fails(t, err, regions.Invalid) // overlaps
	_, err = a.CopyRange(0, r, 100, 5)
	fails(t, err, regions.BadHandle)
	_, err = w.CopyRange(0, a, 100, 5)
	fails(t, err, regions.BadHandle)
}

func dataSync(t *testing.T, c Client) {
	put(t, c, "f", "x")
	f, err := c.Open("f", ReadWrite, 0)
	ok(t, err)
	defer f.Close()
	ok(t, f.Sync())
	d, err := c.Open(".", Read|Directory, 0)
	ok(t, err)
	defer d.Close()
	ok(t, d.Sync())
}
