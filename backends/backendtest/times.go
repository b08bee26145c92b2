package backendtest

import (
	"time"

	"github.com/shmfs/shmfs/regions"
)

var times = []check{{"WhatChangesWhichTimes", whatChangesWhichTimes}}

// step is an operation and what it does to times: per path, "m" for mtime and "c" for ctime; what is not named stays.
type step struct {
	name string
	run  func() error
	want map[string]string
}

// tick waits until the clock that inodes are stamped with has gone on: at CONFIG_HZ=100 that takes 10 ms, and in a virtual
// machine whose processors wait for others, longer.
func (x *tree) tick(clock regions.NodeID) {
	x.Helper()
	touch := func() regions.Timestamp { return x.set(clock, regions.Change{Set: regions.SetMtimeNow}).Mtime }
	for last := touch(); touch() == last; time.Sleep(time.Millisecond) {
	}
}

// whatChangesWhichTimes follows Linux mm/shmem.c and fs/libfs.c (simple_rename_timestamp).
func whatChangesWhichTimes(x *tree) {
	for _, p := range []string{"d", "e", "e/s"} {
		x.put(p, folder)
	}
	x.put("d/f", region)
	x.put("e/g", region)
	clock := x.put("clock", region).Node
	for _, s := range append(nameSteps(x), contentSteps(x)...) {
		before := x.stamps(s.want)
		x.tick(clock)
		x.want(regions.OK, s.run(), s.name)
		for p, was := range before {
			now := x.attr(was.Node)
			got := ""
			if now.Mtime != was.Mtime {
				got += "m"
			}
			if now.Ctime != was.Ctime {
				got += "c"
			}
			if got != s.want[p] {
				x.Errorf("%s: changed %q of %s, want %q", s.name, got, p, s.want[p])
			}
			if now.Btime != was.Btime {
				x.Errorf("%s: birth time of %s changed", s.name, p)
			}
		}
	}
}

// stamps reads the attributes of paths.
func (x *tree) stamps(paths map[string]string) map[string]regions.Attr {
	x.Helper()
	m := map[string]regions.Attr{}
	for p := range paths {
		m[p] = x.attr(x.at(p))
	}
	return m
}

func nameSteps(x *tree) []step {
	d, e := x.at("d"), x.at("e")
	spec := regions.Spec{Mode: region, UID: x.uid, GID: x.gid}
	made := func(_ regions.Attr, err error) error { return err }
	move := func(from, to string, flags regions.RenameFlags) func() error {
		return func() error { return made(x.Rename(x.rename(from, to, flags))) }
	}
	return []step{
		{"make", func() error { return made(x.Make(d, "n", spec)) },
			map[string]string{"d": "mc", "": ""}},
		{"mkdir", func() error { return made(x.Make(d, "sub", regions.Spec{Mode: folder, UID: x.uid, GID: x.gid})) },
			map[string]string{"d": "mc"}},
		{"temp", func() error { return made(x.MakeTemp(d, spec)) },
			map[string]string{"d": ""}},
		{"link", func() error { return made(x.Link(x.at("d/f"), e, "l")) },
			map[string]string{"d": "", "e": "mc", "d/f": "c"}},
		{"unlink", func() error { return made(x.Remove(e, "l", false)) },
			map[string]string{"d": "", "e": "mc", "d/f": "c"}},
		{"rmdir", func() error { return made(x.Remove(d, "sub", true)) },
			map[string]string{"d": "mc", "": ""}},
		{"rename", move("d/f", "e/f", 0), map[string]string{"d": "mc", "e": "mc", "d/f": "c"}},
		{"rename within", move("e/f", "e/h", 0), map[string]string{"d": "", "e": "mc", "e/f": "c"}},
		{"rename of a directory", move("e/s", "d/s", 0), map[string]string{"d": "mc", "e": "mc", "e/s": "c"}},
		{"rename over", move("d/n", "e/g", 0), map[string]string{"d": "mc", "e": "mc", "d/n": "c", "e/g": "c"}},
		{"exchange", move("d/s", "e/g", exchange), map[string]string{"d": "mc", "e": "mc", "d/s": "c", "e/g": "c"}},
		{"rename to itself", move("e/h", "e/h", 0), map[string]string{"e": "", "e/h": ""}},
	}
}

func contentSteps(x *tree) []step {
	h := x.put("h", region)
	f := x.open(h.Node)
	set := func(c regions.Change) func() error {
		return func() error { _, err := x.Setattr(h.Node, c); return err }
	}
	write := func(p string) func() error {
		return func() error { _, err := f.WriteAt([]byte(p), 0); return err }
	}
	one := func(what string) map[string]string { return map[string]string{"h": what, "": ""} }
	keep := regions.AllocateKeepSize
	return []step{
		{"write", write("content"), one("mc")},
		{"write of nothing", write(""), one("")},
		{"read", func() error { _, err := f.ReadAt(make([]byte, 3), 0); return err }, one("")},
		{"truncate", func() error { return f.Truncate(5) }, one("mc")},
		{"truncate to the same size", func() error { return f.Truncate(5) }, one("mc")},
		{"setattr size", set(regions.Change{Set: regions.SetSize, Size: 50}), one("mc")},
		{"allocate", func() error { return f.Allocate(0, 10, 0) }, one("mc")},
		{"allocate, size kept", func() error { return f.Allocate(0, 10, keep) }, one("mc")},
		{"punch", func() error { return f.Allocate(0, 10, keep|regions.AllocatePunchHole) }, one("mc")},
		{"chmod", set(regions.Change{Set: regions.SetMode, Mode: 0o600}), one("c")},
		{"chmod to the same", set(regions.Change{Set: regions.SetMode, Mode: 0o600}), one("c")},
		{"chown", set(regions.Change{Set: regions.SetUID, UID: x.uid}), one("c")},
		{"set mtime", set(regions.Change{Set: regions.SetMtime, Mtime: regions.Timestamp{Sec: 1}}), one("mc")},
		{"set atime", set(regions.Change{Set: regions.SetAtime, Atime: regions.Timestamp{Sec: 1}}), one("c")},
		{"touch", set(regions.Change{Set: regions.SetMtimeNow}), one("mc")},
		{"set nothing", set(regions.Change{}), one("")},
		{"setxattr", func() error { return x.Setxattr(h.Node, "user.a", nil, 0) }, one("c")},
		{"removexattr", func() error { return x.Removexattr(h.Node, "user.a") }, one("c")},
		{"remove an ACL that is not there", func() error { return x.Removexattr(h.Node, accessACL) }, one("c")},
	}
}
