package fstest

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

var userChecks = []systemCheck{
	{name: "Files", run: userFiles, need: []Feature{Privilege, OtherUsers}},
	{name: "Groups", run: userGroups, need: []Feature{Privilege, OtherUsers}},
	{name: "Directories", run: userDirectories, need: []Feature{Privilege, OtherUsers}},
	{name: "OwnFiles", run: userOwnFiles, need: []Feature{Privilege, OtherUsers}},
	{name: "Sticky", run: userSticky, need: []Feature{Privilege, OtherUsers}},
	{name: "Owners", run: userOwners, need: []Feature{Privilege, OtherUsers}},
	{name: "Times", run: userTimes, need: []Feature{Privilege, OtherUsers}},
	{name: "Handles", run: userHandles, need: []Feature{Privilege, OtherUsers}},
	{name: "ACLs", run: userACLs, need: []Feature{Privilege, OtherUsers, ACLs}},
	{name: "DirectoryACLs", run: userDirectoryACLs, need: []Feature{Privilege, OtherUsers, ACLs}},
	{name: "Xattrs", run: userXattrs, need: []Feature{Privilege, OtherUsers, UserXattrs}},
	{name: "Maps", run: userMaps, need: []Feature{Privilege, OtherUsers}},
	{name: "RootPasses", run: userRootPasses, need: []Feature{Privilege, OtherUsers}},
}

// owned makes a region of an owner, group and mode.
func (p place) owned(t *testing.T, name string, uid, gid, mode uint32) {
	t.Helper()
	put(t, p, name, name)
	ok(t, p.Chown(name, uid, gid))
	ok(t, p.Chmod(name, mode))
}

// mayOpen reports whether a name can be opened, where it should be the other way.
func mayOpen(t *testing.T, c Client, name string, flags OpenFlags, want bool) {
	t.Helper()
	f, err := c.Open(name, flags, 0o644)
	if err == nil {
		f.Close()
	} else {
		fails(t, err, regions.AccessDenied)
	}
	if may := err == nil; may != want {
		t.Errorf("open %s with %#x: may is %t", name, flags, may)
	}
}

func userFiles(t *testing.T, p place) {
	p.owned(t, "hidden", 0, 0, 0o600)
	p.owned(t, "shown", 0, 0, 0o604)
	p.owned(t, "dropbox", 0, 0, 0o602)
	p.owned(t, "own", nobody.uid, 0, 0o400)
	p.owned(t, "barred", nobody.uid, 0, 0o077)
	nobody.as(t, "nobody", func(t *testing.T) {
		for _, x := range []struct {
			name        string
			read, write bool
		}{
			{"hidden", false, false}, {"shown", true, false}, {"dropbox", false, true},
			{"own", true, false}, {"barred", false, false},
		} {
			mayOpen(t, p, x.name, Read, x.read)
			mayOpen(t, p, x.name, Write, x.write)
			mayOpen(t, p, x.name, ReadWrite, x.read && x.write)
			mayOpen(t, p, x.name, Write|Append, x.write)
			mayOpen(t, p, x.name, Write|Trunc, x.write)
		}
		_, err := p.Stat("hidden", false)
		ok(t, err)
		fails(t, p.Truncate("shown", 0), regions.AccessDenied)
		ok(t, p.Truncate("dropbox", 0))
		equal(t, "content", content(t, p, "shown"), "shown")
		fails(t, codeOf(unix.Faccessat(p.fd, "hidden", unix.R_OK, 0)), regions.AccessDenied)
	})
}

