package fstest

import (
	"testing"
	"time"

	"github.com/shmfs/shmfs/regions"
)

var attributeChecks = []check{
	{name: "Stat", run: attrStat},
	{name: "SetTimes", run: attrSetTimes},
	{name: "SetTimesNow", run: attrSetTimesNow},
	{name: "TimesMove", run: attrTimesMove},
	{name: "TimesOfSymlink", run: attrTimesOfSymlink},
	{name: "BirthTime", run: attrBirthTime, need: []Feature{BirthTime}},
	{name: "Blocks", run: attrBlocks, need: []Feature{SmallPages}},
	{name: "Usage", run: attrUsage, need: []Feature{SmallPages, OwnRoom}},
}

func attrStat(t *testing.T, c Client) {
	put(t, c, "f", "abc")
	byName, err := c.Stat("f", false)
	ok(t, err)
	equal(t, "size", byName.Size, 3)
	equal(t, "nlink", byName.Nlink, 1)
	equal(t, "mode", byName.Mode, regions.TypeRegular|0o644)
	f, err := c.Open("f", Read, 0)
	ok(t, err)
	defer f.Close()
	byHandle, err := f.Stat()
	ok(t, err)
	equal(t, "attributes by handle", byHandle, byName)
	_, err = c.Stat("no", false)
	fails(t, err, regions.NotFound)
	_, err = c.Stat("f/x", false)
	fails(t, err, regions.NotDir)
}

func attrSetTimes(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Mkdir("d", 0o755))
	for _, path := range []string{"f", "d"} {
		for _, x := range []struct{ atime, mtime Stamp }{
			{At(1, 1), At(2, 999999999)},
			{At(1<<33, 123456789), At(-5, 5)},
			{At(0, 0), At(0, 0)},
		} {
			ok(t, c.Utimes(path, x.atime, x.mtime))
			a, err := c.Stat(path, false)
			ok(t, err)
			equal(t, "atime", a.Atime, x.atime.Timestamp)
			equal(t, "mtime", a.Mtime, x.mtime.Timestamp)
		}
		ok(t, c.Utimes(path, Stamp{Omit: true}, At(77, 7)))
		a, err := c.Stat(path, false)
		ok(t, err)
		equal(t, "omitted atime", a.Atime, regions.Timestamp{})
		equal(t, "mtime", a.Mtime, At(77, 7).Timestamp)
	}
	fails(t, c.Utimes("no", At(1, 1), At(1, 1)), regions.NotFound)
}

func attrSetTimesNow(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Utimes("f", At(1, 1), At(1, 1)))
	before := time.Now().Add(-time.Second) // the file system's clock may be a tick behind
	ok(t, c.Utimes("f", Stamp{Now: true}, Stamp{Omit: true}))
	a, err := c.Stat("f", false)
	ok(t, err)
	recent(t, "atime", a.Atime, before)
	equal(t, "mtime", a.Mtime, At(1, 1).Timestamp)
	ok(t, c.Utimes("f", At(9, 9), Stamp{Now: true}))
	a, err = c.Stat("f", false)
	ok(t, err)
	recent(t, "mtime", a.Mtime, before)
	recent(t, "ctime", a.Ctime, before)
	equal(t, "atime", a.Atime, At(9, 9).Timestamp)
}

// recent reports a time that is not between from and now.
func recent(t *testing.T, what string, got regions.Timestamp, from time.Time) {
	t.Helper()
	if at := got.Time(); at.Before(from) || at.After(time.Now().Add(time.Second)) {
		t.Errorf("%s: %v is not between %v and now", what, at, from)
	}
}

// attrTimesMove sets the times far back before each act, so that the clock's grain does not matter.
func attrTimesMove(t *testing.T, c Client) {
	put(t, c, "f", "some content")
	f, err := c.Open("f", ReadWrite, 0)
	ok(t, err)
	defer f.Close()
	started := time.Now().Add(-time.Second)
	for _, x := range []struct {
		what   string
		do     func() error
		modify bool
	}{
		{"write", func() error { _, err := f.WriteAt([]byte("x"), 0); return err }, true},
		{"growing write", func() error { _, err := f.WriteAt([]byte("x"), 100); return err }, true},
		{"truncate", func() error { return f.Truncate(50) }, true},
		{"truncate to the same size", func() error { return f.Truncate(50) }, true},
		{"truncate by name", func() error { return c.Truncate("f", 40) }, true},
		{"chmod", func() error { return c.Chmod("f", 0o600) }, false},
		{"link", func() error { return c.Link("f", "g") }, false},
		{"unlink", func() error { return c.Unlink("g") }, false},
	} {
		ok(t, c.Utimes("f", At(1000, 0), At(1000, 0)))
		ok(t, x.do())
		a, err := c.Stat("f", false)
		ok(t, err)
		if moved := a.Mtime.Sec != 1000; moved != x.modify {
			t.Errorf("%s: mtime moved is %t", x.what, moved)
		}
		recent(t, x.what+": ctime", a.Ctime, started)
		equal(t, x.what+": atime", a.Atime.Sec, 1000)
	}
}

