package backendtest

import (
	"fmt"

	"github.com/shmfs/shmfs/regions"
)

var makers = []check{
	{"MakeTypes", makeTypes},
	{"MakeDevices", makeDevices},
	{"MakeErrors", makeErrors},
	{"MakeModes", makeModes},
	{"SetGroupIDInherited", setGroupIDInherited},
	{"Link", link},
	{"LinkErrors", linkErrors},
	{"TempIsLinked", tempIsLinked},
	{"TempErrors", tempErrors},
	{"Records", records},
	{"MakeOpen", makeOpen},
}

func makeTypes(x *tree) {
	for _, mode := range []uint32{region, folder, symlink, fifo, socket} {
		name := fmt.Sprintf("%o", mode)
		a := x.put(name, mode)
		nlink, size := uint32(1), int64(0)
		switch a.Type() {
		case regions.TypeDir:
			nlink, size = 2, a.Size
		case regions.TypeSymlink:
			size = int64(len("target"))
		}
		if a.Mode != mode || a.Nlink != nlink || a.UID != x.uid || a.GID != x.gid || a.Size != size || a.Blocks != 0 ||
			a.Rdev != 0 || a.Ino == 0 || a.Blksize == 0 {
			x.Errorf("made with mode %o: %+v", mode, a)
		}
		if a.Mtime.Before(a.Btime) || a.Ctime.Before(a.Mtime) || a.Btime.Sec == 0 {
			x.Errorf("mode %o: times %+v", mode, a)
		}
	}
}

func makeDevices(x *tree) {
	if x.unprivileged {
		x.Skip("device nodes need CAP_MKNOD")
	}
	const dev = 0x12345 // major 0x123, minor 0x45 (makedev(3))
	for _, kind := range []uint32{regions.TypeChar, regions.TypeBlock} {
		a, err := x.Make(regions.RootNode, fmt.Sprintf("%o", kind), regions.Spec{Mode: kind | 0o600, Rdev: dev})
		x.want(regions.OK, err, "mknod")
		if a.Rdev != dev || a.Mode != kind|0o600 {
			x.Errorf("device: %+v", a)
		}
	}
}

func makeErrors(x *tree) {
	f := x.put("f", region)
	x.put("d", folder)
	x.put("s", symlink)
	for _, mode := range []uint32{region, folder, symlink, fifo, socket} {
		spec := regions.Spec{Mode: mode, UID: x.uid, GID: x.gid, Target: "target"}
		for _, taken := range []string{"f", "d", "s"} {
			_, err := x.Make(regions.RootNode, taken, spec)
			x.want(regions.Exists, err, fmt.Sprintf("make %o over %s", mode, taken))
		}
		_, err := x.Make(f.Node, "x", spec)
		x.want(regions.NotDir, err, "make in a region")
		_, err = x.Make(regions.MakeNodeID(77, 7777777), "x", spec)
		x.want(regions.Stale, err, "make nowhere")
	}
}

// makeModes checks which bits of a mode are taken: a directory does not take set-user-id.
func makeModes(x *tree) {
	for i, c := range []struct{ mode, umask, want uint32 }{
		{regions.TypeRegular | 0o666, 0o022, regions.TypeRegular | 0o644},
		{regions.TypeRegular | 0o7777, 0, regions.TypeRegular | 0o7777},
		{regions.TypeRegular | 0o777, 0o777, regions.TypeRegular},
		{regions.TypeRegular, 0o022, regions.TypeRegular},
		{regions.TypeDir | 0o777, 0o027, regions.TypeDir | 0o750},
		{regions.TypeDir | 0o7777, 0, regions.TypeDir | 0o1777},
		{regions.TypeFIFO | 0o666, 0o077, regions.TypeFIFO | 0o600},
		{regions.TypeSymlink | 0o600, 0o077, regions.TypeSymlink | 0o777},
	} {
		s := regions.Spec{Mode: c.mode, Umask: c.umask, UID: x.uid, GID: x.gid, Target: "t"}
		a, err := x.Make(regions.RootNode, fmt.Sprint(i), s)
		x.want(regions.OK, err, "make")
		if a.Mode != c.want {
			x.Errorf("mode %o with umask %o: %o, want %o", c.mode, c.umask, a.Mode, c.want)
		}
	}
}