// userGroups: the first group is as good as any other (credentials(7)).
func userGroups(t *testing.T, p place) {
	p.owned(t, "f", 0, 4242, 0o060)
	ok(t, p.Mkdir("d", 0o755))
	ok(t, p.Chown("d", 0, 4242))
	ok(t, p.Chmod("d", 0o2070))
	for name, u := range map[string]user{
		"first": {uid: 1000, gid: 4242},
		"other": {uid: 1000, gid: 1000, groups: []uint32{7, 4242}},
	} {
		u.as(t, name, func(t *testing.T) {
			mayOpen(t, p, "f", ReadWrite, true)
			put(t, p, "d/"+name, "")
			a, err := p.Stat("d/"+name, false)
			ok(t, err)
			equal(t, "owner", a.UID, 1000)
			equal(t, "group", a.GID, 4242)
		})
	}
	user{uid: 1000, gid: 1000}.as(t, "none", func(t *testing.T) {
		mayOpen(t, p, "f", Read, false)
		mayOpen(t, p, "d", Read|Directory, false)
	})
}

func userDirectories(t *testing.T, p place) {
	for name, mode := range map[string]uint32{"closed": 0o700, "listed": 0o704, "passed": 0o701, "read": 0o705} {
		ok(t, p.Mkdir(name, 0o700))
		put(t, p, name+"/f", "")
		ok(t, p.Chmod(name, mode))
	}
	nobody.as(t, "nobody", func(t *testing.T) {
		for _, x := range []struct {
			name         string
			list, search bool
		}{
			{"closed", false, false}, {"listed", true, false}, {"passed", false, true}, {"read", true, true},
		} {
			mayOpen(t, p, x.name, Read|Directory, x.list)
			mayOpen(t, p, x.name+"/f", Read, x.search)
			mayOpen(t, p, x.name+"/new", Write|Create, false)
			if _, err := p.Stat(x.name+"/f", false); (err == nil) != x.search {
				t.Errorf("stat in %s: %v", x.name, err)
			}
			fails(t, p.Mkdir(x.name+"/d", 0o755), regions.AccessDenied)
			fails(t, p.Unlink(x.name+"/f"), regions.AccessDenied)
			fails(t, p.Rename(x.name+"/f", x.name+"/g", 0), regions.AccessDenied)
			fails(t, p.Symlink("x", x.name+"/l"), regions.AccessDenied)
		}
		fails(t, p.Rmdir("read"), regions.AccessDenied)
	})
}

// userOwnFiles: what an ordinary user makes belongs to them, in a directory that anybody may write to.
func userOwnFiles(t *testing.T, p place) {
	ok(t, p.Chmod(".", 0o777))
	nobody.as(t, "nobody", func(t *testing.T) {
		put(t, p, "f", "mine")
		ok(t, p.Mkdir("d", 0o700))
		ok(t, p.Symlink("f", "l"))
		ok(t, p.Mknod("p", regions.TypeFIFO|0o600, 0))
		fails(t, p.Mknod("c", regions.TypeChar|0o600, 1<<8|3), regions.NotPermitted)
		for _, name := range []string{"f", "d", "l", "p"} {
			a, err := p.Stat(name, false)
			ok(t, err)
			equal(t, "owner of "+name, a.UID, nobody.uid)
			equal(t, "group of "+name, a.GID, nobody.gid)
		}
		ok(t, p.Chmod("f", 0o640))
		ok(t, p.Rename("f", "d/f", 0))
		ok(t, p.Unlink("d/f"))
		ok(t, p.Rmdir("d"))
	})
}

func userSticky(t *testing.T, p place) {
	ok(t, p.Chmod(".", 0o1777))
	p.owned(t, "others", 1000, 1000, 0o666)
	p.owned(t, "own", nobody.uid, nobody.gid, 0o666)
	p.owned(t, "target", 1000, 1000, 0o666)
	ok(t, p.Mkdir("dir", 0o777))
	ok(t, p.Chown("dir", 1000, 1000))
	nobody.as(t, "nobody", func(t *testing.T) {
		fails(t, p.Unlink("others"), regions.NotPermitted)
		fails(t, p.Rename("others", "x", 0), regions.NotPermitted)
		fails(t, p.Rename("own", "target", 0), regions.NotPermitted)
		fails(t, p.Rmdir("dir"), regions.NotPermitted)
		fails(t, p.Rename("own", "others", regions.RenameExchange), regions.NotPermitted)
		ok(t, p.Rename("own", "renamed", 0))
		ok(t, p.Unlink("renamed"))
	})
	user{uid: 1000, gid: 1000}.as(t, "owner", func(t *testing.T) { ok(t, p.Unlink("others")) })
}

