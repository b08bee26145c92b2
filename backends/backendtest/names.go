package backendtest

import (
	"strings"

	"github.com/shmfs/shmfs/regions"
)

var names = []check{
	{"Root", root},
	{"Lookup", lookup},
	{"LookupErrors", lookupErrors},
	{"NamesOfAnyBytes", namesOfAnyBytes},
	{"LongestName", longestName},
	{"Readlink", readlink},
	{"NodesAreNeverTheSame", nodesAreNeverTheSame},
	{"Path", pathOfNode},
}

func root(x *tree) {
	a := x.attr(regions.RootNode)
	if !a.IsDir() || a.Nlink != 2 || a.Node != regions.RootNode || a.Ino == 0 {
		x.Fatalf("root: %+v", a)
	}
	d, err := x.OpenDir(regions.RootNode)
	x.want(regions.OK, err, "opendir")
	defer d.Close()
	self, parent, err := d.Dots()
	x.want(regions.OK, err, "dots")
	if self != a.Ino || parent != a.Ino {
		x.Fatalf("dots of the root: %d, %d, want %d twice", self, parent, a.Ino)
	}
}

func lookup(x *tree) {
	x.put("d", folder)
	made := x.put("d/f", region)
	found, err := x.Lookup(x.at("d"), "f")
	x.want(regions.OK, err, "lookup")
	if found != made || found != x.attr(made.Node) {
		x.Fatalf("lookup %+v, made %+v, getattr %+v", found, made, x.attr(made.Node))
	}
}

func lookupErrors(x *tree) {
	f := x.put("f", region)
	gone := x.put("gone", region)
	_, err := x.Remove(regions.RootNode, "gone", false)
	x.want(regions.OK, err, "remove")
	x.Drop(gone.Node)
	for _, c := range []struct {
		dir  regions.NodeID
		name string
		want regions.Code
	}{
		{regions.RootNode, "none", regions.NotFound},
		{regions.RootNode, "gone", regions.NotFound},
		{regions.RootNode, strings.Repeat("n", 256), regions.NameTooLong},
		{f.Node, "x", regions.NotDir},
		{gone.Node, "x", regions.Stale},
		{regions.MakeNodeID(f.Node.Generation()+1, f.Node.Ino()), "x", regions.Stale},
	} {
		_, err := x.Lookup(c.dir, c.name)
		x.want(c.want, err, c.dir.String()+"/"+c.name)
	}
}

func namesOfAnyBytes(x *tree) {
	count := 0
	for b := 1; b < 256; b++ {
		name := string([]byte{byte(b)})
		if name == "/" || name == "." {
			continue
		}
		x.put(name, region)
		count++
	}
	listed := x.list(regions.RootNode)
	if len(listed) != count {
		x.Fatalf("%d names listed, want %d", len(listed), count)
	}
	for _, name := range listed {
		_, err := x.Lookup(regions.RootNode, name)
		x.want(regions.OK, err, "lookup of a listed name")
	}
}

func longestName(x *tree) {
	long, longer := strings.Repeat("\xff", 255), strings.Repeat("\xff", 256)
	x.put(long, region)
	x.put("f", region)
	x.at(long)
	_, err := x.Make(regions.RootNode, longer, regions.Spec{Mode: region, UID: x.uid, GID: x.gid})
	x.want(regions.NameTooLong, err, "make")
	_, err = x.Make(regions.RootNode, longer, regions.Spec{Mode: folder, UID: x.uid, GID: x.gid})
	x.want(regions.NameTooLong, err, "mkdir")
	_, err = x.Link(x.at("f"), regions.RootNode, longer)
	x.want(regions.NameTooLong, err, "link")
	_, err = x.Remove(regions.RootNode, longer, false)
	x.want(regions.NameTooLong, err, "unlink")
	_, err = x.Remove(regions.RootNode, longer, true)
	x.want(regions.NameTooLong, err, "rmdir")
	_, err = x.Rename(regions.Rename{Dir: 1, Name: "f", NewDir: 1, NewName: longer})
	x.want(regions.NameTooLong, err, "rename to")
	_, err = x.Rename(regions.Rename{Dir: 1, Name: longer, NewDir: 1, NewName: "g"})
	x.want(regions.NameTooLong, err, "rename from")
}

func readlink(x *tree) {
	for i, length := range []int{1, 127, 128, 4095} { // 128 is where tmpfs takes a page for it
		target := strings.Repeat("t", length)
		name := string(rune('a' + i))
		a, err := x.Make(regions.RootNode, name, regions.Spec{Mode: symlink, Target: target, UID: x.uid, GID: x.gid})
		x.want(regions.OK, err, "symlink")
		got, err := x.Readlink(a.Node)
		x.want(regions.OK, err, "readlink")
		if got != target || a.Size != int64(length) || a.Mode != symlink || a.Nlink != 1 {
			x.Fatalf("a target of %d bytes: %d read, attributes %+v", length, len(got), a)
		}
	}
	_, err := x.Make(regions.RootNode, "s", regions.Spec{Mode: symlink, Target: strings.Repeat("t", 4096)})
	x.want(regions.NameTooLong, err, "target of 4096 bytes")
	_, err = x.Make(regions.RootNode, "s", regions.Spec{Mode: symlink})
	x.want(regions.NotFound, err, "target of 0 bytes")
	_, err = x.Readlink(x.put("f", region).Node)
	x.want(regions.Invalid, err, "readlink of a region")
	_, err = x.Readlink(regions.RootNode)
	x.want(regions.Invalid, err, "readlink of a directory")
}

// nodesAreNeverTheSame makes and ends nodes: an inode number may come again, a node id never.
func nodesAreNeverTheSame(x *tree) {
	seen := map[regions.NodeID]bool{regions.RootNode: true}
	for range 500 {
		a := x.put("f", region)
		if seen[a.Node] || a.Node.Virtual() {
			x.Fatalf("node id %v again, or virtual", a.Node)
		}
		seen[a.Node] = true
		_, err := x.Remove(regions.RootNode, "f", false)
		x.want(regions.OK, err, "remove")
		x.Drop(a.Node)
		_, err = x.Getattr(a.Node)
		x.want(regions.Stale, err, "getattr after drop")
	}
}

func pathOfNode(x *tree) {
	p, ok := x.Arena.(regions.Pather)
	if !ok {
		x.Skip("the arena does not tell paths")
	}
	x.put("a", folder)
	x.put("a/b", folder)
	x.put("a/b/f", region)
	for _, want := range []string{"", "a", "a/b", "a/b/f"} {
		got, err := p.Path(x.at(want))
		x.want(regions.OK, err, "path")
		if got != want {
			x.Errorf("path %q, want %q", got, want)
		}
	}
	f := x.at("a/b/f")
	_, err := x.Rename(regions.Rename{Dir: x.at("a"), Name: "b", NewDir: 1, NewName: "c"})
	x.want(regions.OK, err, "rename")
	if got, err := p.Path(f); err != nil || got != "c/f" {
		x.Errorf("path after rename %q, %v", got, err)
	}
}
