package backendtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

var reports = []check{
	{"Properties", properties},
	{"Usage", usage},
	{"UsageOfOrphans", usageOfOrphans},
	{"LimitOfBytes", limitOfBytes},
	{"LimitOfNodes", limitOfNodes},
	{"ResizeBelowUse", resizeBelowUse},
	{"Walk", walk},
	{"WalkEnds", walkEnds},
	{"Survey", survey},
	{"SurveyEnds", surveyEnds},
}

func properties(x *tree) {
	p := x.Properties()
	if p.Kind == "" {
		x.Error("no kind")
	}
	for _, l := range p.Losses {
		if l.What == "" || l.Why == "" || l.Remedy == "" {
			x.Errorf("a loss must say what, why and what to do: %+v", l)
		}
	}
}

func (x *tree) usage() regions.Usage {
	x.Helper()
	u, err := x.Usage(regions.RootNode)
	x.want(regions.OK, err, "usage")
	return u
}

func usage(x *tree) {
	before := x.usage()
	if before.BlockSize == 0 || before.NameMax != 255 {
		x.Errorf("usage %+v", before)
	}
	n := x.put("f", region).Node
	x.write(x.open(n), 0, strings.Repeat("x", 100_000))
	after := x.usage()
	a := x.attr(n)
	if used := after.BytesUsed - before.BytesUsed; used < 100_000 || int64(used) != a.Resident() {
		x.Errorf("%d bytes used by a region of 100,000, resident %d", used, a.Resident())
	}
	if before.Nodes > 0 && after.NodesUsed <= before.NodesUsed {
		x.Errorf("nodes used: %d, before %d", after.NodesUsed, before.NodesUsed)
	}
}

// usageOfOrphans: what has no name is counted until nobody can reach it.
func usageOfOrphans(x *tree) {
	before := x.usage()
	n := x.put("f", region).Node
	f := x.open(n)
	x.write(f, 0, strings.Repeat("x", 100_000))
	used := x.usage()
	_, err := x.Remove(regions.RootNode, "f", false)
	x.want(regions.OK, err, "remove")
	if got := x.usage(); got != used {
		x.Errorf("usage with an orphan %+v, want %+v", got, used)
	}
	x.Drop(n)
	if got := x.usage(); got != used {
		x.Errorf("usage with an open orphan %+v, want %+v", got, used)
	}
	x.want(regions.OK, f.Close(), "close")
	if got := x.usage(); got != before {
		x.Errorf("usage at the end %+v, want %+v", got, before)
	}
}

// limited sets limits (0 leaves one as it is), or skips.
func (x *tree) limited(bytes, nodes int64) {
	x.Helper()
	r, ok := x.Arena.(regions.Resizer)
	if !ok {
		x.Skip("the arena's limits are fixed")
	}
	x.want(regions.OK, r.Resize(bytes, nodes), "resize")
}

func limitOfBytes(x *tree) {
	const limit = 8 << 20
	x.limited(limit, 0)
	if got := x.usage().Bytes; got != limit {
		x.Fatalf("limit %d, want %d", got, limit)
	}
	n := x.put("f", region).Node
	f := x.open(n)
	x.want(regions.OK, f.Truncate(1<<40), "a size costs nothing")
	x.want(regions.OK, f.Truncate(0), "truncate")

	done, err := f.WriteAt(make([]byte, limit+grain), 0)
	x.want(regions.NoSpace, err, "write of more than there is")
	if done != limit || x.attr(n).Size != limit {
		x.Errorf("%d bytes written, size %d; want %d", done, x.attr(n).Size, limit)
	}
	x.write(f, 100, "what is there can be written")
	g := x.open(x.put("g", region).Node)
	_, err = g.WriteAt([]byte("x"), 0)
	x.want(regions.NoSpace, err, "write by another")
	x.want(regions.OK, f.Allocate(0, grain, punch|keepSize), "punch")
	x.write(g, 0, "x")

	x.want(regions.OK, g.Truncate(0), "truncate")
	x.want(regions.OK, f.Truncate(0), "truncate")
	x.want(regions.NoSpace, f.Allocate(0, limit+1, 0), "allocate more than there is")
	if a := x.attr(n); a.Size != 0 || a.Blocks != 0 || x.usage().BytesUsed != 0 {
		x.Errorf("a refused allocation left %+v, usage %+v", a, x.usage())
	}
	x.want(regions.OK, f.Allocate(0, limit, keepSize), "allocate all")
	_, err = g.WriteAt([]byte("x"), 0)
	x.want(regions.NoSpace, err, "write when all is promised")
	x.write(f, 0, "the promise is kept")
}

