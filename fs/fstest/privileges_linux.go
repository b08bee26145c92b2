package fstest

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

var privilegeChecks = []systemCheck{
	{name: "TrustedHidden", run: privilegeTrusted, need: []Feature{Privilege, OtherUsers}},
	{name: "WriteClears", run: privilegeWriteClears, need: []Feature{Privilege, OtherUsers}},
	{name: "RootKeeps", run: privilegeRootKeeps, need: []Feature{Privilege}},
	{name: "OwnChownClears", run: privilegeOwnChown, need: []Feature{Privilege, OtherUsers}},
	{name: "SetGroupIDOfStranger", run: privilegeStranger, need: []Feature{Privilege, OtherUsers}},
	{name: "FileCapabilities", run: privilegeFileCapabilities, need: []Feature{Privilege, OtherUsers}},
}

// privilegeTrusted: the trusted namespace is for CAP_SYS_ADMIN only (xattr(7)), be it root or not who asks.
func privilegeTrusted(t *testing.T, p place) {
	p.owned(t, "f", nobody.uid, nobody.gid, 0o644)
	ok(t, p.Setxattr("f", "trusted.a", []byte("1"), 0))
	ok(t, p.Setxattr("f", "security.a", []byte("1"), 0))
	if _, lacking := p.config.Lacks[UserXattrs]; !lacking {
		ok(t, p.Setxattr("f", "user.a", []byte("1"), 0))
	}
	all, err := p.Listxattr("f")
	ok(t, err)
	hidden := func(t *testing.T) {
		names, err := p.Listxattr("f")
		ok(t, err)
		equal(t, "how many are hidden", len(all)-len(names), 1)
		equal(t, "trusted.a is listed", slices.Contains(names, "trusted.a"), false)
		_, err = p.Getxattr("f", "trusted.a")
		fails(t, err, regions.NoData)
		fails(t, p.Setxattr("f", "trusted.a", []byte("2"), 0), regions.NotPermitted)
		fails(t, p.Removexattr("f", "trusted.a"), regions.NotPermitted)
	}
	nobody.as(t, "nobody", hidden)
	without(t, unix.CAP_SYS_ADMIN, "root without CAP_SYS_ADMIN", hidden)
	names, err := p.Listxattr("f")
	ok(t, err)
	equal(t, "listed for root", slices.Contains(names, "trusted.a"), true)
}

// privilegeWriteClears: set-user-id, and set-group-id of an executable, go when an ordinary user changes the content.
func privilegeWriteClears(t *testing.T, p place) {
	for name, change := range map[string]func(t *testing.T) error{
		"write": func(t *testing.T) error {
			fd := p.openFd(t, "f", unix.O_WRONLY)
			_, err := unix.Write(fd, []byte("x"))
			return codeOf(err)
		},
		"append": func(t *testing.T) error {
			_, err := unix.Write(p.openFd(t, "f", unix.O_WRONLY|unix.O_APPEND), []byte("x"))
			return codeOf(err)
		},
		"truncate":  func(*testing.T) error { return p.Truncate("f", 1) },
		"ftruncate": func(t *testing.T) error { return codeOf(unix.Ftruncate(p.openFd(t, "f", unix.O_WRONLY), 1)) },
		"open":      func(t *testing.T) error { p.openFd(t, "f", unix.O_WRONLY|unix.O_TRUNC); return nil },
		"fallocate": func(t *testing.T) error {
			return codeOf(unix.Fallocate(p.openFd(t, "f", unix.O_WRONLY), 0, 0, 8192))
		},
	} {
		p.owned(t, "f", 1000, 1000, 0o6777)
		nobody.as(t, name, func(t *testing.T) { ok(t, change(t)) })
		modeOf(t, p, "f", 0o777)
	}
}

func privilegeRootKeeps(t *testing.T, p place) {
	p.owned(t, "f", 1000, 1000, 0o6777)
	fd := p.openFd(t, "f", unix.O_RDWR)
	_, err := unix.Write(fd, []byte("x"))
	ok(t, codeOf(err))
	ok(t, codeOf(unix.Ftruncate(fd, 100)))
	ok(t, p.Truncate("f", 10))
	modeOf(t, p, "f", 0o6777)
}

func privilegeOwnChown(t *testing.T, p place) {
	u := user{uid: 2000, gid: 2000, groups: []uint32{3000}}
	p.owned(t, "f", 2000, 2000, 0o6755)
	p.owned(t, "g", 2000, 2000, 0o6755)
	u.as(t, "owner", func(t *testing.T) {
		ok(t, p.Chown("f", Keep, 3000))
		modeOf(t, p, "f", 0o755)
		ok(t, p.Chown("g", 2000, Keep))
		modeOf(t, p, "g", 0o755)
	})
}

// privilegeStranger: an executable made in a directory of another's group does not keep set-group-id
// (mode_strip_sgid, Linux fs/inode.c).
func privilegeStranger(t *testing.T, p place) {
	ok(t, p.Chmod(".", 0o777))
	ok(t, p.Mkdir("d", 0o755))
	ok(t, p.Chown("d", 0, 4242))
	ok(t, p.Chmod("d", 0o2777))
	create := func(name string) func(*testing.T) {
		return func(t *testing.T) {
			f, err := p.Open("d/"+name, Write|Create, 0o2755)
			ok(t, err)
			ok(t, f.Close())
			ok(t, p.Mkdir("d/dir-"+name, 0o755))
		}
	}
	nobody.as(t, "stranger", create("stranger"))
	modeOf(t, p, "d/stranger", 0o755)
	modeOf(t, p, "d/dir-stranger", 0o2755)
	user{uid: 1000, gid: 4242}.as(t, "member", create("member"))
	modeOf(t, p, "d/member", 0o2755)
}

// privilegeFileCapabilities: security.capability goes with a write as set-user-id does (capabilities(7)).
func privilegeFileCapabilities(t *testing.T, p place) {
	p.owned(t, "f", 1000, 1000, 0o777)
	netRaw := []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} // struct vfs_cap_data, revision 2
	ok(t, p.Setxattr("f", "security.capability", netRaw, 0))
	_, err := p.Getxattr("f", "security.capability")
	ok(t, err)
	nobody.as(t, "nobody", func(t *testing.T) {
		_, err := unix.Write(p.openFd(t, "f", unix.O_WRONLY), []byte("x"))
		ok(t, codeOf(err))
	})
	_, err = p.Getxattr("f", "security.capability")
	fails(t, err, regions.NoData)
}
