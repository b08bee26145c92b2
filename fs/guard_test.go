package fs

import (
	"errors"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// Each way in which a region loses its name or its end is guarded.
func TestGuards(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{Bytes: 1 << 20}))
	tree := NewTree(m, Options{Owner: 4000})
	mine, other, server := Caller{UID: 1, PID: 7}, Caller{UID: 2, PID: 8}, Caller{UID: 4000, PID: 9}
	made := func(c Caller, name string) regions.Attr {
		t.Helper()
		a, err := tree.Make(c, regions.RootNode, name, NewNode{Mode: regions.TypeRegular | 0o666})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = tree.Setattr(c, a.Node, 0, regions.Change{Set: regions.SetSize, Size: 10}); err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := made(mine, "a")
	made(other, "b")
	if err := tree.Setxattr(server, regions.RootNode, regions.GuardXattr, []byte("user"), 0); err != nil {
		t.Fatal(err)
	}
	resize := func(c Caller, size int64) error {
		_, err := tree.Setattr(c, a.Node, 0, regions.Change{Set: regions.SetSize, Size: size})
		return err
	}
	move := func(c Caller, from, to string) error {
		_, err := tree.Rename(c, regions.Rename{Dir: regions.RootNode, Name: from, NewDir: regions.RootNode, NewName: to})
		return err
	}
	remove := func(c Caller, name string) error {
		_, err := tree.Unlink(c, regions.RootNode, name)
		return err
	}
	for what, err := range map[string]error{
		"shrunk": resize(other, 9), "removed": remove(other, "a"), "moved": move(other, "a", "c"), "replaced": move(other, "b", "a"),
	} {
		if !errors.Is(err, regions.NotPermitted) {
			t.Errorf("%s by another user: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"grown": resize(other, 11), "shrunk by its owner": resize(mine, 9), "not there": remove(other, "nothing"),
	} {
		if err != nil && !errors.Is(err, regions.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := errors.Join(move(mine, "a", "c"), remove(server, "c"), remove(other, "b")); err != nil {
		t.Error(err)
	}
	movesDirectories(t, tree, mine, other)
}

// movesDirectories moves one below a guard, and has it exchanged.
func movesDirectories(t *testing.T, tree *Tree, mine, other Caller) {
	t.Helper()
	if err := second(tree.Make(other, regions.RootNode, "theirs", NewNode{Mode: regions.TypeDir | 0o777})); err != nil {
		t.Fatal(err)
	}
	d, err := tree.Make(mine, regions.RootNode, "mine", NewNode{Mode: regions.TypeDir | 0o777})
	if err != nil {
		t.Fatal(err)
	}
	move := func(c Caller, from, to string, flags regions.RenameFlags) error {
		return second(tree.Rename(c, regions.Rename{Dir: regions.RootNode, Name: from, NewDir: regions.RootNode, NewName: to, Flags: flags}))
	}
	for what, err := range map[string]error{
		"moved": move(other, "mine", "gone", 0), "exchanged": move(other, "theirs", "mine", regions.RenameExchange),
	} {
		if !errors.Is(err, regions.NotPermitted) {
			t.Errorf("a directory, %s by another user: %v", what, err)
		}
	}
	if err := move(mine, "mine", "gone", 0); err != nil {
		t.Errorf("a directory, moved by its owner: %v", err)
	}
	root := Caller{UID: 0, PID: 1}
	if err := tree.Setxattr(root, regions.RootNode, regions.GuardXattr, []byte("off"), 0); err != nil {
		t.Fatal(err)
	}
	if err := tree.Setxattr(root, d.Node, regions.GuardXattr, []byte("user"), 0); err != nil {
		t.Fatal(err)
	}
	if err := move(other, "gone", "mine", 0); err != nil {
		t.Errorf("a directory with a guard of its own: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
