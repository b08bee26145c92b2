package fstest

import (
	"testing"

	"github.com/shmfs/shmfs/regions"
)

var directoryChecks = []check{
	{name: "MakeAndRemove", run: dirMakeRemove},
	{name: "Refusals", run: dirRefusals},
	{name: "LinkCounts", run: dirLinkCounts},
	{name: "Dots", run: dirDots},
	{name: "TimesOfParent", run: dirTimesOfParent},
	{name: "RemovedWhileOpen", run: dirRemovedWhileOpen},
	{name: "Size", run: dirSize, need: []Feature{DirectorySizes}},
	{name: "FIFOsAndSockets", run: dirSpecials},
	{name: "Devices", run: dirDevices, need: []Feature{Privilege}},
}

func dirMakeRemove(t *testing.T, c Client) {
	ok(t, c.Mkdir("d", 0o751))
	a, err := c.Stat("d", false)
	ok(t, err)
	equal(t, "mode", a.Mode, regions.TypeDir|0o751)
	equal(t, "nlink", a.Nlink, 2)
	ok(t, c.Mkdir("d/e", 0o700))
	fails(t, c.Rmdir("d"), regions.NotEmpty)
	ok(t, c.Rmdir("d/e"))
	ok(t, c.Rmdir("d"))
	_, err = c.Stat("d", false)
	fails(t, err, regions.NotFound)
}

func dirRefusals(t *testing.T, c Client) {
	put(t, c, "f", "x")
	ok(t, c.Mkdir("d", 0o755))
	ok(t, c.Symlink("d", "l"))
	fails(t, c.Mkdir("d", 0o755), regions.Exists)
	fails(t, c.Mkdir("f", 0o755), regions.Exists)
	fails(t, c.Mkdir("l", 0o755), regions.Exists)
	fails(t, c.Mkdir("f/d", 0o755), regions.NotDir)
	fails(t, c.Mkdir("no/d", 0o755), regions.NotFound)
	fails(t, c.Rmdir("no"), regions.NotFound)
	fails(t, c.Rmdir("f"), regions.NotDir)
	fails(t, c.Rmdir("l"), regions.NotDir)
	fails(t, c.Unlink("d"), regions.IsDir)
	fails(t, c.Unlink("no"), regions.NotFound)
	fails(t, c.Unlink("f/x"), regions.NotDir)
	fails(t, c.Truncate("d", 0), regions.IsDir)
}

func dirLinkCounts(t *testing.T, c Client) {
	nlink := func(path string, want uint32) {
		t.Helper()
		a, err := c.Stat(path, false)
		ok(t, err)
		equal(t, "nlink of "+path, a.Nlink, want)
	}
	ok(t, c.Mkdir("a", 0o755))
	ok(t, c.Mkdir("b", 0o755))
	ok(t, c.Mkdir("a/x", 0o755))
	ok(t, c.Mkdir("a/y", 0o755))
	put(t, c, "a/f", "")
	nlink("a", 4)
	ok(t, c.Rename("a/x", "b/x", 0))
	nlink("a", 3)
	nlink("b", 3)
	ok(t, c.Rename("a/f", "b/x", regions.RenameExchange))
	nlink("a", 4)
	nlink("b", 2)
	ok(t, c.Rename("a/y", "a/f", 0))
	nlink("a", 3)
	ok(t, c.Rmdir("a/f"))
	nlink("a", 2)
}

func dirDots(t *testing.T, c Client) {
	ok(t, c.Mkdir("a", 0o755))
	ok(t, c.Mkdir("a/b", 0o755))
	put(t, c, "f", "here")
	equal(t, "a/b/../../f", content(t, c, "a/b/../../f"), "here")
	equal(t, "a/./b/.././../f", content(t, c, "a/./b/.././../f"), "here")
	ok(t, c.Symlink("../f", "a/l"))
	equal(t, "a/b/../l", content(t, c, "a/b/../l"), "here")
	ok(t, c.Mkdir("z", 0o755))
	ok(t, c.Rename("a/b", "z/b", 0))
	put(t, c, "z/g", "there")
	equal(t, "z/b/../g", content(t, c, "z/b/../g"), "there")
	_, err := c.Stat("f/..", false)
	fails(t, err, regions.NotDir)
}

