package fstest

import (
	"fmt"

	"github.com/shmfs/shmfs/regions"
)

// pathCalls are the calls by path. ACLs at random need privilege: a server that is an ordinary user cannot keep its
// record of a region whose inherited ACL takes the owner's own right to write away.
func pathCalls() []callKind {
	return []callKind{
		{6, callMkdir, nil},
		{2, callMknod, nil},
		{1, callMknodDevice, []Feature{Privilege}},
		{4, callSymlink, nil},
		{6, callLink, nil},
		{6, callUnlink, nil},
		{4, callRmdir, nil},
		{10, callRename, nil},
		{6, callStat, nil},
		{2, callReadlink, nil},
		{4, callChmod, nil},
		{3, callChown, []Feature{Privilege}},
		{4, callUtimes, nil},
		{4, callTruncate, nil},
		{2, callList, nil},
		{1, callUmask, nil},
		{4, callSetxattr, []Feature{UserXattrs}},
		{2, callGetxattr, []Feature{UserXattrs}},
		{2, callRemovexattr, []Feature{UserXattrs}},
		{2, callSetACL, []Feature{ACLs, Privilege}},
		{1, callRemoveACL, []Feature{ACLs, Privilege}},
	}
}

func callMkdir(g generator) op {
	path, mode := g.path(), g.mode()
	return op{
		fmt.Sprintf("mkdir %.40q %#o", path, mode),
		func(w *world) string { return show(w.Mkdir(path, mode)) },
	}
}

func callMknod(g generator) op {
	path, mode := g.path(), g.mode()
	mode |= []uint32{regions.TypeRegular, regions.TypeFIFO, regions.TypeSocket, 0}[g.choose(4)]
	return op{
		fmt.Sprintf("mknod %.40q %#o", path, mode),
		func(w *world) string { return show(w.Mknod(path, mode, 0)) },
	}
}

func callMknodDevice(g generator) op {
	path := g.path()
	mode, rdev := []uint32{regions.TypeChar, regions.TypeBlock}[g.choose(2)]|g.mode(), uint32(g.choose(3))<<8|1
	return op{
		fmt.Sprintf("mknod %.40q %#o %#x", path, mode, rdev),
		func(w *world) string { return show(w.Mknod(path, mode, rdev)) },
	}
}

func callSymlink(g generator) op {
	target, path := g.target(), g.path()
	return op{
		fmt.Sprintf("symlink %.40q %.40q", target, path),
		func(w *world) string { return show(w.Symlink(target, path)) },
	}
}

func callLink(g generator) op {
	old, path := g.path(), g.path()
	return op{
		fmt.Sprintf("link %.40q %.40q", old, path),
		func(w *world) string { return show(w.Link(old, path)) },
	}
}

func callUnlink(g generator) op {
	path := g.path()
	return op{fmt.Sprintf("unlink %.40q", path), func(w *world) string { return show(w.Unlink(path)) }}
}

func callRmdir(g generator) op {
	path := g.path()
	return op{fmt.Sprintf("rmdir %.40q", path), func(w *world) string { return show(w.Rmdir(path)) }}
}

func callRename(g generator) op {
	old, path := g.path(), g.path()
	flags := []regions.RenameFlags{0, 0, 0, regions.RenameNoReplace, regions.RenameExchange}[g.choose(5)]
	return op{
		fmt.Sprintf("rename %.40q %.40q %d", old, path, flags),
		func(w *world) string { return show(w.Rename(old, path, flags)) },
	}
}

func callStat(g generator) op {
	path, follow := g.path(), g.choose(2) == 0
	return op{
		fmt.Sprintf("stat %.40q follow %t", path, follow),
		func(w *world) string { return showStat(w.Stat(path, follow)) },
	}
}

func callReadlink(g generator) op {
	path := g.path()
	return op{fmt.Sprintf("readlink %.40q", path), func(w *world) string {
		target, err := w.Readlink(path)
		return show(err, target)
	}}
}

