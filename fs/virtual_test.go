package fs_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// walk resolves a path of names.
func walk(t *testing.T, tree *fs.Tree, names ...string) regions.Attr {
	t.Helper()
	a := regions.Attr{Node: regions.RootNode}
	for _, name := range names {
		var err error
		if a, err = tree.Lookup(a.Node, name); err != nil {
			t.Fatalf("%v: %s: %v", names, name, err)
		}
	}
	return a
}

// want reports an error that is not the wanted code.
func want(t *testing.T, what string, err error, code regions.Code) {
	t.Helper()
	if got := fs.CodeOf(err); got != code {
		t.Errorf("%s: %v, want %v", what, err, code)
	}
}

func TestControlNodes(t *testing.T) {
	tree := newTree(fs.Options{Control: fakeControl{}})
	for _, x := range []struct {
		names []string
		mode  uint32
	}{
		{[]string{".ctl"}, regions.TypeDir | 0o555},
		{[]string{".ctl", "text"}, regions.TypeRegular | 0o444},
		{[]string{".ctl", "commands"}, regions.TypeRegular | 0o644},
		{[]string{".ctl", "below"}, regions.TypeDir | 0o555},
		{[]string{".ctl", "below", "deep"}, regions.TypeRegular | 0o444},
	} {
		a := walk(t, tree, x.names...)
		if a.Mode != x.mode || !a.Node.Virtual() || a.UID != 0 {
			t.Errorf("%v: %+v", x.names, a)
		}
		if again := walk(t, tree, x.names...); again != a {
			t.Errorf("%v: looked up again: %+v, before %+v", x.names, again, a)
		}
		if got, err := tree.Getattr(a.Node); got != a || err != nil {
			t.Errorf("%v: attributes %+v, %v", x.names, got, err)
		}
	}
	_, err := tree.Lookup(walk(t, tree, ".ctl").Node, "no")
	want(t, "a name that is not there", err, regions.NotFound)
	_, err = tree.Lookup(walk(t, tree, ".ctl", "text").Node, "x")
	want(t, "a name below a file", err, regions.NotDir)
	_, err = tree.Lookup(regions.VirtualNodeID(77), "x")
	want(t, "a node that never was", err, regions.Stale)
}

func TestControlForget(t *testing.T) {
	tree := newTree(fs.Options{Control: fakeControl{}})
	listed, unlisted := walk(t, tree, ".ctl", "text"), walk(t, tree, ".ctl", "any1")
	tree.Forget(listed.Node)
	tree.Forget(unlisted.Node)
	tree.Forget(unlisted.Node)
	_, err := tree.Getattr(listed.Node)
	want(t, "a listed node, forgotten", err, regions.OK)
	_, err = tree.Getattr(unlisted.Node)
	want(t, "one that is not listed", err, regions.Stale)
	if again := walk(t, tree, ".ctl", "any1"); again.Node != unlisted.Node {
		t.Errorf("node %v, before %v: a path keeps its node, whichever server answers", again.Node, unlisted.Node)
	}
}

// TestControlRead: an open reads what was the case when it was opened.
func TestControlRead(t *testing.T) {
	tree := newTree(fs.Options{Control: fakeControl{}})
	n := walk(t, tree, ".ctl", "text").Node
	fh, err := tree.Open(context.Background(), fs.Caller{}, n, regions.ReadAccess)
	want(t, "open", err, regions.OK)
	defer tree.Release(fh)
	for _, x := range []struct {
		off  int64
		size int
		text string
	}{{0, 100, "some text\n"}, {5, 4, "text"}, {10, 10, ""}, {11, 1, ""}, {-1, 1, ""}} {
		p := make([]byte, x.size)
		got, err := tree.Read(n, fh, p, x.off)
		if string(p[:got]) != x.text || err != nil {
			t.Errorf("%d bytes at %d: %q, %v", x.size, x.off, p[:got], err)
		}
	}
	_, err = tree.Write(context.Background(), fs.Caller{}, n, fh, []byte("x"), 0, false)
	want(t, "write to what is open for reading", err, regions.BadHandle)
}