// dirTimesOfParent sets a directory's times far back, so that the clock's grain does not matter.
func dirTimesOfParent(t *testing.T, c Client) {
	ok(t, c.Mkdir("d", 0o755))
	put(t, c, "f", "")
	moves := func(what string, do func() error) {
		t.Helper()
		ok(t, c.Utimes("d", At(1000, 0), At(1000, 0)))
		ok(t, do())
		a, err := c.Stat("d", false)
		ok(t, err)
		if a.Mtime.Sec == 1000 {
			t.Errorf("%s left the directory's mtime", what)
		}
		equal(t, what+": atime", a.Atime.Sec, 1000)
	}
	moves("mkdir", func() error { return c.Mkdir("d/e", 0o755) })
	moves("rmdir", func() error { return c.Rmdir("d/e") })
	moves("link", func() error { return c.Link("f", "d/f") })
	moves("rename within", func() error { return c.Rename("d/f", "d/g", 0) })
	moves("rename out", func() error { return c.Rename("d/g", "h", 0) })
	moves("rename in", func() error { return c.Rename("h", "d/h", 0) })
	moves("unlink", func() error { return c.Unlink("d/h") })
	moves("symlink", func() error { return c.Symlink("x", "d/l") })
	moves("mknod", func() error { return c.Mknod("d/p", regions.TypeFIFO|0o644, 0) })
}

func dirRemovedWhileOpen(t *testing.T, c Client) {
	ok(t, c.Mkdir("d", 0o755))
	d, err := c.Open("d", Read|Directory, 0)
	ok(t, err)
	defer d.Close()
	ok(t, c.Rmdir("d"))
	a, err := d.Stat()
	ok(t, err)
	equal(t, "nlink", a.Nlink, 0)
	_, err = d.List(10)
	fails(t, err, regions.NotFound)
}

func dirSize(t *testing.T, c Client) {
	ok(t, c.Mkdir("d", 0o755))
	before, err := c.Stat("d", false)
	ok(t, err)
	put(t, c, "d/f", "")
	after, err := c.Stat("d", false)
	ok(t, err)
	if after.Size <= before.Size {
		t.Errorf("size of a directory of one name: %d, of none: %d", after.Size, before.Size)
	}
}

func dirSpecials(t *testing.T, c Client) {
	for name, kind := range map[string]uint32{"fifo": regions.TypeFIFO, "socket": regions.TypeSocket} {
		ok(t, c.Mknod(name, kind|0o640, 0))
		a, err := c.Stat(name, false)
		ok(t, err)
		equal(t, name, a.Mode, kind|0o640)
		fails(t, c.Mknod(name, kind|0o640, 0), regions.Exists)
		ok(t, c.Rename(name, name+"2", 0))
		ok(t, c.Link(name+"2", name+"3"))
		ok(t, c.Unlink(name+"2"))
	}
	ok(t, c.Mknod("file", regions.TypeRegular|0o604, 0))
	a, err := c.Stat("file", false)
	ok(t, err)
	equal(t, "file", a.Mode, regions.TypeRegular|0o604)
	fails(t, c.Mknod("dir", regions.TypeDir|0o755, 0), regions.NotPermitted)
	_, err = c.Open("socket3", Read, 0)
	fails(t, err, regions.NoDevice)
}

func dirDevices(t *testing.T, c Client) {
	for name, kind := range map[string]uint32{"char": regions.TypeChar, "block": regions.TypeBlock} {
		const rdev = 1<<8 | 3 // /dev/null's
		ok(t, c.Mknod(name, kind|0o666, rdev))
		a, err := c.Stat(name, false)
		ok(t, err)
		equal(t, name, a.Mode, kind|0o666)
		equal(t, name+" number", a.Rdev, rdev)
	}
	const large = 0xfff<<8 | 0xab | 0x12300<<12 // major 4095, minor 0x123ab: makedev(3)
	ok(t, c.Mknod("large", regions.TypeChar|0o600, large))
	a, err := c.Stat("large", false)
	ok(t, err)
	equal(t, "large number", a.Rdev, large)
}
