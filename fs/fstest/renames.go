package fstest

import (
	"testing"

	"github.com/shmfs/shmfs/regions"
)

var renameChecks = []check{
	{name: "Moves", run: renameMoves},
	{name: "Replaces", run: renameReplaces},
	{name: "Refusals", run: renameRefusals},
	{name: "SameNode", run: renameSameNode},
	{name: "NoReplace", run: renameNoReplace},
	{name: "Exchange", run: renameExchange},
	{name: "Flags", run: renameFlags},
	{name: "Whiteout", run: renameWhiteout, need: []Feature{Privilege}},
	{name: "ReplacedWhileOpen", run: renameReplacedWhileOpen},
	{name: "Times", run: renameTimes},
}

func renameMoves(t *testing.T, c Client) {
	put(t, c, "a", "A")
	ok(t, c.Rename("a", "b", 0))
	_, err := c.Stat("a", false)
	fails(t, err, regions.NotFound)
	equal(t, "b", content(t, c, "b"), "A")
	ok(t, c.Mkdir("d", 0o755))
	ok(t, c.Rename("b", "d/c", 0))
	ok(t, c.Rename("d", "e", 0))
	equal(t, "e/c", content(t, c, "e/c"), "A")
	ok(t, c.Symlink("e/c", "l"))
	ok(t, c.Rename("l", "e/l", 0))
	target, err := c.Readlink("e/l")
	ok(t, err)
	equal(t, "target of a moved symlink", target, "e/c")
}

func renameReplaces(t *testing.T, c Client) {
	put(t, c, "a", "A")
	put(t, c, "b", "B")
	ok(t, c.Rename("a", "b", 0))
	equal(t, "b", content(t, c, "b"), "A")
	ok(t, c.Mkdir("d", 0o755))
	ok(t, c.Mkdir("e", 0o711))
	put(t, c, "d/f", "F")
	ok(t, c.Rename("d", "e", 0))
	equal(t, "e/f", content(t, c, "e/f"), "F")
	ok(t, c.Symlink("b", "l"))
	ok(t, c.Rename("e/f", "l", 0))
	equal(t, "b is not what l was", content(t, c, "b"), "A")
	equal(t, "l", content(t, c, "l"), "F")
}

func renameRefusals(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Mkdir("d", 0o755))
	ok(t, c.Mkdir("d/e", 0o755))
	ok(t, c.Mkdir("empty", 0o755))
	fails(t, c.Rename("no", "x", 0), regions.NotFound)
	fails(t, c.Rename("f", "no/x", 0), regions.NotFound)
	fails(t, c.Rename("f", "f/x", 0), regions.NotDir)
	fails(t, c.Rename("d", "f", 0), regions.NotDir)
	fails(t, c.Rename("f", "empty", 0), regions.IsDir)
	fails(t, c.Rename("empty", "d", 0), regions.NotEmpty)
	fails(t, c.Rename("d", "d/x", 0), regions.Invalid)
	fails(t, c.Rename("d", "d/e/x", 0), regions.Invalid)
	fails(t, c.Rename("d/e", "d", 0), regions.NotEmpty)
	ok(t, c.Rename("d", "d", 0))
}

func renameSameNode(t *testing.T, c Client) {
	put(t, c, "a", "x")
	ok(t, c.Link("a", "b"))
	ok(t, c.Rename("a", "b", 0))
	a, err := c.Stat("a", false)
	ok(t, err)
	equal(t, "nlink: both names stay, rename(2)", a.Nlink, 2)
	ok(t, c.Rename("a", "a", 0))
}

func renameNoReplace(t *testing.T, c Client) {
	put(t, c, "a", "A")
	put(t, c, "b", "B")
	ok(t, c.Mkdir("d", 0o755))
	fails(t, c.Rename("a", "b", regions.RenameNoReplace), regions.Exists)
	fails(t, c.Rename("a", "d", regions.RenameNoReplace), regions.Exists)
	fails(t, c.Rename("a", "a", regions.RenameNoReplace), regions.Exists)
	fails(t, c.Rename("no", "b", regions.RenameNoReplace), regions.NotFound)
	ok(t, c.Rename("a", "c", regions.RenameNoReplace))
	equal(t, "c", content(t, c, "c"), "A")
	equal(t, "b", content(t, c, "b"), "B")
}

func renameExchange(t *testing.T, c Client) {
	put(t, c, "a", "A")
	put(t, c, "b", "B")
	ok(t, c.Rename("a", "b", regions.RenameExchange))
	equal(t, "a", content(t, c, "a"), "B")
	equal(t, "b", content(t, c, "b"), "A")
	ok(t, c.Mkdir("d", 0o755))
	put(t, c, "d/f", "F")
	ok(t, c.Rename("a", "d", regions.RenameExchange))
	equal(t, "a/f", content(t, c, "a/f"), "F")
	equal(t, "d", content(t, c, "d"), "B")
	ok(t, c.Symlink("b", "l"))
	ok(t, c.Rename("a/f", "l", regions.RenameExchange))
	equal(t, "l", content(t, c, "l"), "F")
	fails(t, c.Rename("a", "no", regions.RenameExchange), regions.NotFound)
	fails(t, c.Rename("no", "a", regions.RenameExchange), regions.NotFound)
	fails(t, c.Rename("a", "a/f", regions.RenameExchange), regions.Invalid)
	fails(t, c.Rename("a/f", "a", regions.RenameExchange), regions.Invalid)
	ok(t, c.Rename("b", "b", regions.RenameExchange))
}

func renameFlags(t *testing.T, c Client) {
	put(t, c, "a", "")
	put(t, c, "b", "")
	fails(t, c.Rename("a", "b", regions.RenameExchange|regions.RenameNoReplace), regions.Invalid)
	fails(t, c.Rename("a", "b", regions.RenameExchange|regions.RenameWhiteout), regions.Invalid)
	fails(t, c.Rename("a", "b", 1<<3), regions.Invalid)
}

// renameWhiteout leaves a character device of number 0 where the name was (renameat2(2)).
func renameWhiteout(t *testing.T, c Client) {
	put(t, c, "a", "A")
	ok(t, c.Rename("a", "b", regions.RenameWhiteout))
	a, err := c.Stat("a", false)
	ok(t, err)
	equal(t, "type of what is left", a.Type(), regions.TypeChar)
	equal(t, "number", a.Rdev, 0)
	equal(t, "b", content(t, c, "b"), "A")
}

func renameReplacedWhileOpen(t *testing.T, c Client) {
	put(t, c, "a", "A")
	put(t, c, "b", "B")
	f, err := c.Open("b", ReadWrite, 0)
	ok(t, err)
	defer f.Close()
	ok(t, c.Rename("a", "b", 0))
	a, err := f.Stat()
	ok(t, err)
	equal(t, "nlink of what was replaced", a.Nlink, 0)
	p := make([]byte, 4)
	n, err := f.ReadAt(p, 0)
	ok(t, err)
	equal(t, "its content", string(p[:n]), "B")
}

func renameTimes(t *testing.T, c Client) {
	put(t, c, "a", "")
	ok(t, c.Utimes("a", At(5, 6), At(7, 8)))
	before, err := c.Stat("a", false)
	ok(t, err)
	ok(t, c.Rename("a", "b", 0))
	after, err := c.Stat("b", false)
	ok(t, err)
	equal(t, "mtime", after.Mtime, before.Mtime)
	equal(t, "atime", after.Atime, before.Atime)
	if after.Ctime.Before(before.Ctime) {
		t.Errorf("ctime went back from %v to %v", before.Ctime, after.Ctime)
	}
}
