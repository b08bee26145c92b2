package fstest

import (
	"io"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

var openChecks = []check{
	{name: "Exclusive", run: openExclusive},
	{name: "Refusals", run: openRefusals},
	{name: "NoFollow", run: openNoFollow},
	{name: "Truncates", run: openTruncates},
	{name: "Appends", run: openAppends},
	{name: "AccessModes", run: openAccessModes},
	{name: "CreatedReadOnly", run: openCreatedReadOnly},
	{name: "UnlinkedWhileOpen", run: openUnlinked},
	{name: "UnlinkedOneOfTwo", run: openUnlinkedOneOfTwo},
	{name: "Tmpfile", run: openTmpfile, need: []Feature{Tmpfiles}},
	{name: "TmpfileExclusive", run: openTmpfileExclusive, need: []Feature{Tmpfiles}},
	{name: "TmpfileRefusals", run: openTmpfileRefusals, need: []Feature{Tmpfiles}},
	{name: "Many", run: openMany},
}

func openExclusive(t *testing.T, c Client) {
	f, err := c.Open("f", ReadWrite|Create|Exclusive, 0o640)
	ok(t, err)
	ok(t, f.Close())
	_, err = c.Open("f", ReadWrite|Create|Exclusive, 0o640)
	fails(t, err, regions.Exists)
	ok(t, c.Symlink("f", "l"))
	_, err = c.Open("l", ReadWrite|Create|Exclusive, 0o640)
	fails(t, err, regions.Exists)
	ok(t, c.Mkdir("d", 0o755))
	_, err = c.Open("d", ReadWrite|Create|Exclusive, 0o640)
	fails(t, err, regions.Exists)
}

func openRefusals(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Mkdir("d", 0o755))
	for _, x := range []struct {
		path  string
		flags OpenFlags
		want  regions.Code
	}{
		{"no", Read, regions.NotFound},
		{"no/f", Read | Create, regions.NotFound},
		{"f/x", Read, regions.NotDir},
		{"f/x", Read | Create, regions.NotDir},
		{"f", Read | Directory, regions.NotDir},
		{"d", Write, regions.IsDir},
		{"d", ReadWrite, regions.IsDir},
		{"d", Read | Create, regions.IsDir},
		{strings.Repeat("n", 256), Read, regions.NameTooLong},
		{strings.Repeat("n", 256), Read | Create, regions.NameTooLong},
	} {
		_, err := c.Open(x.path, x.flags, 0o644)
		if err == nil {
			t.Errorf("open %.20s with %#x succeeded", x.path, x.flags)
			continue
		}
		fails(t, err, x.want)
	}
}

func openNoFollow(t *testing.T, c Client) {
	put(t, c, "f", "x")
	ok(t, c.Symlink("f", "l"))
	ok(t, c.Symlink(".", "d"))
	_, err := c.Open("l", Read|NoFollow, 0)
	fails(t, err, regions.Loop)
	_, err = c.Open("l", Write|Create|NoFollow, 0o644)
	fails(t, err, regions.Loop)
	f, err := c.Open("d/f", Read|NoFollow, 0)
	ok(t, err)
	ok(t, f.Close())
}

func openTruncates(t *testing.T, c Client) {
	put(t, c, "f", "long content")
	f, err := c.Open("f", Write|Trunc, 0)
	ok(t, err)
	defer f.Close()
	a, err := c.Stat("f", false)
	ok(t, err)
	equal(t, "size", a.Size, 0)
	_, err = f.Write([]byte("x"))
	ok(t, err)
	equal(t, "f", content(t, c, "f"), "x")
}

func openAppends(t *testing.T, c Client) {
	put(t, c, "f", "0")
	f, err := c.Open("f", ReadWrite|Append, 0)
	ok(t, err)
	defer f.Close()
	g, err := c.Open("f", Write|Append, 0)
	ok(t, err)
	defer g.Close()
	for i, w := range []io.Writer{f, g, f, g} {
		_, err := w.Write([]byte{byte('1' + i)})
		ok(t, err)
	}
	equal(t, "f", content(t, c, "f"), "01234")
	_, err = f.WriteAt([]byte("5"), 0) // appends too: pwrite(2), BUGS
	ok(t, err)
	equal(t, "after pwrite", content(t, c, "f"), "012345")
	ok(t, f.Truncate(2))
	_, err = g.Write([]byte("z"))
	ok(t, err)
	equal(t, "after truncate", content(t, c, "f"), "01z")
}