func limitOfNodes(x *tree) {
	x.limited(0, 64)
	if got := x.usage().Nodes; got != 64 {
		x.Fatalf("limit %d, want 64", got)
	}
	spec := regions.Spec{Mode: region, UID: x.uid, GID: x.gid}
	made, err := 0, error(nil)
	for ; err == nil && made < 100; made++ {
		_, err = x.Make(regions.RootNode, fmt.Sprint(made), spec)
	}
	x.want(regions.NoSpace, err, "make of more than there are")
	spec.Mode = folder
	_, err = x.Make(regions.RootNode, "d", spec)
	x.want(regions.NoSpace, err, "mkdir")
	_, err = x.Link(x.at("0"), regions.RootNode, "l")
	x.want(regions.NoSpace, err, "link: a name counts as a node")
	a, err := x.Remove(regions.RootNode, "1", false)
	x.want(regions.OK, err, "remove")
	x.Drop(a.Node)
	x.put("again", region)
}

func resizeBelowUse(x *tree) {
	x.limited(8<<20, 128)
	for i := range 20 {
		x.write(x.open(x.put(fmt.Sprint(i), region).Node), 0, strings.Repeat("x", 200_000))
	}
	r := x.Arena.(regions.Resizer)
	x.want(regions.Invalid, r.Resize(1<<20, 0), "resize below the bytes in use")
	x.want(regions.Invalid, r.Resize(0, 10), "resize below the nodes in use")
	u := x.usage()
	if u.Bytes != 8<<20 || u.Nodes != 128 {
		x.Errorf("a refused resize changed the limits: %+v", u)
	}
	x.want(regions.OK, r.Resize(16<<20, 256), "resize up")
	if u = x.usage(); u.Bytes != 16<<20 || u.Nodes != 256 {
		x.Errorf("limits %+v", u)
	}
}

func walk(x *tree) {
	record := regions.Record{ID: 99, Created: regions.Timestamp{Sec: 1}.Time(), PID: 1}
	x.put("a", folder)
	x.put("a/b", folder)
	x.put("empty", folder)
	x.put("a/b/f", region)
	x.put("s", symlink)
	_, err := x.Make(x.at("a"), "r", regions.Spec{Mode: region, UID: x.uid, GID: x.gid, Record: record})
	x.want(regions.OK, err, "make")
	_, err = x.Link(x.at("a/b/f"), x.at("empty"), "link")
	x.want(regions.OK, err, "link")

	seen := map[string]regions.NodeID{"": regions.RootNode}
	x.want(regions.OK, x.Walk(x.Context(), regions.RootNode, func(it regions.Item) error {
		dir := it.Path[:max(0, strings.LastIndexByte(it.Path, '/'))]
		parent, known := seen[dir]
		if !known || parent != it.Parent {
			x.Errorf("%s: parent %v, want %v (met before: %t)", it.Path, it.Parent, parent, known)
		}
		if _, again := seen[it.Path]; again || it.Attr != x.attr(x.at(it.Path)) {
			x.Errorf("%s: met again (%t), or %+v", it.Path, again, it.Attr)
		}
		seen[it.Path] = it.Attr.Node
		if got, _ := x.Record(it.Attr.Node); got.ID != it.Record.ID {
			x.Errorf("%s: record %+v, want %+v", it.Path, it.Record, got)
		}
		return nil
	}), "walk")
	if len(seen) != 8 {
		x.Errorf("met: %v", seen)
	}
	var part []string
	x.want(regions.OK, x.Walk(x.Context(), x.at("a"), func(it regions.Item) error {
		part = append(part, it.Path)
		return nil
	}), "walk a part")
	slices.Sort(part)
	if want := []string{"b", "b/f", "r"}; !slices.Equal(part, want) {
		x.Errorf("a walk from a: %q, want %q", part, want)
	}
	x.want(regions.NotDir, x.Walk(x.Context(), x.at("a/r"), func(regions.Item) error { return nil }), "walk a region")
}

func walkEnds(x *tree) {
	for i := range 50 {
		x.put(fmt.Sprint("d", i), folder)
		x.put(fmt.Sprintf("d%d/f", i), region)
	}
	enough, count := errors.New("enough"), 0
	err := x.Walk(x.Context(), regions.RootNode, func(regions.Item) error {
		if count++; count == 10 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || count != 10 {
		x.Errorf("walk ended with %v after %d", err, count)
	}
	ctx, cancel := context.WithCancel(x.Context())
	cancel()
	if err := x.Walk(ctx, regions.RootNode, func(regions.Item) error { return nil }); !errors.Is(err, context.Canceled) {
		x.Errorf("walk with an ended context: %v", err)
	}
}
