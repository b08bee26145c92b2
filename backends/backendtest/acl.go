package backendtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/shmfs/shmfs/regions"
)

var acls = []check{
	{"ACLSetsMode", aclSetsMode},
	{"ACLFollowsMode", aclFollowsMode},
	{"ACLRefused", aclRefused},
	{"ACLOfTypes", aclOfTypes},
	{"ACLKillsSetGroupID", aclKillsSetGroupID},
	{"DefaultACLInherited", defaultACLInherited},
	{"DefaultACLWithoutMask", defaultACLWithoutMask},
}

const (
	accessACL  = "system.posix_acl_access"
	defaultACL = "system.posix_acl_default"
)

// entry is an ACL's: tag, permissions, id (linux/posix_acl_xattr.h).
type entry struct {
	tag, perm uint16
	id        uint32
}

const (
	userObj  = 0x01
	user     = 0x02
	groupObj = 0x04
	group    = 0x08
	mask     = 0x10
	other    = 0x20
	noID     = 0xffffffff
)

// aclBytes writes version 2, the only one.
func aclBytes(entries ...entry) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

// fullACL has one of each kind.
func fullACL(u, named, g, m, o uint16) []byte {
	return aclBytes(entry{userObj, u, noID}, entry{user, named, 1000}, entry{groupObj, g, noID},
		entry{group, 4, 2000}, entry{mask, m, noID}, entry{other, o, noID})
}

func minimalACL(u, g, o uint16) []byte {
	return aclBytes(entry{userObj, u, noID}, entry{groupObj, g, noID}, entry{other, o, noID})
}

// wantACL checks an ACL, nil for none.
func (x *tree) wantACL(n regions.NodeID, name string, want []byte) {
	x.Helper()
	got, err := x.Getxattr(n, name)
	if want == nil {
		x.want(regions.NoData, err, "get "+name)
		return
	}
	x.want(regions.OK, err, "get "+name)
	if !bytes.Equal(got, want) {
		x.Errorf("%s of node %v:\n%x, want\n%x", name, n, got, want)
	}
	if list, _ := x.Listxattr(n); !slices.Contains(list, name) {
		x.Errorf("%s is not listed: %q", name, list)
	}
}

func aclSetsMode(x *tree) {
	n := x.put("f", region).Node
	x.set(n, regions.Change{Set: regions.SetMode, Mode: 0o1644})
	for _, c := range []struct {
		acl  []byte
		mode uint32
		kept []byte
	}{
		{fullACL(7, 5, 4, 6, 1), 0o1761, fullACL(7, 5, 4, 6, 1)},
		{minimalACL(6, 4, 0), 0o1640, nil}, // the mode says it all
		{aclBytes(entry{userObj, 7, noID}, entry{groupObj, 7, noID}, entry{mask, 5, noID}, entry{other, 0, noID}), 0o1750,
			aclBytes(entry{userObj, 7, noID}, entry{groupObj, 7, noID}, entry{mask, 5, noID}, entry{other, 0, noID})},
		{aclBytes(entry{userObj, 6, 1}, entry{groupObj, 4, 2}, entry{mask, 4, 3}, entry{other, 4, 4}), 0o1644,
			aclBytes(entry{userObj, 6, noID}, entry{groupObj, 4, noID}, entry{mask, 4, noID}, entry{other, 4, noID})},
		{aclBytes(), 0o1644, nil}, // no entries: removed, the mode stays
		{nil, 0o1644, nil},
	} {
		x.want(regions.OK, x.Setxattr(n, accessACL, c.acl, 0), "set")
		if got := x.attr(n).Mode; got != regions.TypeRegular|c.mode {
			x.Errorf("mode by ACL %x: %o, want %o", c.acl, got, c.mode)
		}
		x.wantACL(n, accessACL, c.kept)
	}
}

func aclFollowsMode(x *tree) {
	n := x.put("f", region).Node
	x.want(regions.OK, x.Setxattr(n, accessACL, fullACL(6, 7, 4, 7, 0), 0), "set")
	x.set(n, regions.Change{Set: regions.SetMode, Mode: 0o751})
	x.wantACL(n, accessACL, fullACL(7, 7, 4, 5, 1)) // chmod changes the mask, not the group: acl(5)
	x.want(regions.OK, x.Removexattr(n, accessACL), "remove")
	if got := x.attr(n).Mode; got != regions.TypeRegular|0o751 {
		x.Errorf("mode after removal %o, want 751", got)
	}
	x.wantACL(n, accessACL, nil)
	x.want(regions.OK, x.Removexattr(n, accessACL), "remove what is not there")
}

// aclRefused tries what posix_acl_from_xattr and posix_acl_valid refuse (Linux fs/posix_acl.c).
func aclRefused(x *tree) {
	n := x.put("f", region).Node
	u, g, m, o := entry{userObj, 7, noID}, entry{groupObj, 5, noID}, entry{mask, 7, noID}, entry{other, 1, noID}
	for i, c := range []struct {
		acl  []byte
		want regions.Code
	}{
		{[]byte{2, 0}, regions.Invalid},
		{[]byte{1, 0, 0, 0}, regions.NotSupported},
		{append(minimalACL(6, 4, 4), 0), regions.Invalid},
		{aclBytes(u, entry{user, 5, 1000}, g, o), regions.Invalid}, // no mask
		{aclBytes(u, g, entry{group, 5, 1000}, o), regions.Invalid},
		{aclBytes(u, g), regions.Invalid},
		{aclBytes(g, o), regions.Invalid},
		{aclBytes(u, o), regions.Invalid},
		{aclBytes(u, u, g, o), regions.Invalid},
		{aclBytes(u, g, m, m, o), regions.Invalid},
		{aclBytes(u, g, o, m), regions.Invalid},
		{aclBytes(g, u, o), regions.Invalid},
		{aclBytes(u, entry{user, 5, noID}, g, m, o), regions.Invalid},
		{aclBytes(entry{3, 5, 0}, g, o), regions.Invalid},
		{aclBytes(entry{userObj, 9, noID}, g, o), regions.Invalid},
	} {
		x.want(c.want, x.Setxattr(n, accessACL, c.acl, 0), fmt.Sprint("set of row ", i))
	}
	if got := x.attr(n); got.Mode != region {
		x.Errorf("mode after refusals %o", got.Mode)
	}
}

