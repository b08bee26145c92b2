package fstest

import (
	"testing"

	"github.com/shmfs/shmfs/regions"
)

var modeChecks = []check{
	{name: "Chmod", run: modeChmod},
	{name: "Chown", run: modeChown, need: []Feature{Privilege}},
	{name: "ChownClears", run: modeChownClears, need: []Feature{Privilege}},
	{name: "Umask", run: modeUmask},
	{name: "SetGroupID", run: modeSetGroupID, need: []Feature{Privilege}},
	{name: "ACL", run: modeACL, need: []Feature{ACLs}},
	{name: "ACLOfMode", run: modeACLOfMode, need: []Feature{ACLs}},
	{name: "ACLRefusals", run: modeACLRefusals, need: []Feature{ACLs}},
	{name: "DefaultACL", run: modeDefaultACL, need: []Feature{ACLs}},
	{name: "DefaultACLUmask", run: modeDefaultACLUmask, need: []Feature{ACLs}},
}

// modeOf reports a mode that is not the wanted one.
func modeOf(t *testing.T, c Client, path string, want uint32) {
	t.Helper()
	a, err := c.Stat(path, false)
	ok(t, err)
	if got := a.Mode & regions.ModePerm; got != want {
		t.Errorf("mode of %s: got %04o, want %04o", path, got, want)
	}
}

func modeChmod(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Mkdir("d", 0o755))
	for _, mode := range []uint32{0, 0o777, 0o1777, 0o4711, 0o6755, 0o640} {
		for _, path := range []string{"f", "d"} {
			ok(t, c.Chmod(path, mode))
			modeOf(t, c, path, mode)
		}
	}
	ok(t, c.Chmod("d", 0o755)) // an ordinary user could not remove it otherwise
	fails(t, c.Chmod("no", 0o644), regions.NotFound)
}

func modeChown(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Symlink("f", "l"))
	owner := func(path string, uid, gid uint32) {
		t.Helper()
		a, err := c.Stat(path, false)
		ok(t, err)
		equal(t, "owner of "+path, a.UID, uid)
		equal(t, "group of "+path, a.GID, gid)
	}
	ok(t, c.Chown("f", 1234, 5678))
	owner("f", 1234, 5678)
	ok(t, c.Chown("f", Keep, 9))
	owner("f", 1234, 9)
	ok(t, c.Chown("f", 8, Keep))
	owner("f", 8, 9)
	ok(t, c.Chown("f", Keep, Keep))
	owner("f", 8, 9)
	ok(t, c.Chown("l", 70000, 4294967294))
	owner("l", 70000, 4294967294)
	owner("f", 8, 9)
}

// modeChownClears: a change of owner takes set-user-id, and set-group-id of an executable, away: from root too.
func modeChownClears(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Mkdir("d", 0o755))
	for _, x := range []struct{ before, after uint32 }{{0o6755, 0o755}, {0o6744, 0o2744}, {0o1644, 0o1644}} {
		ok(t, c.Chmod("f", x.before))
		ok(t, c.Chown("f", 1, 1))
		modeOf(t, c, "f", x.after)
	}
	ok(t, c.Chmod("d", 0o6755))
	ok(t, c.Chown("d", 1, 1))
	modeOf(t, c, "d", 0o6755)
}

func modeUmask(t *testing.T, c Client) {
	defer c.Umask(c.Umask(0o027))
	create := func(name string) {
		t.Helper()
		f, err := c.Open(name, Write|Create, 0o666)
		ok(t, err)
		ok(t, f.Close())
	}
	create("f")
	modeOf(t, c, "f", 0o640)
	ok(t, c.Mkdir("d", 0o777))
	modeOf(t, c, "d", 0o750)
	ok(t, c.Mknod("p", regions.TypeFIFO|0o666, 0))
	modeOf(t, c, "p", 0o640)
	c.Umask(0o777)
	create("g")
	modeOf(t, c, "g", 0)
	ok(t, c.Symlink("x", "l"))
	modeOf(t, c, "l", 0o777)
	c.Umask(0)
	f, err := c.Open("h", Write|Create, 0o6777)
	ok(t, err)
	ok(t, f.Close())
	modeOf(t, c, "h", 0o6777)
}

// modeSetGroupID: what is made in such a directory has its group, and directories the bit too (inode_init_owner,
// Linux fs/inode.c).
func modeSetGroupID(t *testing.T, c Client) {
	ok(t, c.Mkdir("d", 0o755))
	ok(t, c.Chown("d", 3, 4))
	ok(t, c.Chmod("d", 0o2777))
	put(t, c, "d/f", "")
	ok(t, c.Mkdir("d/d", 0o755))
	ok(t, c.Symlink("x", "d/l"))
	ok(t, c.Mknod("d/p", regions.TypeFIFO|0o644, 0))
	for _, path := range []string{"d/f", "d/d", "d/l", "d/p"} {
		a, err := c.Stat(path, false)
		ok(t, err)
		equal(t, "group of "+path, a.GID, 4)
	}
	modeOf(t, c, "d/f", 0o644)
	modeOf(t, c, "d/d", 0o2755)
	ok(t, c.Chmod("d", 0o777))
	ok(t, c.Mkdir("d/e", 0o755))
	modeOf(t, c, "d/e", 0o755)
}

