package fstest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

// fullMost is how large a tree RunFull fills, in bytes and in nodes.
const (
	fullMostBytes = 256 << 20
	fullMostNodes = 20000
)

// RunFull tests what happens when there is no more room. The tree must be limited to at most 256 MiB and 20,000 nodes,
// and nobody else may use it.
func RunFull(t *testing.T, cfg Config) {
	u, err := cfg.Root.Usage(".")
	ok(t, err)
	if u.Bytes == 0 || u.Bytes > fullMostBytes || u.Nodes == 0 || u.Nodes > fullMostNodes {
		t.Fatalf("the tree has %d bytes and %d nodes: too much to fill", u.Bytes, u.Nodes)
	}
	cfg.runAll(t, []check{
		{name: "Allocate", run: fullAllocate},
		{name: "Write", run: fullWrite},
		{name: "GivenBack", run: fullGivenBack},
		{name: "Nodes", run: fullNodes},
	})
}

func fullAllocate(t *testing.T, c Client) {
	u, err := c.Usage(".")
	ok(t, err)
	f := opened(t, c, "f", 1)
	for _, mode := range []regions.AllocateMode{0, regions.AllocateKeepSize} {
		fails(t, f.Allocate(0, int64(u.Bytes)+page, mode), regions.NoSpace)
		fails(t, f.Allocate(page, int64(u.Bytes), mode), regions.NoSpace)
	}
	a, err := f.Stat()
	ok(t, err)
	equal(t, "size", a.Size, page)
	equal(t, "resident", a.Resident(), page)
	ok(t, f.Truncate(int64(u.Bytes)*2)) // sparse
}

// exhaust writes until there is no room, and answers how much was written.
func exhaust(t *testing.T, f File) (written int64) {
	t.Helper()
	block := bytes.Repeat([]byte("full"), 300000/4)
	for {
		n, err := f.WriteAt(block, written)
		written += int64(n)
		if err != nil {
			fails(t, err, regions.NoSpace)
			return written
		}
		if n == 0 {
			t.Fatal("wrote nothing, and no error")
		}
	}
}

func fullWrite(t *testing.T, c Client) {
	givenBack(t, c)
	f := opened(t, c, "f", 0)
	put(t, c, "small", "x")
	written := exhaust(t, f)
	a, err := f.Stat()
	ok(t, err)
	equal(t, "size", a.Size, written)
	u, err := c.Usage(".")
	ok(t, err)
	equal(t, "bytes left", u.Bytes-u.BytesUsed, 0)
	tail := make([]byte, 8)
	_, err = f.ReadAt(tail, (written-8)&^3)
	ok(t, err)
	equal(t, "the last bytes", string(tail), "fullfull")
	ok(t, c.Mkdir("d", 0o755))
	ok(t, c.Rename("small", "d/small", 0))
	equal(t, "another region", content(t, c, "d/small"), "x")
	g := opened(t, c, "g", 0)
	_, err = g.WriteAt([]byte("x"), 0)
	fails(t, err, regions.NoSpace)
	a, err = g.Stat()
	ok(t, err)
	equal(t, "size of what could not be written", a.Size, 0)
	_, err = f.WriteAt([]byte("over"), 0)
	ok(t, err)
}

// givenBack waits for the room of what the tests before have removed.
func givenBack(t *testing.T, c Client) {
	t.Helper()
	waitFor(t, "the room of what was removed before", func() bool { return used(t, c) == 0 })
}

func fullGivenBack(t *testing.T, c Client) {
	givenBack(t, c)
	f := opened(t, c, "f", 0)
	g := opened(t, c, "g", 0)
	block := []byte(strings.Repeat("x", page))
	refused := func() {
		t.Helper()
		_, err := g.WriteAt(block, 0)
		fails(t, err, regions.NoSpace)
	}
	written := exhaust(t, f)
	refused()
	ok(t, f.Allocate(0, page, regions.AllocatePunchHole|regions.AllocateKeepSize))
	_, err := g.WriteAt(block, 0)
	ok(t, err)
	_, err = f.WriteAt(block, 0)
	fails(t, err, regions.NoSpace)
	ok(t, f.Truncate(written/2))
	_, err = g.WriteAt(block, page)
	ok(t, err)
	ok(t, g.Truncate(0))
	ok(t, c.Unlink("f"))
	ok(t, f.Close())
	waitFor(t, "the room of a removed region", func() bool { return used(t, c) == 0 })
	if again := exhaust(t, g); again < written-page {
		t.Errorf("%d bytes fit in the second time, %d the first", again, written)
	}
}

func used(t *testing.T, c Client) uint64 {
	t.Helper()
	u, err := c.Usage(".")
	ok(t, err)
	return u.BytesUsed
}

func fullNodes(t *testing.T, c Client) {
	givenBack(t, c)
	made := 0
	var err error
	for ; err == nil; made++ {
		err = c.Mknod(fmt.Sprintf("n%d", made), regions.TypeRegular|0o644, 0)
	}
	made--
	fails(t, err, regions.NoSpace)
	// What is kept about a region counts as well (Linux mm/shmem.c, shmem_xattr_handler_set), so there may be room for what has
	// nothing of the kind.
	for err, n := error(nil), 0; err == nil; n++ {
		err = c.Mkdir(fmt.Sprintf("rest%d", n), 0o755)
	}
	fails(t, c.Mkdir("d", 0o755), regions.NoSpace)
	fails(t, c.Symlink(strings.Repeat("x", 100), "l"), regions.NoSpace)
	_, err = c.Open("f", Write|Create, 0o644)
	fails(t, err, regions.NoSpace)
	if err := c.Link("n0", "link"); err != nil && !errors.Is(err, regions.NoSpace) { // tmpfs counts names too
		t.Error(err)
	}
	put(t, c, "n0", "there is room for bytes")
	ok(t, c.Unlink("n1"))
	ok(t, c.Mkdir("d", 0o755))
	entries, err := list(c, ".")
	ok(t, err)
	if len(entries) < made {
		t.Errorf("%d nodes were made, %d are listed", made, len(entries))
	}
}
