package fs_test

import (
	"os"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/fs/fstest"
	"github.com/shmfs/shmfs/regions"
)

func TestMain(m *testing.M) { os.Exit(fstest.Main(m)) }

// newTree makes a tree over Go memory.
func newTree(o fs.Options) *fs.Tree {
	return fs.NewTree(regions.NewManager(mem.New(mem.Options{})), o)
}

func TestTreeOverMem(t *testing.T) { conform(t, newTree(fs.Options{Control: fakeControl{}})) }

// withHandles is an arena whose files are kept open for as long as a handle: the other way in which a tree works.
type withHandles struct{ *mem.Arena }

func (a withHandles) Properties() regions.Properties {
	p := a.Arena.Properties()
	p.Stateless = false
	return p
}

func TestTreeWithHandles(t *testing.T) {
	arena := withHandles{mem.New(mem.Options{})}
	conform(t, fs.NewTree(regions.NewManager(arena), fs.Options{Control: fakeControl{}}))
}

func TestTreeFull(t *testing.T) {
	limited := mem.Options{Bytes: 16 << 20, Nodes: 500}
	for name, arena := range map[string]regions.Arena{
		"Stateless":   mem.New(limited),
		"WithHandles": withHandles{mem.New(limited)},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.InProcess(fs.NewTree(regions.NewManager(arena), fs.Options{}))
			fstest.RunFull(t, fstest.Config{Root: root, Lacks: fstest.InProcessLacks()})
		})
	}
}

// conform runs the suite on a tree, and asks afterwards for what is left in it.
func conform(t *testing.T, tree *fs.Tree) {
	t.Helper()
	before, err := tree.Usage(regions.RootNode)
	if err != nil {
		t.Fatal(err)
	}
	fstest.Run(t, fstest.Config{Root: fstest.InProcess(tree), Lacks: fstest.InProcessLacks()})
	after, err := tree.Usage(regions.RootNode)
	if err != nil || after != before {
		t.Errorf("usage afterwards: %+v, %v; before: %+v", after, err, before)
	}
	if totals := tree.Arena().Totals(); totals != (regions.Totals{}) {
		t.Errorf("the books are not empty: %+v", totals)
	}
	if held, opens := tree.Arena().Held(); held+opens != 0 {
		t.Errorf("%d regions are held by %d opens", held, opens)
	}
}

func FuzzTree(f *testing.F) {
	fstest.FuzzTree(f, fstest.InProcessLacks(), func() fstest.Client { return fstest.InProcess(newTree(fs.Options{})) })
}