func modeACL(t *testing.T, c Client) {
	put(t, c, "f", "")
	_, err := c.Getxattr("f", accessACL)
	fails(t, err, regions.NoData)
	want := namedACL(6, 1000, 6, 4, 6, 0)
	ok(t, c.Setxattr("f", accessACL, want, 0))
	got, err := c.Getxattr("f", accessACL)
	ok(t, err)
	equal(t, "ACL", string(got), string(want))
	modeOf(t, c, "f", 0o660) // the group's bits are the mask: acl(5)
	names, err := c.Listxattr("f")
	ok(t, err)
	equal(t, "listed", len(names) == 1 && names[0] == accessACL, true)
	ok(t, c.Chmod("f", 0o640))
	got, err = c.Getxattr("f", accessACL)
	ok(t, err)
	equal(t, "ACL after chmod", string(got), string(namedACL(6, 1000, 6, 4, 4, 0)))
	ok(t, c.Removexattr("f", accessACL))
	_, err = c.Getxattr("f", accessACL)
	fails(t, err, regions.NoData)
	modeOf(t, c, "f", 0o640)
}

// modeACLOfMode: an ACL that says no more than a mode is not kept.
func modeACLOfMode(t *testing.T, c Client) {
	put(t, c, "f", "")
	minimal := acl(aclEntry{aclUserObj, 7, aclNobody}, aclEntry{aclGroupObj, 1, aclNobody}, aclEntry{aclOther, 4, aclNobody})
	ok(t, c.Setxattr("f", accessACL, minimal, 0))
	modeOf(t, c, "f", 0o714)
	_, err := c.Getxattr("f", accessACL)
	fails(t, err, regions.NoData)
}

func modeACLRefusals(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Symlink("f", "l"))
	fails(t, c.Setxattr("f", defaultACL, namedACL(7, 1, 7, 5, 7, 5), 0), regions.AccessDenied)
	fails(t, c.Setxattr("l", accessACL, namedACL(7, 1, 7, 5, 7, 5), 0), regions.NotSupported)
	fails(t, c.Setxattr("f", accessACL, []byte("\x02\x00\x00\x00x"), 0), regions.Invalid)
	fails(t, c.Setxattr("f", accessACL, acl(aclEntry{aclUser, 7, 1}), 0), regions.Invalid)
	_, err := c.Getxattr("f", accessACL)
	fails(t, err, regions.NoData)
}

// modeDefaultACL: it is the access ACL of what is made below, and the default ACL of directories: acl(5).
func modeDefaultACL(t *testing.T, c Client) {
	ok(t, c.Mkdir("d", 0o755))
	inherited := namedACL(7, 1000, 7, 5, 7, 0)
	ok(t, c.Setxattr("d", defaultACL, inherited, 0))
	_, err := c.Getxattr("d", accessACL)
	fails(t, err, regions.NoData)
	put(t, c, "d/f", "") // 0644
	got, err := c.Getxattr("d/f", accessACL)
	ok(t, err)
	equal(t, "ACL of a new file", string(got), string(namedACL(6, 1000, 7, 5, 4, 0)))
	modeOf(t, c, "d/f", 0o640)
	ok(t, c.Mkdir("d/e", 0o777))
	got, err = c.Getxattr("d/e", accessACL)
	ok(t, err)
	equal(t, "ACL of a new directory", string(got), string(inherited))
	got, err = c.Getxattr("d/e", defaultACL)
	ok(t, err)
	equal(t, "its default ACL", string(got), string(inherited))
	ok(t, c.Symlink("x", "d/l"))
	modeOf(t, c, "d/l", 0o777)
	ok(t, c.Removexattr("d", defaultACL))
	put(t, c, "d/g", "")
	_, err = c.Getxattr("d/g", accessACL)
	fails(t, err, regions.NoData)
}

// modeDefaultACLUmask: the umask applies only where there is no default ACL: umask(2).
func modeDefaultACLUmask(t *testing.T, c Client) {
	ok(t, c.Mkdir("d", 0o755))
	ok(t, c.Setxattr("d", defaultACL, namedACL(7, 1000, 7, 7, 7, 7), 0))
	defer c.Umask(c.Umask(0o077))
	for path, create := range map[string]func(string) error{
		"d/dir":  func(p string) error { return c.Mkdir(p, 0o666) },
		"d/fifo": func(p string) error { return c.Mknod(p, regions.TypeFIFO|0o666, 0) },
		"d/file": func(p string) error { return c.Mknod(p, regions.TypeRegular|0o666, 0) },
		"d/open": func(p string) error {
			f, err := c.Open(p, Write|Create|Exclusive, 0o666)
			if err != nil {
				return err
			}
			return f.Close()
		},
	} {
		ok(t, create(path))
		modeOf(t, c, path, 0o666)
	}
	ok(t, c.Mkdir("plain", 0o777))
	modeOf(t, c, "plain", 0o700)
}