func TestControlWrite(t *testing.T) {
	var written []string
	tree := newTree(fs.Options{Control: fakeControl{&written}})
	ctx := context.Background()
	n := walk(t, tree, ".ctl", "commands").Node
	_, err := tree.Open(ctx, fs.Caller{UID: 1000}, n, regions.WriteAccess)
	want(t, "open by an ordinary user", err, regions.AccessDenied)
	_, err = tree.Open(ctx, fs.Caller{}, walk(t, tree, ".ctl", "text").Node, regions.WriteAccess)
	want(t, "open of what takes no commands", err, regions.AccessDenied)
	_, err = tree.Open(ctx, fs.Caller{}, walk(t, tree, ".ctl").Node, regions.ReadAccess)
	want(t, "open of a directory", err, regions.IsDir)
	_, err = tree.Open(ctx, fs.Caller{}, regions.VirtualNodeID(77), regions.ReadAccess)
	want(t, "open of what never was", err, regions.Stale)
	fh, err := tree.Open(ctx, fs.Caller{}, n, regions.ReadAccess|regions.WriteAccess)
	want(t, "open by root", err, regions.OK)
	defer tree.Release(fh)
	if _, err := tree.Setattr(fs.Caller{}, n, fh, regions.Change{Set: regions.SetSize | regions.SetMtimeNow}); err != nil {
		t.Errorf("truncate, as the shell does: %v", err)
	}
	got, err := tree.Write(ctx, fs.Caller{}, n, fh, []byte("size 3"), 0, false)
	if got != 6 || err != nil || !slices.Equal(written, []string{"size 3"}) {
		t.Errorf("write: %d, %v; %q", got, err, written)
	}
	_, err = tree.Write(ctx, fs.Caller{}, n, fh, []byte("nonsense"), 0, false)
	var refused *regions.Refusal
	if !errors.As(err, &refused) || refused.Remedy != "write sense" {
		t.Errorf("nonsense: %v", err)
	}
}

// TestControlRefuses: nothing but reading and commands can be done to it.
func TestControlRefuses(t *testing.T) {
	tree := newTree(fs.Options{Control: fakeControl{}})
	dir, file := walk(t, tree, ".ctl").Node, walk(t, tree, ".ctl", "text").Node
	c := fs.Caller{}
	_, err := tree.Make(c, dir, "x", fs.NewNode{Mode: regions.TypeDir})
	want(t, "mkdir", err, regions.NotPermitted)
	_, _, err = tree.Create(c, dir, "x", 0o644, regions.ReadAccess)
	want(t, "create", err, regions.NotPermitted)
	_, _, err = tree.Tmpfile(c, dir, 0o644, regions.WriteAccess)
	want(t, "tmpfile", err, regions.NotSupported)
	_, err = tree.Link(file, regions.RootNode, "x")
	want(t, "link", err, regions.NotPermitted)
	_, err = tree.Unlink(fs.Caller{}, dir, "text")
	want(t, "unlink", err, regions.NotPermitted)
	_, err = tree.Rename(fs.Caller{}, regions.Rename{Dir: dir, Name: "text", NewDir: regions.RootNode, NewName: "x"})
	want(t, "rename", err, regions.NotPermitted)
	_, err = tree.Readlink(file)
	want(t, "readlink", err, regions.Invalid)
	_, err = tree.Setattr(fs.Caller{}, file, 0, regions.Change{Set: regions.SetMode, Mode: 0o777})
	want(t, "chmod", err, regions.NotPermitted)
	_, err = tree.Setattr(fs.Caller{}, regions.VirtualNodeID(77), 0, regions.Change{Set: regions.SetMtimeNow})
	want(t, "touch of what never was", err, regions.Stale)
	want(t, "fallocate", tree.Allocate(file, 0, 0, 1, 0), regions.Invalid)
	_, err = tree.Seek(file, 0, 0, false)
	want(t, "seek", err, regions.Invalid)
	_, err = tree.CopyRange(fs.Range{Node: file}, fs.Range{Node: regions.RootNode}, 1)
	want(t, "copy_file_range", err, regions.CrossDevice)
	_, err = tree.Getxattr(file, "user.a")
	want(t, "getxattr", err, regions.NoData)
	want(t, "setxattr", tree.Setxattr(fs.Caller{}, file, "user.a", nil, 0), regions.NotSupported)
	want(t, "removexattr", tree.Removexattr(fs.Caller{}, file, "user.a"), regions.NotSupported)
	var r *regions.Refusal
	err = tree.Setxattr(fs.Caller{}, file, regions.LifetimeXattr, []byte("owner"), 0)
	if want(t, "a setting", err, regions.NotSupported); !errors.As(err, &r) || r.Remedy == "" {
		t.Errorf("a setting: %v, want a remedy", err)
	}
	names, err := tree.Listxattr(file)
	want(t, "listxattr", err, regions.OK)
	if len(names) != 0 {
		t.Errorf("attributes of a control file: %q", names)
	}
	if _, err := tree.Usage(file); err != nil {
		t.Errorf("statfs: %v", err)
	}
}