func attrTimesOfSymlink(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Utimes("f", At(1, 0), At(1, 0)))
	ok(t, c.Symlink("f", "l"))
	ok(t, c.Utimes("l", At(5, 6), At(7, 8)))
	l, err := c.Stat("l", false)
	ok(t, err)
	equal(t, "mtime of the symlink", l.Mtime, At(7, 8).Timestamp)
	f, err := c.Stat("f", false)
	ok(t, err)
	equal(t, "mtime behind it", f.Mtime, At(1, 0).Timestamp)
}

func attrBirthTime(t *testing.T, c Client) {
	before := time.Now().Add(-time.Second)
	put(t, c, "f", "x")
	born, err := c.Stat("f", false)
	ok(t, err)
	recent(t, "birth", born.Btime, before)
	put(t, c, "f", "y")
	ok(t, c.Chmod("f", 0o600))
	ok(t, c.Utimes("f", At(1, 1), At(1, 1)))
	ok(t, c.Rename("f", "g", 0))
	later, err := c.Stat("g", false)
	ok(t, err)
	equal(t, "birth later on", later.Btime, born.Btime)
}

func attrBlocks(t *testing.T, c Client) {
	f := opened(t, c, "f", 2)
	a, err := f.Stat()
	ok(t, err)
	equal(t, "resident", a.Resident(), 2*page)
	ok(t, f.Truncate(page))
	a, err = f.Stat()
	ok(t, err)
	equal(t, "resident after truncate", a.Resident(), page)
	ok(t, f.Truncate(5*page))
	a, err = f.Stat()
	ok(t, err)
	equal(t, "resident after growing", a.Resident(), page)
}

// attrUsage: what the tests before gave up may be given back between two looks. Then it is measured again.
func attrUsage(t *testing.T, c Client) {
	for end := time.Now().Add(patience); !usageMoves(t, c); {
		if time.Now().After(end) {
			t.Fatal("the usage never moves by what is made and removed")
		}
	}
	f := opened(t, c, "f", 4096)
	before, err := c.Usage("f")
	ok(t, err)
	ok(t, c.Unlink("f"))
	ok(t, f.Close())
	waitFor(t, "bytes of a removed region to be given back", func() bool {
		u, err := c.Usage(".")
		ok(t, err)
		return u.BytesUsed <= before.BytesUsed-4096*page
	})
}

// usageMoves makes and removes a region of 16 pages and a directory. It tells whether all of it was counted.
func usageMoves(t *testing.T, c Client) bool {
	t.Helper()
	before, err := c.Usage(".")
	ok(t, err)
	f := opened(t, c, "f", 16)
	ok(t, c.Mkdir("d", 0o755))
	after, err := c.Usage("f")
	ok(t, err)
	equal(t, "names", after.NameMax, 255)
	ok(t, c.Unlink("f"))
	held, err := c.Usage(".")
	ok(t, err)
	ok(t, c.Rmdir("d"))
	ok(t, f.Close())
	// A record is an extended attribute, which tmpfs counts as a part of a node (fs/xattr.c, simple_xattr_space).
	nodes := after.NodesUsed - before.NodesUsed
	counted := before.Nodes == 0 || nodes == 2 || nodes == 3
	t.Logf("bytes used: %d, then %d, and %d without the name; nodes: %d, then %d",
		before.BytesUsed, after.BytesUsed, held.BytesUsed, before.NodesUsed, after.NodesUsed)
	return counted && after.BytesUsed-before.BytesUsed == 16*page && held.BytesUsed == after.BytesUsed
}

// patience is how long a test waits for what must come.
const patience = 3 * time.Minute

// waitFor waits for what a release brings about: close(2) does not wait for it (fuse_file_put, Linux fs/fuse/file.c).
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}
