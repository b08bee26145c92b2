package fstest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

var listingChecks = []check{
	{name: "Types", run: listTypes},
	{name: "Many", run: listMany},
	{name: "WhileRemoving", run: listWhileRemoving},
	{name: "WhileAdding", run: listWhileAdding},
	{name: "WhileRenaming", run: listWhileRenaming},
	{name: "Seek", run: listSeek},
	{name: "Rewind", run: listRewind},
}

// fill makes n regions.
func fill(t *testing.T, c Client, prefix string, n int) {
	t.Helper()
	for i := range n {
		ok(t, c.Mknod(fmt.Sprintf("%s%04d", prefix, i), regions.TypeRegular|0o644, 0))
	}
}

// listRest lists what is left to list, about n entries a call, and how often each name came.
func listRest(t *testing.T, d File, n int, between func(seen map[string]int)) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for {
		some, err := d.List(n)
		ok(t, err)
		if len(some) == 0 {
			return seen
		}
		for _, e := range some {
			seen[e.Name]++
		}
		between(seen)
	}
}

func nothing(map[string]int) {}

// openDir opens a client's own directory until the test ends.
func openDir(t *testing.T, c Client) File {
	t.Helper()
	d, err := c.Open(".", Read|Directory, 0)
	ok(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

func listTypes(t *testing.T, c Client) {
	ok(t, c.Mkdir("d", 0o755))
	put(t, c, "f", "")
	ok(t, c.Symlink("f", "l"))
	ok(t, c.Mknod("p", regions.TypeFIFO|0o644, 0))
	want := map[string]uint32{
		".": regions.TypeDir, "..": regions.TypeDir, "d": regions.TypeDir, "f": regions.TypeRegular,
		"l": regions.TypeSymlink, "p": regions.TypeFIFO,
	}
	entries, err := openDir(t, c).List(100)
	ok(t, err)
	equal(t, "entries", len(entries), len(want))
	for _, e := range entries {
		equal(t, "type of "+e.Name, e.Type, want[e.Name])
	}
}

func listMany(t *testing.T, c Client) {
	const n = 3000
	fill(t, c, "f", n)
	for _, chunk := range []int{1, 7, 1000} {
		seen := listRest(t, openDir(t, c), chunk, nothing)
		equal(t, "names", len(seen), n+2)
		for name, times := range seen {
			if times != 1 {
				t.Errorf("%s was listed %d times", name, times)
			}
		}
	}
}

// listWhileRemoving removes each entry as it is listed: rm -r.
func listWhileRemoving(t *testing.T, c Client) {
	const n = 500
	fill(t, c, "f", n)
	d := openDir(t, c)
	seen := listRest(t, d, 5, func(seen map[string]int) {
		for name := range seen {
			if name[0] == 'f' && seen[name] == 1 {
				ok(t, c.Unlink(name))
				seen[name] = 2
			}
		}
	})
	equal(t, "names", len(seen), n+2)
	left, err := list(c, ".")
	ok(t, err)
	equal(t, "left", len(left), 0)
}

// listWhileAdding: what was there from first to last is listed once, whatever comes and goes beside it.
func listWhileAdding(t *testing.T, c Client) {
	const n = 300
	fill(t, c, "f", n)
	calls := 0
	seen := listRest(t, openDir(t, c), 5, func(map[string]int) {
		if calls++; calls > 1000 {
			t.Fatal("the listing does not end while entries are added")
		}
		put(t, c, fmt.Sprintf("new%d", calls), "")
		if calls > 1 {
			ok(t, c.Unlink(fmt.Sprintf("new%d", calls-1)))
		}
	})
	for i := range n {
		name := fmt.Sprintf("f%04d", i)
		equal(t, "times "+name, seen[name], 1)
	}
}

func listWhileRenaming(t *testing.T, c Client) {
	const n = 200
	fill(t, c, "f", n)
	put(t, c, "moving0", "")
	calls := 0
	seen := listRest(t, openDir(t, c), 5, func(map[string]int) {
		if calls++; calls > 1000 {
			t.Fatal("the listing does not end while entries are renamed")
		}
		ok(t, c.Rename(fmt.Sprintf("moving%d", calls-1), fmt.Sprintf("moving%d", calls), 0))
	})
	for i := range n {
		name := fmt.Sprintf("f%04d", i)
		equal(t, "times "+name, seen[name], 1)
	}
}

// listSeek goes back to each position that was handed out, in the same and in another open directory.
func listSeek(t *testing.T, c Client) {
	fill(t, c, "f", 50)
	d := openDir(t, c)
	var all []regions.Entry
	for {
		some, err := d.List(10)
		ok(t, err)
		if len(some) == 0 {
			break
		}
		all = append(all, some...)
	}
	names := func(entries []regions.Entry) (names []string) {
		for _, e := range entries {
			names = append(names, e.Name)
		}
		return names
	}
	for _, at := range []int{48, 3, 25, 0} {
		ok(t, d.SeekDir(all[at].Off))
		some, err := d.List(20)
		ok(t, err)
		want := names(all[at+1:])
		equal(t, "goes on", slices.Equal(names(some), want[:len(some)]), true)
	}
}

func listRewind(t *testing.T, c Client) {
	fill(t, c, "a", 10)
	d := openDir(t, c)
	equal(t, "first", len(listRest(t, d, 100, nothing)), 12)
	fill(t, c, "b", 5)
	ok(t, d.SeekDir(0))
	equal(t, "after rewinding", len(listRest(t, d, 100, nothing)), 17)
}