func setGroupIDInherited(x *tree) {
	if x.unprivileged {
		x.Skip("needs a second group")
	}
	d := x.put("d", folder)
	_, err := x.Setattr(d.Node, regions.Change{Set: regions.SetMode | regions.SetGID, Mode: 0o2775, GID: 77})
	x.want(regions.OK, err, "setattr")
	for i, mode := range []uint32{region, folder, symlink, fifo} {
		a := x.put(fmt.Sprintf("d/%d", i), mode)
		want := mode
		if a.IsDir() {
			want |= regions.ModeSetGID
		}
		if a.GID != 77 || a.UID != x.uid || a.Mode != want {
			x.Errorf("in a set-group-id directory: mode %o, owner %d:%d; want %o, %d:77", a.Mode, a.UID, a.GID, want, x.uid)
		}
	}
	a, err := x.MakeTemp(d.Node, regions.Spec{Mode: region, UID: x.uid, GID: x.gid})
	x.want(regions.OK, err, "temp")
	if a.GID != 77 {
		x.Errorf("temp in a set-group-id directory: group %d, want 77", a.GID)
	}
}

func link(x *tree) {
	x.put("d", folder)
	for _, mode := range []uint32{region, symlink, fifo, socket} {
		name := fmt.Sprintf("%o", mode)
		a := x.put(name, mode)
		b, err := x.Link(a.Node, x.at("d"), name)
		x.want(regions.OK, err, "link")
		if b.Node != a.Node || b.Nlink != 2 || x.at("d/"+name) != a.Node {
			x.Errorf("link of %+v: %+v", a, b)
		}
	}
	f := x.open(x.at(fmt.Sprintf("%o", region)))
	_, err := f.WriteAt([]byte("both"), 0)
	x.want(regions.OK, err, "write")
	if a := x.attr(x.at(fmt.Sprintf("d/%o", region))); a.Size != 4 {
		x.Errorf("size by the other name: %d, want 4", a.Size)
	}
}

func linkErrors(x *tree) {
	f := x.put("f", region)
	d := x.put("d", folder)
	gone := x.put("gone", region)
	_, err := x.Remove(regions.RootNode, "gone", false)
	x.want(regions.OK, err, "remove")
	for _, c := range []struct {
		node, dir regions.NodeID
		name      string
		want      regions.Code
	}{
		{f.Node, 1, "d", regions.Exists},
		{d.Node, 1, "f", regions.Exists},
		{d.Node, 1, "x", regions.NotPermitted},
		{f.Node, f.Node, "x", regions.NotDir},
		{gone.Node, 1, "x", regions.NotFound},
		{regions.MakeNodeID(77, 7777777), 1, "x", regions.Stale},
	} {
		_, err := x.Link(c.node, c.dir, c.name)
		x.want(c.want, err, fmt.Sprintf("link %v as %q", c.node, c.name))
	}
}

func tempIsLinked(x *tree) {
	a, err := x.MakeTemp(regions.RootNode, regions.Spec{Mode: regions.TypeRegular | 0o666, Umask: 0o027, UID: x.uid, GID: x.gid})
	x.want(regions.OK, err, "temp")
	if a.Nlink != 0 || a.Mode != regions.TypeRegular|0o640 || a.UID != x.uid || len(x.list(1)) != 0 {
		x.Fatalf("temp: %+v", a)
	}
	f := x.open(a.Node)
	_, err = f.WriteAt([]byte("temp"), 0)
	x.want(regions.OK, err, "write")
	b, err := x.Link(a.Node, regions.RootNode, "t")
	x.want(regions.OK, err, "link")
	if b.Node != a.Node || b.Nlink != 1 || b.Size != 4 {
		x.Fatalf("linked: %+v", b)
	}
	x.Drop(a.Node) // has a name: nothing to do
	x.attr(a.Node)
	_, err = x.Remove(regions.RootNode, "t", false)
	x.want(regions.OK, err, "remove")
	_, err = x.Link(a.Node, regions.RootNode, "t")
	x.want(regions.NotFound, err, "link of what lost its last name")
}

