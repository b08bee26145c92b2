package fs_test

import (
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/fs/fstest"
	"github.com/shmfs/shmfs/regions"
)

// newTree makes a tree over Go memory.
func newTree(o fs.Options) *fs.Tree {
	return fs.NewTree(regions.NewManager(mem.New(mem.Options{})), o)
}

func TestTreeOverMem(t *testing.T) {
	tree := newTree(fs.Options{Control: fakeControl{}})
	lacks := fstest.InProcessLacks().And(fstest.Lacks{fstest.Records: "mem keeps records beside the attributes, not among them"})
	fstest.Run(t, fstest.Config{Root: fstest.InProcess(tree), Lacks: lacks})
}

func FuzzTree(f *testing.F) {
	fstest.FuzzTree(f, fstest.InProcessLacks(), func() fstest.Client { return fstest.InProcess(newTree(fs.Options{})) })
}