func aclOfTypes(x *tree) {
	full := fullACL(7, 5, 4, 6, 1)
	x.put("d", folder)
	for _, mode := range []uint32{region, fifo} {
		n := x.put(fmt.Sprintf("%o", mode), mode).Node
		x.want(regions.OK, x.Setxattr(n, accessACL, full, 0), "set access")
		x.wantACL(n, accessACL, full)
		x.want(regions.AccessDenied, x.Setxattr(n, defaultACL, full, 0), "set default")
		x.want(regions.OK, x.Setxattr(n, defaultACL, nil, 0), "set no default")
		x.wantACL(n, defaultACL, nil)
	}
	s := x.put("s", symlink).Node
	x.want(regions.NotSupported, x.Setxattr(s, accessACL, full, 0), "set on a symlink")
	x.want(regions.NotSupported, x.Removexattr(s, accessACL), "remove on a symlink")
	_, err := x.Getxattr(s, accessACL)
	x.want(regions.NotSupported, err, "get on a symlink")
	d := x.at("d")
	x.want(regions.OK, x.Setxattr(d, defaultACL, full, 0), "set default")
	x.wantACL(d, defaultACL, full)
	x.wantACL(d, accessACL, nil)
	if got := x.attr(d).Mode; got != folder {
		x.Errorf("a default ACL changed the mode to %o", got)
	}
	x.want(regions.OK, x.Removexattr(d, defaultACL), "remove default")
	x.wantACL(d, defaultACL, nil)
}

func aclKillsSetGroupID(x *tree) {
	n := x.put("f", region).Node
	for _, c := range []struct {
		flags regions.XattrFlags
		want  uint32
	}{{0, 0o2761}, {regions.XattrKillSetGID, 0o761}} {
		x.set(n, regions.Change{Set: regions.SetMode, Mode: 0o2755})
		x.want(regions.OK, x.Setxattr(n, accessACL, fullACL(7, 5, 4, 6, 1), c.flags), "set")
		if got := x.attr(n).Mode; got != regions.TypeRegular|c.want {
			x.Errorf("flags %d: mode %o, want %o", c.flags, got, c.want)
		}
	}
}

// defaultACLInherited: the umask does not apply, the mode cuts the ACL's entries (posix_acl_create).
func defaultACLInherited(x *tree) {
	x.put("d", folder)
	def := fullACL(7, 6, 5, 7, 5)
	x.want(regions.OK, x.Setxattr(x.at("d"), defaultACL, def, 0), "set")
	for i, c := range []struct {
		mode, want uint32
		access     []byte
	}{
		{regions.TypeRegular | 0o666, regions.TypeRegular | 0o664, fullACL(6, 6, 5, 6, 4)},
		{regions.TypeRegular | 0o600, regions.TypeRegular | 0o600, fullACL(6, 6, 5, 0, 0)},
		{regions.TypeFIFO | 0o640, regions.TypeFIFO | 0o640, fullACL(6, 6, 5, 4, 0)},
		{regions.TypeDir | 0o777, regions.TypeDir | 0o775, def},
	} {
		spec := regions.Spec{Mode: c.mode, Umask: 0o077, UID: x.uid, GID: x.gid}
		a, err := x.Make(x.at("d"), fmt.Sprint(i), spec)
		x.want(regions.OK, err, "make")
		if a.Mode != c.want {
			x.Errorf("made with %o: %o, want %o", c.mode, a.Mode, c.want)
		}
		x.wantACL(a.Node, accessACL, c.access)
		if a.IsDir() {
			x.wantACL(a.Node, defaultACL, def)
		}
	}
	t, err := x.MakeTemp(x.at("d"), regions.Spec{Mode: regions.TypeRegular | 0o666, Umask: 0o077, UID: x.uid, GID: x.gid})
	x.want(regions.OK, err, "temp")
	x.wantACL(t.Node, accessACL, fullACL(6, 6, 5, 6, 4))
	s := x.put("d/s", symlink)
	if list, err := x.Listxattr(s.Node); err != nil || len(list) != 0 {
		x.Errorf("attributes of a symlink: %q, %v", list, err)
	}
}

func defaultACLWithoutMask(x *tree) {
	x.put("d", folder)
	x.want(regions.OK, x.Setxattr(x.at("d"), defaultACL, minimalACL(7, 5, 4), 0), "set")
	x.wantACL(x.at("d"), defaultACL, minimalACL(7, 5, 4))
	a, err := x.Make(x.at("d"), "f", regions.Spec{Mode: regions.TypeRegular | 0o666, Umask: 0o077, UID: x.uid, GID: x.gid})
	x.want(regions.OK, err, "make")
	if a.Mode != regions.TypeRegular|0o644 {
		x.Errorf("mode %o, want 644", a.Mode)
	}
	x.wantACL(a.Node, accessACL, nil)
}
