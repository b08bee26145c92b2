package fstest

import (
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

var linkChecks = []check{
	{name: "Hard", run: linkHard},
	{name: "HardRefusals", run: linkHardRefusals},
	{name: "Inodes", run: linkInodes, need: []Feature{Identity}},
	{name: "Symlinks", run: linkSymlinks},
	{name: "SymlinkTargets", run: linkTargets},
	{name: "Loops", run: linkLoops},
	{name: "Dangling", run: linkDangling},
	{name: "OfSymlink", run: linkOfSymlink},
	{name: "Many", run: linkMany},
}

func linkHard(t *testing.T, c Client) {
	put(t, c, "a", "one")
	ok(t, c.Link("a", "b"))
	put(t, c, "b", "two")
	equal(t, "a", content(t, c, "a"), "two")
	a, err := c.Stat("a", false)
	ok(t, err)
	equal(t, "nlink", a.Nlink, 2)
	ok(t, c.Chmod("a", 0o600))
	b, err := c.Stat("b", false)
	ok(t, err)
	equal(t, "mode by the other name", b.Mode, regions.TypeRegular|0o600)
	ok(t, c.Unlink("a"))
	b, err = c.Stat("b", false)
	ok(t, err)
	equal(t, "nlink after unlink", b.Nlink, 1)
	equal(t, "b", content(t, c, "b"), "two")
}

func linkHardRefusals(t *testing.T, c Client) {
	put(t, c, "f", "")
	put(t, c, "g", "")
	ok(t, c.Mkdir("d", 0o755))
	fails(t, c.Link("f", "g"), regions.Exists)
	fails(t, c.Link("f", "d"), regions.Exists)
	fails(t, c.Link("f", "f"), regions.Exists)
	fails(t, c.Link("d", "e"), regions.NotPermitted)
	fails(t, c.Link("no", "e"), regions.NotFound)
	fails(t, c.Link("f", "no/e"), regions.NotFound)
	fails(t, c.Link("f", "g/e"), regions.NotDir)
}

func linkInodes(t *testing.T, c Client) {
	ino := func(path string) uint64 {
		t.Helper()
		a, err := c.Stat(path, false)
		ok(t, err)
		return a.Ino
	}
	put(t, c, "a", "")
	put(t, c, "other", "")
	ok(t, c.Link("a", "b"))
	equal(t, "inode of the second name", ino("b"), ino("a"))
	if ino("a") == ino("other") {
		t.Error("two regions of one inode number")
	}
	was := ino("a")
	ok(t, c.Rename("a", "other", 0))
	equal(t, "inode after rename", ino("other"), was)
	entries, err := list(c, ".")
	ok(t, err)
	for _, e := range entries {
		equal(t, "inode as listed of "+e.Name, e.Ino, ino(e.Name))
	}
}

func linkSymlinks(t *testing.T, c Client) {
	ok(t, c.Mkdir("d", 0o755))
	put(t, c, "d/f", "far")
	ok(t, c.Symlink("d/f", "l"))
	ok(t, c.Symlink("d", "ld"))
	a, err := c.Stat("l", false)
	ok(t, err)
	equal(t, "mode", a.Mode, regions.TypeSymlink|0o777)
	equal(t, "size", a.Size, int64(len("d/f")))
	a, err = c.Stat("l", true)
	ok(t, err)
	equal(t, "type behind", a.Type(), regions.TypeRegular)
	equal(t, "l", content(t, c, "l"), "far")
	equal(t, "ld/f", content(t, c, "ld/f"), "far")
	ok(t, c.Chmod("l", 0o600))
	a, err = c.Stat("d/f", false)
	ok(t, err)
	equal(t, "mode behind", a.Mode, regions.TypeRegular|0o600)
	_, err = c.Readlink("d/f")
	fails(t, err, regions.Invalid)
	_, err = c.Readlink("no")
	fails(t, err, regions.NotFound)
	fails(t, c.Symlink("x", "l"), regions.Exists)
	ok(t, c.Unlink("l"))
	equal(t, "d/f", content(t, c, "d/f"), "far")
}

func linkTargets(t *testing.T, c Client) {
	targets := []string{
		"x", "/absolute", "../../..", " \n\t\x01\xff\xfe", strings.Repeat("t", 255), strings.Repeat("n/", 2047) + "t",
	}
	for i, target := range targets {
		name := string(rune('a' + i))
		ok(t, c.Symlink(target, name))
		got, err := c.Readlink(name)
		ok(t, err)
		equal(t, "target", got, target)
	}
}

func linkLoops(t *testing.T, c Client) {
	ok(t, c.Symlink("self", "self"))
	ok(t, c.Symlink("b", "a"))
	ok(t, c.Symlink("a", "b"))
	for _, path := range []string{"self", "a", "a/x"} {
		_, err := c.Stat(path, true)
		fails(t, err, regions.Loop)
	}
	_, err := c.Open("a", Read, 0)
	fails(t, err, regions.Loop)
	_, err = c.Stat("a", false)
	ok(t, err)
}

func linkDangling(t *testing.T, c Client) {
	ok(t, c.Symlink("target", "l"))
	_, err := c.Stat("l", true)
	fails(t, err, regions.NotFound)
	_, err = c.Open("l", Read, 0)
	fails(t, err, regions.NotFound)
	_, err = c.Open("l", ReadWrite|Create|Exclusive, 0o644)
	fails(t, err, regions.Exists)
	put(t, c, "l", "made through it")
	equal(t, "target", content(t, c, "target"), "made through it")
}

func linkOfSymlink(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Symlink("f", "l"))
	ok(t, c.Link("l", "m"))
	got, err := c.Readlink("m")
	ok(t, err)
	equal(t, "target", got, "f")
	a, err := c.Stat("l", false)
	ok(t, err)
	equal(t, "nlink of the symlink", a.Nlink, 2)
}

func linkMany(t *testing.T, c Client) {
	put(t, c, "f", "x")
	const n = 200
	for i := range n {
		ok(t, c.Link("f", "l"+strings.Repeat("i", i)))
	}
	a, err := c.Stat("f", false)
	ok(t, err)
	equal(t, "nlink", a.Nlink, n+1)
}