// names lists a directory by single entries, each from the position of the one before.
func names(t *testing.T, tree *fs.Tree, n regions.NodeID, attrs bool) (all []string) {
	t.Helper()
	fh, err := tree.OpenDir(fs.Caller{}, n)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Release(fh)
	off, more := uint64(0), true
	for more {
		more = false
		err := tree.Readdir(fh, off, attrs, func(e regions.Entry) bool {
			all = append(all, e.Name)
			if dots := e.Name == "." || e.Name == ".."; attrs && !dots && e.Attr.Ino != e.Ino {
				t.Errorf("%s: number %d, attributes of %d", e.Name, e.Ino, e.Attr.Ino)
			}
			off, more = e.Off, true
			return false
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestControlListed(t *testing.T) {
	tree := newTree(fs.Options{Control: fakeControl{}})
	for _, attrs := range []bool{false, true} {
		got := names(t, tree, walk(t, tree, ".ctl").Node, attrs)
		if want := []string{".", "..", "text", "commands", "below"}; !slices.Equal(got, want) {
			t.Errorf("listed %q, want %q", got, want)
		}
		got = names(t, tree, walk(t, tree, ".ctl", "below").Node, attrs)
		if want := []string{".", "..", "deep"}; !slices.Equal(got, want) {
			t.Errorf("listed %q, want %q", got, want)
		}
	}
	_, err := tree.OpenDir(fs.Caller{}, walk(t, tree, ".ctl", "text").Node)
	want(t, "opendir of a file", err, regions.NotDir)
	_, err = tree.OpenDir(fs.Caller{}, regions.VirtualNodeID(77))
	want(t, "opendir of what never was", err, regions.Stale)
}

// TestControlHidesArena: an arena may hold the name from before; it is ours as long as there are control files.
func TestControlHidesArena(t *testing.T) {
	arena := regions.NewManager(mem.New(mem.Options{}))
	bare := fs.NewTree(arena, fs.Options{})
	for _, name := range []string{"a", ".ctl", "b"} {
		if _, err := bare.Make(fs.Caller{}, regions.RootNode, name, fs.NewNode{Mode: regions.TypeRegular | 0o600}); err != nil {
			t.Fatal(err)
		}
	}
	if got := walk(t, bare, ".ctl"); !got.IsRegion() {
		t.Errorf("without control files it is a name as any other: %+v", got)
	}
	tree := fs.NewTree(arena, fs.Options{Control: fakeControl{}})
	if got := walk(t, tree, ".ctl"); !got.IsDir() {
		t.Errorf("with control files: %+v", got)
	}
	for _, attrs := range []bool{false, true} {
		got := names(t, tree, regions.RootNode, attrs)
		slices.Sort(got)
		if want := []string{".", "..", ".ctl", "a", "b"}; !slices.Equal(got, want) {
			t.Errorf("listed %q, want %q", got, want)
		}
	}
}

// large is a control file of 200 MiB: its bytes are never touched.
type large struct{}

func (large) Snapshot(context.Context) ([]byte, error) { return make([]byte, 200<<20), nil }

type largeDir struct{}

func (largeDir) Names() []string { return []string{"large"} }
func (largeDir) Find(name string) (fs.VirtualNode, bool) {
	return fs.VirtualNode{File: large{}}, name == "large"
}

// Readers who hold snapshots open cannot take the server's memory: they are refused, until some are closed.
func TestControlHeldOpen(t *testing.T) {
	tree := newTree(fs.Options{Control: largeDir{}})
	n := walk(t, tree, ".ctl", "large").Node
	open := func() (uint64, error) { return tree.Open(t.Context(), fs.Caller{UID: 1}, n, regions.ReadAccess) }
	var held []uint64
	for range 2 {
		fh, err := open()
		want(t, "open", err, regions.OK)
		held = append(held, fh)
	}
	_, err := open()
	want(t, "one too many", err, regions.Again)
	tree.Release(held[0])
	_, err = open()
	want(t, "after one was closed", err, regions.OK)
}

// interrupted is a control file whose reader is gone before it is complete.
type interrupted struct{}

func (interrupted) Snapshot(context.Context) ([]byte, error) {
	return make([]byte, 200<<20), regions.Interrupted
}

type interruptedDir struct{}

func (interruptedDir) Names() []string { return []string{"never", "large"} }
func (interruptedDir) Find(name string) (fs.VirtualNode, bool) {
	if name == "large" {
		return largeDir{}.Find(name)
	}
	return fs.VirtualNode{File: interrupted{}}, name == "never"
}

// What was not handed out is not held.
func TestControlInterrupted(t *testing.T) {
	tree := newTree(fs.Options{Control: interruptedDir{}})
	never, large := walk(t, tree, ".ctl", "never").Node, walk(t, tree, ".ctl", "large").Node
	for range 5 {
		_, err := tree.Open(t.Context(), fs.Caller{UID: 1}, never, regions.ReadAccess)
		want(t, "interrupted", err, regions.Interrupted)
	}
	_, err := tree.Open(t.Context(), fs.Caller{UID: 1}, large, regions.ReadAccess)
	want(t, "the next one", err, regions.OK)
}

// The reader of a snapshot that was lost with its server is told so, and not that this was all.
func TestControlLost(t *testing.T) {
	tree := newTree(fs.Options{Control: largeDir{}})
	n := walk(t, tree, ".ctl", "large").Node
	tree.Restore(77, fs.OpenHandle{Kind: fs.ControlHandle, Node: n, Access: regions.ReadAccess, Lost: true})
	_, err := tree.Read(n, 77, make([]byte, 10), 0)
	want(t, "read", err, regions.IO)
	tree.Release(77)
}
