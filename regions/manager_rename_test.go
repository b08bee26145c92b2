package regions_test

import (
	"errors"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// fullRoom is a manager with a directory that is full: "old" is in it, "new" outside, both as large.
func fullRoom(t *testing.T) (m *regions.Manager, dir, old, next regions.Attr) {
	t.Helper()
	m = regions.NewManager(mem.New(mem.Options{}))
	dir, next = put(t, m, "full", folder), put(t, m, "new", region)
	old = must(m.Make(dir.Node, "old", regions.Spec{Mode: region, UID: 5}))
	for _, n := range []regions.NodeID{old.Node, next.Node} {
		must(m.Setattr(n, regions.Change{Set: regions.SetSize, Size: 8192}))
	}
	if err := m.Setxattr(dir.Node, regions.LimitXattr, []byte("bytes=8192,regions=1,nodes=1"), 0); err != nil {
		t.Fatal(err)
	}
	return m, dir, old, next
}

func TestRenameIntoAFullDirectory(t *testing.T) {
	m, dir, old, _ := fullRoom(t)
	into := func(name string, flags regions.RenameFlags) error {
		_, err := m.Rename(regions.Rename{Dir: regions.RootNode, Name: name, NewDir: dir.Node, NewName: "old", Flags: flags})
		return err
	}
	if _, err := m.Rename(regions.Rename{Dir: 1, Name: "new", NewDir: dir.Node, NewName: "more"}); !errors.Is(err, regions.Quota) {
		t.Errorf("beside what is there: %v", err)
	}
	if err := into("new", regions.RenameExchange); err != nil {
		t.Errorf("in exchange: %v", err)
	}
	if err := into("new", 0); err != nil { // the old one
		t.Errorf("in its place: %v", err)
	}
	a := must(m.Lookup(dir.Node, "old"))
	if a.Node != old.Node {
		t.Errorf("node %d is there, want %d", a.Node, old.Node)
	}
	larger := put(t, m, "larger", region)
	must(m.Setattr(larger.Node, regions.Change{Set: regions.SetSize, Size: 8193}))
	for _, flags := range []regions.RenameFlags{0, regions.RenameExchange} {
		if err := into("larger", flags); !errors.Is(err, regions.Quota) {
			t.Errorf("a larger one, flags %d: %v", flags, err)
		}
	}
	put(t, m, "small", region)
	if err := m.Opened(old.Node, regions.ReadAccess); err != nil {
		t.Fatal(err)
	}
	must(m.Setattr(larger.Node, regions.Change{Set: regions.SetSize, Size: 1}))
	if err := into("larger", 0); !errors.Is(err, regions.Quota) {
		t.Errorf("in the place of one that is in use: %v", err)
	}
	if err := into("small", regions.RenameExchange); err != nil {
		t.Errorf("in exchange for one that is in use: %v", err)
	}
	if err := into("small", 0); err != nil {
		t.Errorf("and back in the place of one that is not: %v", err)
	}
	m.Released(old.Node, regions.ReadAccess)
	if err := into("larger", 0); err != nil {
		t.Errorf("when it is not in use any more: %v", err)
	}
	wantTotals(t, m, regions.Totals{Regions: 1, Directories: 1, Bytes: 1})
}

// Who is refused while something counts in two directories is asked to try again.
func TestRoomComesWithARename(t *testing.T) {
	m, dir, _, _ := fullRoom(t)
	put(t, m, "a", folder)
	if m.RoomToCome() {
		t.Error("room is about to come where nothing happened")
	}
	r := regions.Rename{Dir: dir.Node, Name: "old", NewDir: must(m.Lookup(regions.RootNode, "a")).Node, NewName: "x"}
	must(m.Rename(r))
	if !m.RoomToCome() {
		t.Error("no room is about to come just after a rename")
	}
}

// What cannot be opened while it is asked for can be opened afterwards, if it is still there.
func TestRefusedRenameLeavesAllAsItWas(t *testing.T) {
	m, dir, old, next := fullRoom(t)
	must(m.Setattr(next.Node, regions.Change{Set: regions.SetSize, Size: 8193}))
	sub := must(m.Make(regions.RootNode, "sub", regions.Spec{Mode: folder}))
	r := regions.Rename{Dir: regions.RootNode, Name: "new", NewDir: dir.Node, NewName: "old"}
	if _, err := m.Rename(r); !errors.Is(err, regions.Quota) {
		t.Errorf("a larger one: %v", err)
	}
	r.Name = "sub"
	if _, err := m.Rename(r); !errors.Is(err, regions.NotDir) {
		t.Errorf("a directory in the place of a region: %v", err)
	}
	if err := m.Opened(old.Node, regions.ReadAccess); err != nil {
		t.Errorf("open: %v", err)
	}
	if _, err := m.Make(sub.Node, "x", regions.Spec{Mode: region}); err != nil {
		t.Error(err)
	}
	wantTotals(t, m, regions.Totals{Regions: 3, Directories: 2, Bytes: 16385})
}

// A region that is replaced where it is full is overwritten as its directory says.
func TestReplacedInAFullDirectoryIsOverwritten(t *testing.T) {
	m, dir, old, _ := fullRoom(t)
	if err := m.Setxattr(dir.Node, regions.ZeroXattr, []byte("true"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Rename(regions.Rename{Dir: regions.RootNode, Name: "new", NewDir: dir.Node, NewName: "old"}); err != nil {
		t.Fatal(err)
	}
	if v, err := m.Inner().Getxattr(old.Node, regions.ZeroXattr); string(v) != "true" {
		t.Errorf("it is marked %q, %v", v, err)
	}
}