func userOwners(t *testing.T, p place) {
	p.owned(t, "others", 1000, 1000, 0o666)
	p.owned(t, "own", 2000, 2000, 0o666)
	user{uid: 2000, gid: 2000, groups: []uint32{3000}}.as(t, "owner", func(t *testing.T) {
		fails(t, p.Chmod("others", 0o600), regions.NotPermitted)
		fails(t, p.Chown("others", Keep, 2000), regions.NotPermitted)
		fails(t, p.Chown("own", 1000, Keep), regions.NotPermitted)
		fails(t, p.Chown("own", Keep, 4000), regions.NotPermitted)
		ok(t, p.Chown("own", Keep, 3000))
		ok(t, p.Chown("own", 2000, 2000))
		ok(t, p.Chmod("own", 0o2755))
		modeOf(t, p, "own", 0o2755)
	})
	ok(t, p.Chown("own", 2000, 4000))
	user{uid: 2000, gid: 2000}.as(t, "stranger to the group", func(t *testing.T) {
		ok(t, p.Chmod("own", 0o2755))
		modeOf(t, p, "own", 0o755) // chmod(2): the bit is dropped in silence
	})
}

func userTimes(t *testing.T, p place) {
	p.owned(t, "writable", 1000, 1000, 0o666)
	p.owned(t, "readable", 1000, 1000, 0o644)
	p.owned(t, "own", nobody.uid, nobody.gid, 0)
	now := Stamp{Now: true}
	nobody.as(t, "nobody", func(t *testing.T) {
		ok(t, p.Utimes("own", At(1, 2), At(3, 4)))
		ok(t, p.Utimes("writable", now, now))
		fails(t, p.Utimes("writable", At(1, 2), At(3, 4)), regions.NotPermitted)
		fails(t, p.Utimes("writable", now, Stamp{Omit: true}), regions.NotPermitted)
		fails(t, p.Utimes("readable", now, now), regions.AccessDenied)
	})
}

// userHandles: what was allowed at open stays so, whatever the mode becomes.
func userHandles(t *testing.T, p place) {
	ok(t, p.Chmod(".", 0o777))
	nobody.as(t, "nobody", func(t *testing.T) {
		f, err := p.Open("f", ReadWrite|Create, 0)
		ok(t, err)
		defer f.Close()
		_, err = f.Write([]byte("content"))
		ok(t, err)
		ok(t, f.Truncate(4))
		ok(t, f.Allocate(4096, 4096, 0))
		buf := make([]byte, 4)
		_, err = f.ReadAt(buf, 0)
		ok(t, err)
		equal(t, "content", string(buf), "cont")
		mayOpen(t, p, "f", Read, false)
		fails(t, p.Truncate("f", 0), regions.AccessDenied)
		if _, lacking := p.config.Lacks[Tmpfiles]; !lacking {
			g, err := p.Open(".", ReadWrite|Tmpfile, 0)
			ok(t, err)
			defer g.Close()
			ok(t, g.Truncate(10))
			ok(t, g.LinkTo("g"))
		}
	})
}