func callChmod(g generator) op {
	path, mode := g.path(), g.mode()
	return op{
		fmt.Sprintf("chmod %.40q %#o", path, mode),
		func(w *world) string { return show(w.Chmod(path, mode)) },
	}
}

func callChown(g generator) op {
	ids := []uint32{0, 1, 70000, Keep}
	path, uid, gid := g.path(), ids[g.choose(len(ids))], ids[g.choose(len(ids))]
	return op{
		fmt.Sprintf("chown %.40q %d:%d", path, int32(uid), int32(gid)),
		func(w *world) string { return show(w.Chown(path, uid, gid)) },
	}
}

func callUtimes(g generator) op {
	path, atime, mtime := g.path(), g.stamp(), g.stamp()
	return op{
		fmt.Sprintf("utimes %.40q %v %v", path, atime, mtime),
		func(w *world) string { return show(w.Utimes(path, atime, mtime)) },
	}
}

// callTruncate leaves out the size that a file has: tmpfs then keeps mtime where ftruncate(2) moves it, which a FUSE
// server cannot tell from open(2) with O_TRUNC (Linux fs/fuse/dir.c, update_mtime).
func callTruncate(g generator) op {
	path, size := g.path(), g.offset()
	return op{fmt.Sprintf("truncate %.40q %d", path, size), func(w *world) string {
		if a, err := w.Stat(path, true); err == nil && a.Size == size {
			return "has that size"
		}
		return show(w.Truncate(path, size))
	}}
}

func callList(g generator) op {
	path := g.path()
	return op{fmt.Sprintf("list %.40q", path), func(w *world) string {
		entries, err := list(w, path)
		text := ""
		for _, e := range entries {
			text += fmt.Sprintf("%.9q %#o ", e.Name, e.Type)
		}
		return show(err, text)
	}}
}

func callUmask(g generator) op {
	mask := []uint32{0, 0o022, 0o077}[g.choose(3)]
	return op{fmt.Sprintf("umask %#o", mask), func(w *world) string { w.Umask(mask); return "ok" }}
}

func (g generator) xattr() string {
	names := []string{"user.a", "user.b", "trusted.a", "security.a", "nonsense.a", "user.", "nonsense"}
	return names[g.choose(len(names))]
}

func callSetxattr(g generator) op {
	path, name, value := g.path(), g.xattr(), make([]byte, g.choose(300))
	flags := []regions.XattrFlags{0, 0, regions.XattrCreate, regions.XattrReplace}[g.choose(4)]
	return op{
		fmt.Sprintf("setxattr %.40q %s %d bytes %d", path, name, len(value), flags),
		func(w *world) string { return show(w.Setxattr(path, name, value, flags)) },
	}
}

func callGetxattr(g generator) op {
	path, name := g.path(), g.xattr()
	return op{fmt.Sprintf("getxattr %.40q %s", path, name), func(w *world) string {
		value, err := w.Getxattr(path, name)
		return show(err, len(value))
	}}
}

func callRemovexattr(g generator) op {
	path, name := g.path(), g.xattr()
	return op{
		fmt.Sprintf("removexattr %.40q %s", path, name),
		func(w *world) string { return show(w.Removexattr(path, name)) },
	}
}

func (g generator) acl() string { return []string{accessACL, defaultACL}[g.choose(2)] }

func callSetACL(g generator) op {
	path, name := g.path(), g.acl()
	bits := func() uint32 { return uint32(g.choose(8)) }
	value := namedACL(bits(), bits(), bits(), bits(), bits(), bits())
	if g.choose(4) == 0 {
		value = acl(aclEntry{aclUserObj, 6, aclNobody}, aclEntry{aclGroupObj, 4, aclNobody}, aclEntry{aclOther, 1, aclNobody})
	}
	return op{
		fmt.Sprintf("setxattr %.40q %s %x", path, name, value),
		func(w *world) string { return show(w.Setxattr(path, name, value, 0)) },
	}
}

func callRemoveACL(g generator) op {
	path, name := g.path(), g.acl()
	return op{
		fmt.Sprintf("removexattr %.40q %s", path, name),
		func(w *world) string { return show(w.Removexattr(path, name)) },
	}
}
