package fs_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// plainArena is an arena with none of the optional abilities, whose next calls fail as long as fail is set.
type plainArena struct {
	regions.Arena
	fail *regions.Code
}

func (a plainArena) failure() error {
	if *a.fail == regions.OK {
		return nil
	}
	return *a.fail
}

func (a plainArena) Open(n regions.NodeID, access regions.Access) (regions.File, error) {
	if err := a.failure(); err != nil {
		return nil, err
	}
	return a.Arena.Open(n, access)
}

func (a plainArena) Getattr(n regions.NodeID) (regions.Attr, error) {
	if err := a.failure(); err != nil {
		return regions.Attr{}, err
	}
	return a.Arena.Getattr(n)
}

func (a plainArena) OpenDir(n regions.NodeID) (regions.Dir, error) {
	d, err := a.Arena.OpenDir(n)
	return plainDir{d, a}, err
}

type plainDir struct {
	regions.Dir
	arena plainArena
}

func (d plainDir) Dots() (self, parent uint64, err error) {
	if err := d.arena.failure(); err != nil {
		return 0, 0, err
	}
	return d.Dir.Dots()
}

// plainTree makes a tree over such an arena, with a region in it.
func plainTree(t *testing.T) (*fs.Tree, *regions.Code, regions.NodeID) {
	t.Helper()
	fail := new(regions.Code)
	tree := fs.NewTree(regions.NewManager(plainArena{mem.New(mem.Options{}), fail}), fs.Options{})
	a, err := tree.Make(fs.Caller{}, regions.RootNode, "f", fs.NewNode{Mode: regions.TypeRegular | 0o4755})
	if err != nil {
		t.Fatal(err)
	}
	return tree, fail, a.Node
}

// TestCopyThrough copies where the arena cannot, by reading and writing.
func TestCopyThrough(t *testing.T) {
	tree, _, n := plainTree(t)
	text := bytes.Repeat([]byte("0123456789"), 20000)
	if _, err := tree.Write(context.Background(), fs.Caller{}, n, 0, text, 0, false); err != nil {
		t.Fatal(err)
	}
	to, fh, err := tree.Create(fs.Caller{}, regions.RootNode, "g", 0o644, regions.ReadAccess|regions.WriteAccess)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Release(fh)
	done, err := tree.CopyRange(fs.Range{Node: n, Off: 5}, fs.Range{Node: to.Node, Handle: fh, Off: 3}, 150000)
	if done != 150000 || err != nil {
		t.Fatalf("copied %d, %v", done, err)
	}
	got := make([]byte, 150003)
	if _, err := tree.Read(to.Node, fh, got, 0); err != nil || !bytes.Equal(got[3:], text[5:150005]) {
		t.Errorf("the copy differs, %v", err)
	}
	done, err = tree.CopyRange(fs.Range{Node: n, Off: int64(len(text))}, fs.Range{Node: to.Node}, 10)
	if done != 0 || err != nil {
		t.Errorf("copied %d past the end, %v", done, err)
	}
	if totals := tree.Arena().Totals(); totals.Bytes != int64(len(text)+150003) {
		t.Errorf("the books say %+v", totals)
	}
}

// TestArenaFails: what the arena answers comes through, and nothing stays open.
func TestArenaFails(t *testing.T) {
	tree, fail, n := plainTree(t)
	*fail = regions.TooManyFiles
	ctx, c := context.Background(), fs.Caller{}
	_, err := tree.Read(n, 0, make([]byte, 1), 0)
	want(t, "read", err, regions.TooManyFiles)
	_, err = tree.Write(ctx, c, n, 0, []byte("x"), 0, false)
	want(t, "write", err, regions.TooManyFiles)
	_, err = tree.Seek(n, 0, 0, true)
	want(t, "seek", err, regions.TooManyFiles)
	want(t, "fallocate", tree.Allocate(n, 0, 0, 1, 0), regions.TooManyFiles)
	_, err = tree.CopyRange(fs.Range{Node: n}, fs.Range{Node: n}, 1)
	want(t, "copy", err, regions.TooManyFiles)
	_, err = tree.Setattr(fs.Caller{}, n, 0, regions.Change{})
	want(t, "a change of nothing", err, regions.TooManyFiles)
	if regions, opens := tree.Arena().Held(); regions+opens != 0 {
		t.Errorf("%d regions are held by %d opens", regions, opens)
	}
}

