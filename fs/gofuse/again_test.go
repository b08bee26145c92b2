//go:build linux

package gofuse

import (
	"math"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/backends/tmpfs"
	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
	"github.com/shmfs/shmfs/regions"
)

// successor makes a server that takes over a ledger, without a connection.
func successor(t *testing.T, a regions.Arena, fd int) *Server {
	t.Helper()
	l, err := ledger.Open(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	tree := fs.NewTree(regions.NewManager(a), fs.Options{Handles: Book{l}, Counters: l.Counters()})
	return &Server{RawFileSystem: fuse.NewDefaultRawFileSystem(), tree: tree, ledger: l}
}

// A request to make a name, of which a server died in the middle, is answered the same whatever the clock did meanwhile:
// what the first attempt made is not in its own way, and what was there before stays.
func TestMakingAgainGoesByNoClock(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("test", dir, "tmpfs", 0, "inode32"); err != nil {
		t.Skipf("mounting a tmpfs needs root: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	a, err := tmpfs.Attach(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	fd, err := ledger.Create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	make := func(name string) regions.NodeID {
		t.Helper()
		at, err := a.Make(regions.RootNode, name, regions.Spec{Mode: regions.TypeDir | 0o700})
		if err != nil {
			t.Fatal(err)
		}
		return at.Node
	}
	again := func(name string, unique uint64) (fuse.Status, regions.NodeID) {
		s := successor(t, a, fd)
		in := &fuse.MkdirIn{InHeader: fuse.InHeader{NodeId: fuse.FUSE_ROOT_ID, Unique: unique | resentBit}, Mode: 0o700}
		status := s.Mkdir(nil, in, name, &fuse.EntryOut{})
		at, _ := a.Lookup(regions.RootNode, name)
		return status, at.Node
	}
	unique := uint64(100)
	for _, set := range []time.Duration{-time.Hour, 0, time.Hour} {
		begun := time.Now().Add(set)
		for name, x := range map[string]struct {
			before, refused bool // made by somebody else; the first attempt was told so
			want            fuse.Status
		}{
			"half done": {false, false, fuse.OK}, "another's": {true, false, fuse.Status(unix.EEXIST)},
			"known to be another's": {false, true, fuse.Status(unix.EEXIST)},
		} {
			name += set.String()
			unique++
			first := successor(t, a, fd)
			var n regions.NodeID
			if x.before {
				n = make(name)
			}
			first.ledger.SetNewest(a.Newest())
			slot := first.ledger.BeginRequest(unique, ledger.Found{Begun: begun, Node: uint64(first.ledger.Newest())})
			if !x.before {
				n = make(name)
			}
			if x.refused {
				slot.Existed()
			}
			if status, now := again(name, unique); status != x.want || (now == n) != (x.want != fuse.OK) {
				t.Errorf("%s: %v, want %v; node %v was %v", name, status, x.want, now, n)
			}
		}
	}
}

func TestNewer(t *testing.T) {
	for _, x := range []struct {
		ino, than uint32
		want      bool
	}{{5, 4, true}, {5, 5, false}, {4, 5, false}, {7, 0, true}, {3, math.MaxUint32 - 5, true}, {math.MaxUint32 - 5, 3, false}} {
		if got := newer(x.ino, x.than); got != x.want {
			t.Errorf("%d after %d: %v", x.ino, x.than, got)
		}
	}
}

func TestEveryOperationIsCountedInTheLedger(t *testing.T) {
	fd, err := ledger.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	l, err := ledger.Open(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := len(l.Counters()); got < fs.OperationCells {
		t.Errorf("%d counters outlive a server, %d are needed", got, fs.OperationCells)
	}
}

// What the first attempt has done is not done again, and answered as then.
func TestDoneBefore(t *testing.T) {
	a := mem.New(mem.Options{Bytes: 1 << 20})
	fd, err := ledger.Create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	s := successor(t, a, fd)
	header := fuse.InHeader{NodeId: fuse.FUSE_ROOT_ID, Unique: 50 | resentBit}
	if got := s.Unlink(nil, &header, "gone"); got != fuse.OK {
		t.Errorf("unlink = %v", got)
	}
	if got := s.Rmdir(nil, &header, "gone"); got != fuse.OK {
		t.Errorf("rmdir = %v", got)
	}
	if got := s.Rename(nil, &fuse.RenameIn{InHeader: header, Newdir: fuse.FUSE_ROOT_ID}, "gone", "there"); got != fuse.OK {
		t.Errorf("rename = %v", got)
	}
	if got := s.RemoveXAttr(nil, &header, "user.gone"); got != fuse.ENODATA {
		t.Errorf("removing an attribute that was never there = %v", got)
	}
	at, err := a.Make(regions.RootNode, "made", regions.Spec{Mode: regions.TypeRegular | 0o600})
	if err != nil {
		t.Fatal(err)
	}
	link := &fuse.LinkIn{InHeader: header, Oldnodeid: uint64(at.Node)}
	var out fuse.EntryOut
	if got := s.Link(nil, link, "made", &out); got != fuse.OK || out.NodeId != uint64(at.Node) {
		t.Errorf("link = %v, node %x, want %x", got, out.NodeId, at.Node)
	}
	header.Unique &^= resentBit // a first attempt is refused
	link.InHeader = header
	if got := s.Unlink(nil, &header, "gone"); got != fuse.ENOENT {
		t.Errorf("the first unlink = %v", got)
	}
	if got := s.Link(nil, link, "made", &out); got != fuse.Status(unix.EEXIST) {
		t.Errorf("the first link = %v", got)
	}
}

// A server does not go on from a ledger that has no answer to INIT.
func TestWithoutAnAnswerToInit(t *testing.T) {
	fd, err := ledger.Create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	s := successor(t, mem.New(mem.Options{Bytes: 1 << 20}), fd)
	if err := s.ledger.SetInit(bytesOf(initRequest()), []byte("short")); err != nil {
		t.Fatal(err)
	}
	if _, err := New(s.tree, Options{FD: -1, Ledger: s.ledger}); err == nil {
		t.Error("it began to serve")
	}
}
