package backendtest

import (
	"path"
	"slices"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

var renames = []check{
	{"RenameTable", renameTable},
	{"RenameReplaces", renameReplaces},
	{"RenameOfOneNode", renameOfOneNode},
	{"RenameDirectory", renameDirectory},
	{"RenameDirectoryOverDirectory", renameDirectoryOverDirectory},
	{"RenameExchange", renameExchange},
	{"RenameWhiteout", renameWhiteout},
	{"RenameNowhere", renameNowhere},
}

const (
	noReplace = regions.RenameNoReplace
	exchange  = regions.RenameExchange
	whiteout  = regions.RenameWhiteout
)

// renameTable tries what the kernel answers for each pair of names (Linux fs/namei.c, do_renameat2, vfs_rename).
func renameTable(x *tree) {
	for _, p := range []string{"d/", "d/s/", "d/s/t/", "e/", "full/", "full/x", "f", "d/g", "l->"} {
		switch {
		case strings.HasSuffix(p, "->"):
			x.put(strings.TrimSuffix(p, "->"), symlink)
		case strings.HasSuffix(p, "/"):
			x.put(strings.TrimSuffix(p, "/"), folder)
		default:
			x.put(p, region)
		}
	}
	_, err := x.Link(x.at("f"), x.at("d/s"), "f2")
	x.want(regions.OK, err, "link")
	before := x.everything()
	for _, c := range []struct {
		from, to string
		flags    regions.RenameFlags
		want     regions.Code
	}{
		{"none", "x", 0, regions.NotFound},
		{"none", strings.Repeat("n", 256), 0, regions.NotFound},
		{"none", "f", noReplace, regions.NotFound},
		{"f", "none", exchange, regions.NotFound},
		{"f", "d", 0, regions.IsDir},
		{"l", "d", 0, regions.IsDir},
		{"e", "f", 0, regions.NotDir},
		{"e", "l", 0, regions.NotDir},
		{"e", "full", 0, regions.NotEmpty},
		{"full", "d", 0, regions.NotEmpty},
		{"d", "d/x", 0, regions.Invalid},
		{"d", "d/s/x", 0, regions.Invalid},
		{"d", "d/s/t", 0, regions.Invalid},
		{"d", "d/g", 0, regions.Invalid},
		{"d", "d/s", exchange, regions.Invalid},
		{"d", "d/s/t", noReplace, regions.Exists},
		{"d/s/t", "d", 0, regions.NotEmpty},
		{"d/g", "d", 0, regions.NotEmpty}, // told before IsDir
		{"d/s", "d", exchange, regions.Invalid},
		{"d/s/t", "d", exchange, regions.Invalid},
		{"f", "l", noReplace, regions.Exists},
		{"f", "f", noReplace, regions.Exists},
		{"f", "d/s/f2", noReplace, regions.Exists},
		{"f", "x", noReplace | exchange, regions.Invalid},
		{"f", "x", exchange | whiteout, regions.Invalid},
		{"f", "x", 8, regions.Invalid},
		{"d", "d", 0, regions.OK},
		{"f", "f", 0, regions.OK},
		{"f", "d/s/f2", 0, regions.OK},
		{"f", "d/s/f2", exchange, regions.OK},
	} {
		_, err := x.Rename(x.rename(c.from, c.to, c.flags))
		x.want(c.want, err, "rename "+c.from+" to "+c.to)
	}
	if after := x.everything(); !slices.Equal(before, after) {
		x.Errorf("refused renames changed the tree:\n%q\n%q", before, after)
	}
}

// rename makes arguments from two paths.
func (x *tree) rename(from, to string, flags regions.RenameFlags) regions.Rename {
	x.Helper()
	dir := func(p string) regions.NodeID { return x.at(strings.TrimPrefix(path.Dir(p), ".")) }
	return regions.Rename{Dir: dir(from), Name: path.Base(from), NewDir: dir(to), NewName: path.Base(to), Flags: flags}
}

func renameReplaces(x *tree) {
	a, b := x.put("a", region), x.put("b", region)
	old, err := x.Rename(x.rename("a", "b", 0))
	x.want(regions.OK, err, "rename")
	if old.Node != b.Node || old.Nlink != 0 {
		x.Errorf("replaced %+v, answered %+v", b, old)
	}
	if x.at("b") != a.Node || !slices.Equal(x.list(1), []string{"b"}) {
		x.Errorf("after: %q", x.list(1))
	}
	x.attr(b.Node) // an orphan
	x.Drop(b.Node)
	_, err = x.Getattr(b.Node)
	x.want(regions.Stale, err, "getattr after drop")

	none, err := x.Rename(x.rename("b", "c", 0))
	x.want(regions.OK, err, "rename")
	if none.Node != regions.NoNode {
		x.Errorf("nothing was replaced, but: %+v", none)
	}
	x.put("s", symlink)
	_, err = x.Rename(x.rename("c", "s", 0))
	x.want(regions.OK, err, "rename of a region over a symlink")
	if x.at("s") != a.Node {
		x.Error("the symlink is still there")
	}
}

// renameOfOneNode: two names of one node stay both, rename(2).
func renameOfOneNode(x *tree) {
	a := x.put("a", region)
	_, err := x.Link(a.Node, regions.RootNode, "b")
	x.want(regions.OK, err, "link")
	flags := []regions.RenameFlags{0, exchange}
	if !x.unprivileged {
		flags = append(flags, whiteout)
	}
	for _, f := range flags {
		old, err := x.Rename(x.rename("a", "b", f))
		x.want(regions.OK, err, "rename")
		if old.Node != regions.NoNode && (old.Node != a.Node || old.Nlink != 2) {
			x.Errorf("answered %+v", old)
		}
		if x.at("a") != a.Node || x.at("b") != a.Node || x.attr(a.Node).Nlink != 2 {
			x.Errorf("flags %d: names %q, links %d", f, x.list(1), x.attr(a.Node).Nlink)
		}
	}
}

func renameDirectory(x *tree) {
	x.put("d", folder)
	x.put("e", folder)
	s := x.put("d/s", folder).Node
	x.put("d/s/f", region)
	_, err := x.Rename(x.rename("d/s", "e/t", 0))
	x.want(regions.OK, err, "rename")
	if x.at("e/t") != s || x.attr(x.at("d")).Nlink != 2 || x.attr(x.at("e")).Nlink != 3 {
		x.Errorf("links of the parents: %d and %d, want 2 and 3", x.attr(x.at("d")).Nlink, x.attr(x.at("e")).Nlink)
	}
	x.at("e/t/f")
	h, err := x.OpenDir(s)
	x.want(regions.OK, err, "opendir")
	defer h.Close()
	if _, parent, err := h.Dots(); err != nil || parent != x.attr(x.at("e")).Ino {
		x.Errorf("its parent is %d (%v), want %d", parent, err, x.attr(x.at("e")).Ino)
	}
}

func renameDirectoryOverDirectory(x *tree) {
	x.put("d", folder)
	x.put("e", folder)
	for _, p := range []string{"d/a", "d/b", "e/c"} {
		x.put(p, folder)
	}
	a, b, c := x.at("d/a"), x.at("d/b"), x.at("e/c")
	for _, m := range []struct {
		from, to     string
		gone, now    regions.NodeID
		linksD, list uint32
	}{
		{"d/a", "d/b", b, a, 3, 1},
		{"d/b", "e/c", c, a, 2, 0},
	} {
		old, err := x.Rename(x.rename(m.from, m.to, 0))
		x.want(regions.OK, err, "rename")
		if old.Node != m.gone || old.Nlink != 0 || x.at(m.to) != m.now {
			x.Errorf("%s over %s: answered %+v", m.from, m.to, old)
		}
		if d := x.attr(x.at("d")); d.Nlink != m.linksD || uint32(len(x.list(d.Node))) != m.list {
			x.Errorf("%s over %s: %d links and %q in d", m.from, m.to, d.Nlink, x.list(d.Node))
		}
	}
	if e := x.attr(x.at("e")); e.Nlink != 3 {
		x.Errorf("links of e: %d, want 3", e.Nlink)
	}
	_, err := x.Make(b, "x", regions.Spec{Mode: region, UID: x.uid, GID: x.gid})
	x.want(regions.NotFound, err, "make in a replaced directory")
}

func renameExchange(x *tree) {
	x.put("d", folder)
	x.put("e", folder)
	s, f := x.put("d/s", folder).Node, x.put("e/f", region).Node
	x.put("d/s/full", region)
	old, err := x.Rename(x.rename("d/s", "e/f", exchange))
	x.want(regions.OK, err, "exchange")
	if old.Node != regions.NoNode && (old.Node != f || old.Nlink != 1) {
		x.Errorf("answered %+v", old)
	}
	if x.at("e/f") != s || x.at("d/s") != f {
		x.Error("not exchanged")
	}
	if d, e := x.attr(x.at("d")), x.attr(x.at("e")); d.Nlink != 2 || e.Nlink != 3 {
		x.Errorf("links of the parents: %d and %d, want 2 and 3", d.Nlink, e.Nlink)
	}
	_, err = x.Rename(x.rename("e", "d/s", exchange))
	x.want(regions.OK, err, "exchange of a directory with content and a region elsewhere")
	if x.at("d/s/f/full") == regions.NoNode || x.attr(1).Nlink != 3 || x.attr(x.at("d")).Nlink != 3 {
		x.Errorf("links of the root %d, of d %d; want 3 and 3", x.attr(1).Nlink, x.attr(x.at("d")).Nlink)
	}
}

func renameWhiteout(x *tree) {
	if x.unprivileged {
		x.Skip("a whiteout is a device node")
	}
	a := x.put("a", region)
	size := x.attr(1).Size
	_, err := x.Rename(x.rename("a", "b", whiteout))
	x.want(regions.OK, err, "whiteout")
	w := x.attr(x.at("a"))
	if w.Mode != regions.TypeChar || w.Rdev != 0 || w.Nlink != 1 || x.at("b") != a.Node {
		x.Errorf("whiteout: %+v", w)
	}
	if got := x.attr(1).Size; got <= size {
		x.Errorf("size of the directory %d, before %d", got, size)
	}
	x.put("d", folder)
	_, err = x.Rename(x.rename("d", "e", whiteout|noReplace))
	x.want(regions.OK, err, "whiteout of a directory")
	if x.attr(1).Nlink != 3 {
		x.Errorf("links of the root: %d, want 3", x.attr(1).Nlink)
	}
}

func renameNowhere(x *tree) {
	f := x.put("f", region).Node
	nowhere := regions.MakeNodeID(77, 7777777)
	for _, c := range []struct {
		from, to regions.NodeID
		want     regions.Code
	}{
		{nowhere, 1, regions.Stale},
		{1, nowhere, regions.Stale},
		{f, 1, regions.NotDir},
		{1, f, regions.NotDir},
	} {
		_, err := x.Rename(regions.Rename{Dir: c.from, Name: "f", NewDir: c.to, NewName: "g"})
		x.want(c.want, err, "rename")
	}
}
