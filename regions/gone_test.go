package regions_test

import (
	"fmt"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// What was in a directory is still told of with its path when the directory is gone, and those above it; where they were
// moved to meanwhile.
func TestPathsOfDirectoriesThatAreGone(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	a := put(t, m, "a", folder)
	b := must(m.Make(a.Node, "b", regions.Spec{Mode: folder}))
	must(m.Make(b.Node, "r", regions.Spec{Mode: region}))
	wants := func(want string) {
		t.Helper()
		if got := m.PathOf(b.Node, "r"); got != want {
			t.Errorf("it was at %q, want %q", got, want)
		}
	}
	wants("a/b/r")
	must(m.Rename(regions.Rename{Dir: regions.RootNode, Name: "a", NewDir: regions.RootNode, NewName: "c"}))
	wants("c/b/r")
	must(m.Remove(b.Node, "r", false))
	must(m.Remove(a.Node, "b", true))
	wants("c/b/r")
	must(m.Rename(regions.Rename{Dir: regions.RootNode, Name: "c", NewDir: regions.RootNode, NewName: "d"}))
	wants("d/b/r")
	must(m.Remove(regions.RootNode, "d", true))
	wants("d/b/r")
	for i := range 8192 { // as many as are remembered
		put(t, m, fmt.Sprint(i), folder)
		must(m.Remove(regions.RootNode, fmt.Sprint(i), true))
	}
	if got := m.PathOf(b.Node, "r"); got == "d/b/r" {
		t.Error("all directories are remembered for ever")
	}
}
