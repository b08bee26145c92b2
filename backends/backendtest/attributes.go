package backendtest

import (
	"math"

	"github.com/shmfs/shmfs/regions"
)

var attributes = []check{
	{"SetMode", setMode},
	{"SetOwner", setOwner},
	{"SetOwnerKillsPrivileges", setOwnerKillsPrivileges},
	{"KillPrivileges", killPrivileges},
	{"SetSize", setSize},
	{"SetTimes", setTimes},
	{"SetTimesNow", setTimesNow},
	{"SetSeveral", setSeveral},
	{"SetattrErrors", setattrErrors},
}

// set sets attributes and answers them, after comparing them with those that are read.
func (x *tree) set(n regions.NodeID, c regions.Change) regions.Attr {
	x.Helper()
	a, err := x.Setattr(n, c)
	x.want(regions.OK, err, "setattr")
	if got := x.attr(n); got != a {
		x.Fatalf("setattr answered %+v, getattr %+v", a, got)
	}
	return a
}

func setMode(x *tree) {
	for _, kind := range []uint32{regions.TypeRegular, regions.TypeDir, regions.TypeFIFO, regions.TypeSocket} {
		n := x.put("f", kind|0o644).Node
		for _, mode := range []uint32{0, 0o777, 0o1644, 0o2755, 0o4711, 0o7777, 0o600} {
			if a := x.set(n, regions.Change{Set: regions.SetMode, Mode: mode}); a.Mode != kind|mode {
				x.Errorf("mode %o, want %o", a.Mode, kind|mode)
			}
		}
		_, err := x.Remove(regions.RootNode, "f", kind == regions.TypeDir)
		x.want(regions.OK, err, "remove")
	}
}

func setOwner(x *tree) {
	if x.unprivileged {
		x.Skip("owners need CAP_CHOWN")
	}
	for _, mode := range []uint32{region, folder, symlink} {
		a := x.put(string(rune('a'+mode>>12)), mode)
		b := x.set(a.Node, regions.Change{Set: regions.SetUID, UID: 5})
		if b.UID != 5 || b.GID != x.gid {
			x.Errorf("owner %d:%d, want 5:%d", b.UID, b.GID, x.gid)
		}
		b = x.set(a.Node, regions.Change{Set: regions.SetGID, GID: 6})
		if b.UID != 5 || b.GID != 6 || b.Mode != a.Mode {
			x.Errorf("%o, owner %d:%d, want %o, 5:6", b.Mode, b.UID, b.GID, a.Mode)
		}
	}
}

// setOwnerKillsPrivileges: also for root, and also if the owner stays (Linux fs/open.c, chown_common).
func setOwnerKillsPrivileges(x *tree) {
	for _, c := range []struct{ kind, mode, want uint32 }{
		{regions.TypeRegular, 0o6755, 0o755},
		{regions.TypeRegular, 0o6745, 0o2745}, // not executable by the group: a lock mark of old
		{regions.TypeFIFO, 0o6755, 0o755},
		{regions.TypeDir, 0o6755, 0o6755},
	} {
		n := x.put("f", c.kind|0o644).Node
		x.set(n, regions.Change{Set: regions.SetMode, Mode: c.mode})
		if a := x.set(n, regions.Change{Set: regions.SetUID, UID: x.uid}); a.Mode != c.kind|c.want {
			x.Errorf("mode %o after chown: %o, want %o", c.kind|c.mode, a.Mode, c.kind|c.want)
		}
		_, err := x.Remove(regions.RootNode, "f", c.kind == regions.TypeDir)
		x.want(regions.OK, err, "remove")
	}
}

func killPrivileges(x *tree) {
	for _, c := range []struct{ kind, mode, want uint32 }{
		{regions.TypeRegular, 0o6755, 0o755},
		{regions.TypeRegular, 0o6745, 0o2745},
		{regions.TypeRegular, 0o1755, 0o1755},
		{regions.TypeDir, 0o6755, 0o6755},
	} {
		n := x.put("f", c.kind|0o644).Node
		x.set(n, regions.Change{Set: regions.SetMode, Mode: c.mode})
		if a := x.set(n, regions.Change{Set: regions.KillPrivileges}); a.Mode != c.kind|c.want {
			x.Errorf("mode %o without privileges: %o, want %o", c.kind|c.mode, a.Mode, c.kind|c.want)
		}
		_, err := x.Remove(regions.RootNode, "f", c.kind == regions.TypeDir)
		x.want(regions.OK, err, "remove")
	}
}