func tempErrors(x *tree) {
	spec := regions.Spec{Mode: region, UID: x.uid, GID: x.gid}
	_, err := x.MakeTemp(x.put("f", region).Node, spec)
	x.want(regions.NotDir, err, "temp in a region")
	_, err = x.MakeTemp(regions.MakeNodeID(77, 7777777), spec)
	x.want(regions.Stale, err, "temp nowhere")
	a, err := x.MakeTemp(regions.RootNode, spec)
	x.want(regions.OK, err, "temp")
	x.Drop(a.Node)
	_, err = x.Getattr(a.Node)
	x.want(regions.Stale, err, "temp after drop")
}

// records checks that a record stays with its region, whatever happens to it, and shows nowhere else.
func records(x *tree) {
	want := regions.Record{ID: 42, Created: regions.Timestamp{Sec: 1234567890, Nsec: 987654321}.Time(), PID: 7, UID: 8, GID: 9}
	spec := regions.Spec{Mode: region, UID: x.uid, GID: x.gid, Record: want}
	a, err := x.Make(regions.RootNode, "f", spec)
	x.want(regions.OK, err, "make")
	if _, err := x.Record(a.Node); x.unprivileged && err != nil {
		x.Skip("the arena finds no place for records here")
	}
	x.put("plain", region)
	_, err = x.Setattr(a.Node, regions.Change{Set: regions.SetMode | regions.SetSize, Mode: 0o600, Size: 12345})
	x.want(regions.OK, err, "setattr")
	_, err = x.Rename(regions.Rename{Dir: 1, Name: "f", NewDir: 1, NewName: "g"})
	x.want(regions.OK, err, "rename")
	x.wantRecord(a.Node, want)
	_, err = x.Remove(regions.RootNode, "g", false)
	x.want(regions.OK, err, "remove")
	x.wantRecord(a.Node, want)
	if w, ok := x.Arena.(regions.Recorder); ok {
		changed := want
		changed.Beyond = 1 << 40
		x.want(regions.OK, w.SetRecord(a.Node, changed), "change of a record")
		x.wantRecord(a.Node, changed)
		x.want(regions.Stale, w.SetRecord(regions.MakeNodeID(77, 7777777), changed), "record for nothing")
	}
	temp, err := x.MakeTemp(regions.RootNode, spec)
	x.want(regions.OK, err, "temp")
	x.wantRecord(temp.Node, want)
	for _, n := range []regions.NodeID{regions.RootNode, x.at("plain")} {
		_, err = x.Record(n)
		x.want(regions.NoData, err, "record of what has none")
	}
	_, err = x.Record(regions.MakeNodeID(77, 7777777))
	x.want(regions.Stale, err, "record of nothing")
}

func (x *tree) wantRecord(n regions.NodeID, want regions.Record) {
	x.Helper()
	got, err := x.Record(n)
	x.want(regions.OK, err, "record")
	if !got.Created.Equal(want.Created) {
		x.Errorf("created %v, want %v", got.Created, want.Created)
	}
	got.Created = want.Created
	if got != want {
		x.Errorf("record %+v, want %+v", got, want)
	}
	if names, err := x.Listxattr(n); err != nil || len(names) != 0 {
		x.Errorf("attributes of a region with a record only: %q, %v", names, err)
	}
}

// makeOpen: a region that is made open can be written whatever its mode says.
func makeOpen(x *tree) {
	m, ok := x.Arena.(regions.MakeOpener)
	if !ok {
		x.Skip("the arena opens what it made at any time")
	}
	spec := regions.Spec{Mode: regions.TypeRegular | 0o644, Umask: 0o777, UID: x.uid, GID: x.gid}
	for _, name := range []string{"f", ""} {
		a, f, err := m.MakeOpen(regions.RootNode, name, spec)
		x.want(regions.OK, err, "make")
		x.write(f, 0, "text")
		x.wantContent(f, 0, "text")
		x.want(regions.OK, f.Close(), "close")
		if got := x.attr(a.Node); got.Size != 4 || got.Mode != regions.TypeRegular || got.Nlink != uint32(len(name)) {
			x.Errorf("%q: %+v", name, got)
		}
	}
	_, _, err := m.MakeOpen(regions.RootNode, "f", spec)
	x.want(regions.Exists, err, "make again")
	_, _, err = m.MakeOpen(x.at("f"), "g", spec)
	x.want(regions.NotDir, err, "make in a region")
}
