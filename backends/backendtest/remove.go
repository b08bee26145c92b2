package backendtest

import (
	"strings"

	"github.com/shmfs/shmfs/regions"
)

var removers = []check{
	{"Unlink", unlink},
	{"UnlinkOneOfTwo", unlinkOneOfTwo},
	{"RemoveErrors", removeErrors},
	{"Rmdir", rmdir},
	{"RemovedDirectory", removedDirectory},
	{"OrphanLivesUntilDrop", orphanLivesUntilDrop},
	{"FileOutlivesDrop", fileOutlivesDrop},
	{"DropOfNamed", dropOfNamed},
}

func unlink(x *tree) {
	for _, mode := range []uint32{region, symlink, fifo, socket} {
		a := x.put("f", mode)
		b, err := x.Remove(regions.RootNode, "f", false)
		x.want(regions.OK, err, "remove")
		if b.Node != a.Node || b.Nlink != 0 || b.Mode != a.Mode {
			x.Errorf("removed %+v, answered %+v", a, b)
		}
		_, err = x.Lookup(regions.RootNode, "f")
		x.want(regions.NotFound, err, "lookup")
		x.Drop(a.Node)
	}
}

func unlinkOneOfTwo(x *tree) {
	a := x.put("f", region)
	_, err := x.Link(a.Node, regions.RootNode, "g")
	x.want(regions.OK, err, "link")
	b, err := x.Remove(regions.RootNode, "f", false)
	x.want(regions.OK, err, "remove")
	if b.Nlink != 1 {
		x.Fatalf("links: %d, want 1", b.Nlink)
	}
	x.Drop(a.Node)
	if got := x.attr(x.at("g")); got.Node != a.Node || got.Nlink != 1 {
		x.Fatalf("the other name: %+v", got)
	}
}

func removeErrors(x *tree) {
	f := x.put("f", region)
	x.put("d", folder)
	x.put("d/x", region)
	x.put("s", symlink)
	for _, c := range []struct {
		dir   regions.NodeID
		name  string
		rmdir bool
		want  regions.Code
	}{
		{1, "none", false, regions.NotFound},
		{1, "none", true, regions.NotFound},
		{1, "d", false, regions.IsDir},
		{1, "f", true, regions.NotDir},
		{1, "s", true, regions.NotDir},
		{1, "d", true, regions.NotEmpty},
		{f.Node, "x", false, regions.NotDir},
		{f.Node, "x", true, regions.NotDir},
		{regions.MakeNodeID(77, 7777777), "x", false, regions.Stale},
	} {
		_, err := x.Remove(c.dir, c.name, c.rmdir)
		x.want(c.want, err, "remove "+c.name)
	}
	x.at("d/x")
}

func rmdir(x *tree) {
	x.put("d", folder)
	before := x.attr(x.at("d"))
	a := x.put("d/e", folder)
	if got := x.attr(x.at("d")); got.Nlink != before.Nlink+1 {
		x.Errorf("links of the parent: %d, want %d", got.Nlink, before.Nlink+1)
	}
	b, err := x.Remove(x.at("d"), "e", true)
	x.want(regions.OK, err, "rmdir")
	if b.Node != a.Node || b.Nlink != 0 {
		x.Errorf("removed %+v, answered %+v", a, b)
	}
	if got := x.attr(x.at("d")); got.Nlink != before.Nlink || got.Size != before.Size {
		x.Errorf("parent: %+v, before: %+v", got, before)
	}
}

// removedDirectory checks that nothing can be made in a directory that is held after rmdir(2).
func removedDirectory(x *tree) {
	d := x.put("d", folder).Node
	f := x.put("f", region).Node
	_, err := x.Remove(regions.RootNode, "d", true)
	x.want(regions.OK, err, "rmdir")
	for _, mode := range []uint32{region, folder, symlink, fifo} {
		_, err = x.Make(d, "x", regions.Spec{Mode: mode, UID: x.uid, GID: x.gid, Target: "t"})
		x.want(regions.NotFound, err, "make")
	}
	_, err = x.Link(f, d, "x")
	x.want(regions.NotFound, err, "link")
	_, err = x.Rename(regions.Rename{Dir: 1, Name: "f", NewDir: d, NewName: "x"})
	x.want(regions.NotFound, err, "rename")
	_, err = x.Lookup(d, "x")
	x.want(regions.NotFound, err, "lookup")
	_, err = x.Lookup(d, strings.Repeat("x", 256))
	x.want(regions.NotFound, err, "lookup of a name that is too long")
	_, err = x.Remove(d, "x", false)
	x.want(regions.NotFound, err, "unlink")
	if a := x.attr(d); a.Nlink != 0 {
		x.Errorf("links of a removed directory: %d", a.Nlink)
	}
	_, err = x.Setattr(d, regions.Change{Set: regions.SetMode, Mode: 0o700})
	x.want(regions.OK, err, "chmod")
	x.Drop(d)
	_, err = x.Getattr(d)
	x.want(regions.Stale, err, "getattr after drop")
}

func orphanLivesUntilDrop(x *tree) {
	a := x.put("f", region)
	f := x.open(a.Node)
	_, err := f.WriteAt([]byte("alive"), 0)
	x.want(regions.OK, err, "write")
	x.want(regions.OK, f.Close(), "close")
	_, err = x.Remove(regions.RootNode, "f", false)
	x.want(regions.OK, err, "remove")

	if got := x.attr(a.Node); got.Nlink != 0 || got.Size != 5 {
		x.Errorf("orphan: %+v", got)
	}
	buf := make([]byte, 5)
	g, err := x.Open(a.Node, regions.ReadAccess)
	x.want(regions.OK, err, "open of an orphan")
	if _, err := g.ReadAt(buf, 0); err != nil || string(buf) != "alive" {
		x.Errorf("orphan reads %q, %v", buf, err)
	}
	x.want(regions.OK, g.Close(), "close")
	_, err = x.Setattr(a.Node, regions.Change{Set: regions.SetMode, Mode: 0o600})
	x.want(regions.OK, err, "chmod of an orphan")

	x.Drop(a.Node)
	_, err = x.Getattr(a.Node)
	x.want(regions.Stale, err, "getattr after drop")
	_, err = x.Open(a.Node, regions.ReadAccess)
	x.want(regions.Stale, err, "open after drop")
	x.Drop(a.Node) // once more is nothing to do
}

func fileOutlivesDrop(x *tree) {
	a := x.put("f", region)
	f := x.open(a.Node)
	_, err := x.Remove(regions.RootNode, "f", false)
	x.want(regions.OK, err, "remove")
	x.Drop(a.Node)
	_, err = f.WriteAt([]byte("still"), 4096)
	x.want(regions.OK, err, "write after drop")
	buf := make([]byte, 5)
	if _, err := f.ReadAt(buf, 4096); err != nil || string(buf) != "still" {
		x.Errorf("reads %q, %v", buf, err)
	}
	x.want(regions.OK, f.Truncate(1), "truncate after drop")
}

func dropOfNamed(x *tree) {
	a := x.put("f", region)
	d := x.put("d", folder)
	x.Drop(a.Node)
	x.Drop(d.Node)
	x.Drop(regions.RootNode)
	x.attr(a.Node)
	x.attr(d.Node)
	x.attr(regions.RootNode)
	x.at("f")
}
