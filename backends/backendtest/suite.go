// Package backendtest is what every backend must do, as a suite that a backend passes in ten lines:
//
//	func TestArena(t *testing.T) {
//		backendtest.Run(t, func(t *testing.T) regions.Arena { return mem.New(mem.Options{}) })
//	}
//
// A file per group of operations. What is asserted was tried on Linux 6.18's tmpfs; where the kernel may differ by
// version or by huge pages (the grain of holes, st_blocks, the resolution of time), the suite is as wide as they are.
//
// An arena that can be resized ([regions.Resizer]) is asked to keep to limits; it must be opened with some, for tmpfs
// refuses to be limited later.
package backendtest

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

// Options declare how a backend differs.
type Options struct {
	// Open makes an empty arena, and cleans up after it with t.Cleanup.
	Open func(t *testing.T) regions.Arena
	// Unprivileged says that all nodes are this process' own: no owners, no device nodes, no trusted. and security.
	// attributes, and a record only if the arena finds a place for it.
	Unprivileged bool
}

// Run runs the suite on a backend without differences.
func Run(t *testing.T, open func(t *testing.T) regions.Arena) { RunWith(t, Options{Open: open}) }

// RunWith runs the suite.
func RunWith(t *testing.T, o Options) {
	groups := [][]check{
		names, makers, removers, renames, attributes, times, xattrs, acls, data, extents, directories, reports, stress,
	}
	for _, c := range slices.Concat(groups...) {
		t.Run(c.name, func(t *testing.T) { c.run(newTree(t, o)) })
	}
}

// check is one thing that an arena must do.
type check struct {
	name string
	run  func(*tree)
}

// tree is an arena under test. Its methods end the test if they cannot do what they say.
type tree struct {
	*testing.T
	regions.Arena
	uid, gid     uint32 // of what put makes
	unprivileged bool
}

func newTree(t *testing.T, o Options) *tree {
	x := &tree{T: t, Arena: o.Open(t), uid: 1000, gid: 1001, unprivileged: o.Unprivileged}
	if o.Unprivileged {
		x.uid, x.gid = uint32(os.Getuid()), uint32(os.Getgid())
	}
	return x
}

// want checks what an operation answered: a Code, and which one.
func (x *tree) want(want regions.Code, err error, what string) {
	x.Helper()
	got := regions.OK
	if err != nil && !errors.As(err, &got) {
		x.Fatalf("%s: %v is no regions.Code", what, err)
	}
	if got != want {
		x.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// put makes a node. The last element of path is its name, those before are looked up. A symlink points to "target".
func (x *tree) put(path string, mode uint32) regions.Attr {
	x.Helper()
	dir, name := regions.RootNode, path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = x.at(path[:i]), path[i+1:]
	}
	a, err := x.Make(dir, name, regions.Spec{Mode: mode, UID: x.uid, GID: x.gid, Target: "target"})
	x.want(regions.OK, err, "make "+path)
	return a
}

// at resolves a path, "" is the root.
func (x *tree) at(path string) regions.NodeID {
	x.Helper()
	n := regions.RootNode
	for name := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' }) {
		a, err := x.Lookup(n, name)
		x.want(regions.OK, err, "lookup "+path)
		n = a.Node
	}
	return n
}

// attr reads a node's attributes.
func (x *tree) attr(n regions.NodeID) regions.Attr {
	x.Helper()
	a, err := x.Getattr(n)
	x.want(regions.OK, err, "getattr")
	return a
}

// open opens a region for reading and writing until the test ends.
func (x *tree) open(n regions.NodeID) regions.File {
	x.Helper()
	f, err := x.Open(n, regions.ReadAccess|regions.WriteAccess)
	x.want(regions.OK, err, "open")
	x.Cleanup(func() { f.Close() })
	return f
}

// Modes that the tests make nodes with.
const (
	region  = regions.TypeRegular | 0o644
	folder  = regions.TypeDir | 0o755
	symlink = regions.TypeSymlink | 0o777
	fifo    = regions.TypeFIFO | 0o644
	socket  = regions.TypeSocket | 0o644
)