func userACLs(t *testing.T, p place) {
	p.owned(t, "granted", 0, 0, 0o600)
	ok(t, p.Setxattr("granted", accessACL, namedACL(6, nobody.uid, 6, 0, 6, 0), 0))
	p.owned(t, "masked", 0, 0, 0o600)
	ok(t, p.Setxattr("masked", accessACL, namedACL(6, nobody.uid, 6, 0, 4, 0), 0))
	p.owned(t, "denied", 0, 0, 0o666)
	ok(t, p.Setxattr("denied", accessACL, namedACL(6, nobody.uid, 0, 6, 6, 6), 0))
	p.owned(t, "changed", 0, 0, 0o600)
	ok(t, p.Setxattr("changed", accessACL, namedACL(6, nobody.uid, 6, 0, 6, 0), 0))
	nobody.as(t, "nobody", func(t *testing.T) {
		mayOpen(t, p, "granted", ReadWrite, true)
		mayOpen(t, p, "masked", Read, true)
		mayOpen(t, p, "masked", Write, false)
		mayOpen(t, p, "denied", Read, false)
		mayOpen(t, p, "changed", Write, true)
		fails(t, p.Setxattr("granted", accessACL, namedACL(7, 1, 7, 7, 7, 7), 0), regions.NotPermitted)
	})
	ok(t, p.Chmod("changed", 0o600)) // the mask becomes 0
	ok(t, p.Removexattr("denied", accessACL))
	nobody.as(t, "nobody afterwards", func(t *testing.T) {
		mayOpen(t, p, "changed", Write, false)
		mayOpen(t, p, "denied", Read, true)
	})
}

func userDirectoryACLs(t *testing.T, p place) {
	ok(t, p.Mkdir("d", 0o700))
	put(t, p, "d/before", "")
	ok(t, p.Chmod("d/before", 0o600))
	ok(t, p.Setxattr("d", accessACL, namedACL(7, nobody.uid, 7, 0, 7, 0), 0))
	ok(t, p.Setxattr("d", defaultACL, namedACL(7, nobody.uid, 6, 0, 6, 0), 0))
	put(t, p, "d/after", "")
	ok(t, p.Chmod("d/after", 0o660))
	nobody.as(t, "nobody", func(t *testing.T) {
		put(t, p, "d/own", "")
		mayOpen(t, p, "d/after", ReadWrite, true)
		mayOpen(t, p, "d/before", Read, false)
	})
	user{uid: 1000, gid: 1000}.as(t, "somebody", func(t *testing.T) { mayOpen(t, p, "d/after", Read, false) })
}

func userXattrs(t *testing.T, p place) {
	p.owned(t, "readable", 0, 0, 0o644)
	p.owned(t, "writable", 0, 0, 0o666)
	p.owned(t, "hidden", 0, 0, 0o600)
	for _, name := range []string{"readable", "writable", "hidden"} {
		ok(t, p.Setxattr(name, "user.a", []byte("1"), 0))
	}
	nobody.as(t, "nobody", func(t *testing.T) {
		_, err := p.Getxattr("readable", "user.a")
		ok(t, err)
		fails(t, p.Setxattr("readable", "user.a", nil, 0), regions.AccessDenied)
		fails(t, p.Removexattr("readable", "user.a"), regions.AccessDenied)
		ok(t, p.Setxattr("writable", "user.a", []byte("2"), 0))
		_, err = p.Getxattr("hidden", "user.a")
		fails(t, err, regions.AccessDenied)
	})
}

func userMaps(t *testing.T, p place) {
	p.owned(t, "f", 0, 0, 0o604)
	nobody.as(t, "nobody", func(t *testing.T) {
		fd, err := unix.Openat(p.fd, "f", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		ok(t, codeOf(err))
		defer unix.Close(fd)
		_, err = unix.Mmap(fd, 0, 4096, readWrite, unix.MAP_SHARED)
		fails(t, codeOf(err), regions.AccessDenied)
		m, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
		ok(t, codeOf(err))
		defer unix.Munmap(m)
		fails(t, codeOf(unix.Mprotect(m, readWrite)), regions.AccessDenied)
	})
}

func userRootPasses(t *testing.T, p place) {
	ok(t, p.Chmod(".", 0o777))
	nobody.as(t, "nobody", func(t *testing.T) {
		put(t, p, "f", "private")
		ok(t, p.Chmod("f", 0))
		ok(t, p.Mkdir("d", 0))
	})
	equal(t, "content", content(t, p, "f"), "private")
	put(t, p, "d/f", "")
	ok(t, p.Unlink("d/f"))
}