func openAccessModes(t *testing.T, c Client) {
	put(t, c, "f", "abc")
	r, err := c.Open("f", Read, 0)
	ok(t, err)
	defer r.Close()
	w, err := c.Open("f", Write, 0)
	ok(t, err)
	defer w.Close()
	_, err = r.Write([]byte("x"))
	fails(t, err, regions.BadHandle)
	_, err = w.ReadAt(make([]byte, 1), 0)
	fails(t, err, regions.BadHandle)
	fails(t, r.Truncate(0), regions.Invalid)
	fails(t, r.Allocate(0, 1, 0), regions.BadHandle)
	d, err := c.Open(".", Read|Directory, 0)
	ok(t, err)
	defer d.Close()
	_, err = d.ReadAt(make([]byte, 1), 0)
	fails(t, err, regions.IsDir)
	_, err = r.List(1)
	fails(t, err, regions.NotDir)
}

// openCreatedReadOnly: the mode of a new file does not bind who makes it (open(2)).
func openCreatedReadOnly(t *testing.T, c Client) {
	f, err := c.Open("f", ReadWrite|Create, 0o400)
	ok(t, err)
	defer f.Close()
	_, err = f.Write([]byte("abc"))
	ok(t, err)
	ok(t, c.Chmod("f", 0))
	ok(t, f.Truncate(2))
	p := make([]byte, 4)
	n, err := f.ReadAt(p, 0)
	ok(t, err)
	equal(t, "content", string(p[:n]), "ab")
}

func openUnlinked(t *testing.T, c Client) {
	put(t, c, "f", "before")
	f, err := c.Open("f", ReadWrite, 0)
	ok(t, err)
	defer f.Close()
	ok(t, c.Unlink("f"))
	a, err := f.Stat()
	ok(t, err)
	equal(t, "nlink", a.Nlink, 0)
	equal(t, "size", a.Size, int64(len("before")))
	_, err = f.WriteAt([]byte(" and after"), 6)
	ok(t, err)
	p := make([]byte, 32)
	n, err := f.ReadAt(p, 0)
	ok(t, err)
	equal(t, "content", string(p[:n]), "before and after")
	ok(t, f.Truncate(3))
	put(t, c, "f", "another one")
	a, err = f.Stat()
	ok(t, err)
	equal(t, "size after truncate", a.Size, 3)
	equal(t, "the name's new region", content(t, c, "f"), "another one")
	fails(t, f.LinkTo("back"), regions.NotFound)
}

func openUnlinkedOneOfTwo(t *testing.T, c Client) {
	put(t, c, "a", "x")
	ok(t, c.Link("a", "b"))
	f, err := c.Open("a", Read, 0)
	ok(t, err)
	defer f.Close()
	ok(t, c.Unlink("a"))
	a, err := f.Stat()
	ok(t, err)
	equal(t, "nlink", a.Nlink, 1)
	ok(t, f.LinkTo("c"))
	ok(t, c.Unlink("b"))
	equal(t, "c", content(t, c, "c"), "x")
}

func openTmpfile(t *testing.T, c Client) {
	f, err := c.Open(".", ReadWrite|Tmpfile, 0o640)
	ok(t, err)
	defer f.Close()
	_, err = f.Write([]byte("nameless"))
	ok(t, err)
	a, err := f.Stat()
	ok(t, err)
	equal(t, "nlink", a.Nlink, 0)
	equal(t, "mode", a.Mode, regions.TypeRegular|0o640)
	entries, err := list(c, ".")
	ok(t, err)
	equal(t, "entries", len(entries), 0)
	ok(t, f.LinkTo("f"))
	equal(t, "f", content(t, c, "f"), "nameless")
	a, err = f.Stat()
	ok(t, err)
	equal(t, "nlink after link", a.Nlink, 1)
	fails(t, f.LinkTo("f"), regions.Exists)
}

func openTmpfileExclusive(t *testing.T, c Client) {
	f, err := c.Open(".", ReadWrite|Tmpfile|Exclusive, 0o640)
	ok(t, err)
	defer f.Close()
	fails(t, f.LinkTo("f"), regions.NotFound)
}

func openTmpfileRefusals(t *testing.T, c Client) {
	put(t, c, "f", "")
	_, err := c.Open(".", Read|Tmpfile, 0o640)
	fails(t, err, regions.Invalid)
	_, err = c.Open("f", ReadWrite|Tmpfile, 0o640)
	fails(t, err, regions.NotDir)
	_, err = c.Open("no", ReadWrite|Tmpfile, 0o640)
	fails(t, err, regions.NotFound)
}

func openMany(t *testing.T, c Client) {
	put(t, c, "f", "x")
	var files []File
	for range 300 {
		f, err := c.Open("f", ReadWrite, 0)
		ok(t, err)
		files = append(files, f)
	}
	for i, f := range files {
		_, err := f.WriteAt([]byte{byte(i)}, int64(i))
		ok(t, err)
		ok(t, f.Close())
	}
	equal(t, "size", len(content(t, c, "f")), 300)
}