func TestOpenFails(t *testing.T) {
	fail := new(regions.Code)
	arena := withHandles{mem.New(mem.Options{})}
	tree := fs.NewTree(regions.NewManager(plainArena{arena, fail}), fs.Options{})
	a, fh, err := tree.Create(fs.Caller{}, regions.RootNode, "f", 0o644, regions.WriteAccess)
	want(t, "create", err, regions.OK)
	tree.Release(fh)
	*fail = regions.TooManyFiles
	_, err = tree.Open(context.Background(), fs.Caller{}, a.Node, regions.ReadAccess)
	want(t, "open", err, regions.TooManyFiles)
	_, _, err = tree.Create(fs.Caller{}, regions.RootNode, "g", 0o644, regions.WriteAccess)
	want(t, "create", err, regions.TooManyFiles)
	if regions, opens := tree.Arena().Held(); regions+opens != 0 {
		t.Errorf("%d regions are held by %d opens", regions, opens)
	}
}

func TestListingFails(t *testing.T) {
	tree, fail, _ := plainTree(t)
	fh, err := tree.OpenDir(fs.Caller{}, regions.RootNode)
	want(t, "opendir", err, regions.OK)
	emit := func(regions.Entry) bool { return true }
	*fail = regions.IO
	want(t, "readdir", tree.Readdir(fh, 0, true, emit), regions.IO)
	*fail = regions.OK
	want(t, "readdir once more", tree.Readdir(fh, 0, true, emit), regions.OK)
	tree.Release(fh)
	tree.Release(fh)
	want(t, "readdir of a handle that ended", tree.Readdir(fh, 0, true, emit), regions.BadHandle)
}

// TestWriteKills: set-user-id goes with the first byte that somebody writes who may not keep it.
func TestWriteKills(t *testing.T) {
	tree, _, n := plainTree(t)
	for _, x := range []struct {
		text string
		kill bool
		mode uint32
	}{{"x", false, 0o4755}, {"", true, 0o4755}, {"x", true, 0o755}} {
		if _, err := tree.Write(context.Background(), fs.Caller{}, n, 0, []byte(x.text), 0, x.kill); err != nil {
			t.Fatal(err)
		}
		a, err := tree.Getattr(n)
		if got := a.Mode & regions.ModePerm; got != x.mode || err != nil {
			t.Errorf("after %q, kill %t: mode %04o, %v", x.text, x.kill, got, err)
		}
	}
}

// TestRecordNamesProcess: the server sees a thread, the record keeps its process.
func TestRecordNamesProcess(t *testing.T) {
	process := func(tid uint32) uint32 { return tid * 10 }
	tree := newTree(fs.Options{ProcessOf: process})
	c := fs.Caller{UID: 3, GID: 4, PID: 5}
	for name, mode := range map[string]uint32{"region": regions.TypeRegular, "dir": regions.TypeDir} {
		a, err := tree.Make(c, regions.RootNode, name, fs.NewNode{Mode: mode | 0o644})
		if err != nil {
			t.Fatal(err)
		}
		r, err := tree.Arena().Record(a.Node)
		if mode == regions.TypeDir {
			want(t, "a directory's record", err, regions.NoData)
		} else if err != nil || r.PID != 50 || r.UID != 3 || r.GID != 4 || r.ID == 0 {
			t.Errorf("record %+v, %v", r, err)
		}
	}
}