func setSize(x *tree) {
	n := x.put("f", region).Node
	for _, size := range []int64{1, 4096, 4097, 1 << 20, 1 << 40, math.MaxInt64, 5, 0} {
		if a := x.set(n, regions.Change{Set: regions.SetSize, Size: size}); a.Size != size || a.Blocks != 0 {
			x.Errorf("size %d and %d blocks, want %d and none", a.Size, a.Blocks, size)
		}
	}
	f := x.open(n)
	_, err := f.WriteAt([]byte("content"), 0)
	x.want(regions.OK, err, "write")
	x.set(n, regions.Change{Set: regions.SetSize, Size: 3})
	x.set(n, regions.Change{Set: regions.SetSize, Size: 7})
	x.wantContent(f, 0, "con\x00\x00\x00\x00")
}

func setTimes(x *tree) {
	for _, mode := range []uint32{region, folder, symlink} {
		n := x.put(string(rune('a'+mode>>12)), mode).Node
		for _, c := range []regions.Change{
			{Atime: regions.Timestamp{Sec: 1, Nsec: 2}, Mtime: regions.Timestamp{Sec: 3, Nsec: 999999999}},
			{Atime: regions.Timestamp{Sec: -5, Nsec: 7}, Mtime: regions.Timestamp{Sec: 0}},
			{Atime: regions.Timestamp{Sec: 1 << 33}, Mtime: regions.Timestamp{Sec: 1<<33 + 1}}, // past 2106
		} {
			c.Set = regions.SetAtime | regions.SetMtime
			if a := x.set(n, c); a.Atime != c.Atime || a.Mtime != c.Mtime {
				x.Errorf("times %v and %v, want %v and %v", a.Atime, a.Mtime, c.Atime, c.Mtime)
			}
		}
		only := regions.Change{Set: regions.SetAtime, Atime: regions.Timestamp{Sec: 42}}
		if a := x.set(n, only); a.Atime != only.Atime || a.Mtime.Sec != 1<<33+1 {
			x.Errorf("atime alone: %v and %v", a.Atime, a.Mtime)
		}
	}
}

func setTimesNow(x *tree) {
	a := x.put("f", region)
	old := regions.Timestamp{Sec: 1}
	x.set(a.Node, regions.Change{Set: regions.SetAtime | regions.SetMtime, Atime: old, Mtime: old})
	b := x.set(a.Node, regions.Change{Set: regions.SetMtimeNow})
	if b.Mtime.Before(a.Btime) || b.Atime != old {
		x.Errorf("touch of mtime: %+v", b)
	}
	b = x.set(a.Node, regions.Change{Set: regions.SetAtimeNow})
	if b.Atime.Before(a.Btime) || b.Ctime.Before(a.Ctime) {
		x.Errorf("touch of atime: %+v", b)
	}
}

// setSeveral sets all at once: the new mode survives the change of owner.
func setSeveral(x *tree) {
	n := x.put("f", region).Node
	then := regions.Timestamp{Sec: 9, Nsec: 9}
	a := x.set(n, regions.Change{
		Set:  regions.SetMode | regions.SetUID | regions.SetSize | regions.SetMtime,
		Mode: 0o6755, UID: x.uid, Size: 99, Mtime: then,
	})
	if a.Mode != regions.TypeRegular|0o6755 || a.Size != 99 || a.Mtime != then {
		x.Errorf("all at once: %+v", a)
	}
}

func setattrErrors(x *tree) {
	n := x.put("f", region).Node
	for _, c := range []struct {
		node   regions.NodeID
		change regions.Change
		want   regions.Code
	}{
		{n, regions.Change{Set: regions.SetSize, Size: -1}, regions.Invalid},
		{x.put("d", folder).Node, regions.Change{Set: regions.SetSize, Size: 1}, regions.IsDir},
		{x.put("s", symlink).Node, regions.Change{Set: regions.SetMode, Mode: 0o600}, regions.NotSupported},
		{regions.MakeNodeID(77, 7777777), regions.Change{Set: regions.SetMode}, regions.Stale},
	} {
		_, err := x.Setattr(c.node, c.change)
		x.want(c.want, err, "setattr")
	}
	_, err := x.Getattr(regions.MakeNodeID(77, 7777777))
	x.want(regions.Stale, err, "getattr")
}
