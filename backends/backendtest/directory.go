package backendtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"

	"github.com/shmfs/shmfs/regions"
)

var directories = []check{
	{"ListEmpty", listEmpty},
	{"ListTypes", listTypes},
	{"ListMany", listMany},
	{"ListResumesAnywhere", listResumesAnywhere},
	{"ListAfterRemovalOfLast", listAfterRemovalOfLast},
	{"ListIsStable", listIsStable},
	{"ListWhileEmptying", listWhileEmptying},
	{"ListRemovedDirectory", listRemovedDirectory},
	{"DirectorySize", directorySize},
}

// read reads at most n entries after a position.
func (x *tree) read(d regions.Dir, off uint64, n int) []regions.Entry {
	x.Helper()
	var got []regions.Entry
	x.want(regions.OK, d.Read(off, true, func(e regions.Entry) bool {
		if len(got) == n {
			return false
		}
		got = append(got, e)
		return true
	}), "readdir")
	return got
}

// openDir opens a directory until the test ends.
func (x *tree) openDir(n regions.NodeID) regions.Dir {
	x.Helper()
	d, err := x.OpenDir(n)
	x.want(regions.OK, err, "opendir")
	x.Cleanup(func() { d.Close() })
	return d
}

// list answers a directory's names, sorted.
func (x *tree) list(n regions.NodeID) []string {
	x.Helper()
	var names []string
	for _, e := range x.read(x.openDir(n), 0, 1<<30) {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

// everything lists the whole tree: a line a name, with node, links and size.
func (x *tree) everything() []string {
	x.Helper()
	var all []string
	var walk func(n regions.NodeID, at string)
	walk = func(n regions.NodeID, at string) {
		for _, name := range x.list(n) {
			a, err := x.Lookup(n, name)
			x.want(regions.OK, err, "lookup")
			all = append(all, fmt.Sprint(path.Join(at, name), " ", a.Node, a.Nlink, a.Size))
			if a.IsDir() {
				walk(a.Node, path.Join(at, name))
			}
		}
	}
	walk(regions.RootNode, "")
	return all
}

func listEmpty(x *tree) {
	x.put("d", folder)
	if got := x.list(x.at("d")); len(got) != 0 {
		x.Errorf("an empty directory lists %q", got)
	}
}

func listTypes(x *tree) {
	want := map[string]regions.Attr{}
	for _, mode := range []uint32{region, folder, symlink, fifo, socket} {
		name := fmt.Sprintf("%o", mode)
		want[name] = x.put(name, mode)
	}
	d := x.openDir(regions.RootNode)
	for _, e := range x.read(d, 0, 100) {
		a := want[e.Name]
		if e.Ino != a.Ino || e.Type != a.Type() || e.Attr != x.attr(a.Node) || e.Off < regions.FirstPosition {
			x.Errorf("entry %+v, want %+v", e, a)
		}
		delete(want, e.Name)
	}
	if len(want) != 0 {
		x.Errorf("not listed: %v", want)
	}
	x.want(regions.OK, d.Read(0, false, func(e regions.Entry) bool {
		if e.Attr != (regions.Attr{}) || e.Ino == 0 {
			x.Errorf("without attributes: %+v", e)
		}
		return true
	}), "readdir without attributes")
}

// listMany reads in portions of every size that a reply may have.
func listMany(x *tree) {
	const count = 3000
	for i := range count {
		x.put(fmt.Sprint("entry", i), region)
	}
	d := x.openDir(regions.RootNode)
	for _, portion := range []int{1, 7, 100, count} {
		seen, offs := map[string]bool{}, map[uint64]bool{}
		for off := uint64(0); ; {
			got := x.read(d, off, portion)
			for _, e := range got {
				if seen[e.Name] || offs[e.Off] || e.Off < regions.FirstPosition || e.Off == regions.PositionTaken {
					x.Fatalf("portions of %d: %q again, or position %d", portion, e.Name, e.Off)
				}
				seen[e.Name], offs[e.Off] = true, true
				off = e.Off
			}
			if len(got) == 0 {
				break
			}
		}
		if len(seen) != count {
			x.Fatalf("portions of %d: %d entries, want %d", portion, len(seen), count)
		}
	}
}

// listResumesAnywhere: a position handed out once can be gone back to, and 0 to 2 are the start.
func listResumesAnywhere(x *tree) {
	for i := range 50 {
		x.put(fmt.Sprint(i), region)
	}
	d := x.openDir(regions.RootNode)
	all := x.read(d, 0, 100)
	for off := range regions.FirstPosition {
		if got := x.read(d, off, 100); !slices.Equal(got, all) {
			x.Errorf("from %d: %d entries, want all", off, len(got))
		}
	}
	for _, i := range rand.New(rand.NewPCG(3, 4)).Perm(len(all)) {
		if got := x.read(d, all[i].Off, 100); !slices.Equal(got, all[i+1:]) {
			x.Errorf("after entry %d: %d entries, want %d", i, len(got), len(all)-i-1)
		}
	}
	if got := x.read(x.openDir(regions.RootNode), all[20].Off, 100); !slices.Equal(got, all[21:]) {
		x.Errorf("by another handle: %d entries, want %d", len(got), len(all)-21)
	}
}

// listAfterRemovalOfLast: the entry at which a listing stands may go.
func listAfterRemovalOfLast(x *tree) {
	for i := range 20 {
		x.put(fmt.Sprint(i), region)
	}
	d := x.openDir(regions.RootNode)
	all := x.read(d, 0, 100)
	_, err := x.Remove(regions.RootNode, all[9].Name, false)
	x.want(regions.OK, err, "remove")
	got := x.read(d, all[9].Off, 100)
	if len(got) != 10 || got[0].Name != all[10].Name {
		x.Errorf("%d entries after the removed one, want 10", len(got))
	}
}

// listIsStable: what is there from the first read to the last is listed once, whatever comes and goes.
func listIsStable(x *tree) {
	const stay, churn = 300, 300
	for i := range stay {
		x.put(fmt.Sprint("stay", i), region)
		if i < churn {
			x.put(fmt.Sprint("go", i), region)
		}
	}
	rng := rand.New(rand.NewPCG(5, 6))
	d := x.openDir(regions.RootNode)
	seen := map[string]int{}
	fresh := 0
	for off := uint64(0); ; {
		got := x.read(d, off, 10)
		if len(got) == 0 {
			break
		}
		for _, e := range got {
			seen[e.Name]++
			off = e.Off
		}
		for range 5 {
			_, err := x.Remove(regions.RootNode, fmt.Sprint("go", rng.IntN(churn)), false)
			if err != nil && !errors.Is(err, regions.NotFound) {
				x.Fatal(err)
			}
			fresh++
			x.put(fmt.Sprint("new", fresh), region)
		}
		if fresh > 10*(stay+churn) {
			x.Fatal("the listing does not end while entries come")
		}
	}
	for i := range stay {
		if n := seen[fmt.Sprint("stay", i)]; n != 1 {
			x.Fatalf("stay%d was listed %d times", i, n)
		}
	}
}

// listWhileEmptying is what `rm -r` does: read some, remove them, read on.
func listWhileEmptying(x *tree) {
	for i := range 500 {
		x.put(fmt.Sprint(i), region)
	}
	d := x.openDir(regions.RootNode)
	for off := uint64(0); ; {
		got := x.read(d, off, 37)
		if len(got) == 0 {
			break
		}
		for _, e := range got {
			_, err := x.Remove(regions.RootNode, e.Name, false)
			x.want(regions.OK, err, "remove")
			x.Drop(e.Attr.Node)
			off = e.Off
		}
	}
	if left := x.list(regions.RootNode); len(left) != 0 {
		x.Errorf("%d entries left", len(left))
	}
}

func listRemovedDirectory(x *tree) {
	n := x.put("d", folder).Node
	d := x.openDir(n)
	_, err := x.Remove(regions.RootNode, "d", true)
	x.want(regions.OK, err, "rmdir")
	err = d.Read(0, false, func(e regions.Entry) bool {
		x.Errorf("lists %+v", e)
		return true
	})
	x.want(regions.NotFound, err, "readdir") // Linux fs/readdir.c, iterate_dir
}

// directorySize: each entry counts the same (Linux mm/shmem.c, BOGO_DIRENT_SIZE).
func directorySize(x *tree) {
	empty := x.attr(regions.RootNode).Size
	x.put("a", region)
	one := x.attr(regions.RootNode).Size - empty
	if one <= 0 {
		x.Fatalf("an entry changes the size by %d", one)
	}
	x.put("a rather long name", folder)
	if got := x.attr(regions.RootNode).Size; got != empty+2*one {
		x.Errorf("size with two entries %d, want %d", got, empty+2*one)
	}
	_, err := x.Rename(x.rename("a", "b", 0))
	x.want(regions.OK, err, "rename")
	_, err = x.Rename(x.rename("b", "a rather long name/b", 0))
	x.want(regions.OK, err, "rename")
	if got := x.attr(regions.RootNode).Size; got != empty+one {
		x.Errorf("size with one entry %d, want %d", got, empty+one)
	}
}
