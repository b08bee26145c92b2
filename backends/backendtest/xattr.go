package backendtest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

var xattrs = []check{
	{"XattrValues", xattrValues},
	{"XattrFlags", xattrFlags},
	{"XattrNames", xattrNames},
	{"XattrOfOtherTypes", xattrOfOtherTypes},
	{"XattrStaysWithNode", xattrStaysWithNode},
	{"XattrsOfTheArena", xattrsOfTheArena},
}

func xattrValues(x *tree) {
	n := x.put("f", region).Node
	for i, value := range []string{"", "a", "\x00\xff", strings.Repeat("v", 64<<10)} {
		name := fmt.Sprint("user.", i)
		x.want(regions.OK, x.Setxattr(n, name, []byte(value), 0), "set")
		got, err := x.Getxattr(n, name)
		x.want(regions.OK, err, "get")
		if string(got) != value {
			x.Errorf("%s: %d bytes, want %d", name, len(got), len(value))
		}
	}
	x.want(regions.TooBig, x.Setxattr(n, "user.big", make([]byte, 64<<10+1), 0), "set of 64 KiB and one")
	x.want(regions.OK, x.Setxattr(n, "user.1", []byte("other"), 0), "set again")
	got, err := x.Getxattr(n, "user.1")
	x.want(regions.OK, err, "get")
	if !bytes.Equal(got, []byte("other")) {
		x.Errorf("replaced value %q", got)
	}
	list, err := x.Listxattr(n)
	x.want(regions.OK, err, "list")
	slices.Sort(list)
	if want := []string{"user.0", "user.1", "user.2", "user.3"}; !slices.Equal(list, want) {
		x.Errorf("list %q, want %q", list, want)
	}
	x.want(regions.OK, x.Removexattr(n, "user.1"), "remove")
	x.want(regions.NoData, x.Removexattr(n, "user.1"), "remove again")
	_, err = x.Getxattr(n, "user.1")
	x.want(regions.NoData, err, "get after remove")
	if list, _ := x.Listxattr(n); len(list) != 3 {
		x.Errorf("list after remove %q", list)
	}
}

func xattrFlags(x *tree) {
	n := x.put("f", region).Node
	const create, replace = regions.XattrCreate, regions.XattrReplace
	for _, c := range []struct {
		name  string
		flags regions.XattrFlags
		want  regions.Code
	}{
		{"user.a", replace, regions.NoData},
		{"user.a", create, regions.OK},
		{"user.a", create, regions.Exists},
		{"user.a", replace, regions.OK},
		{"user.a", create | replace, regions.Exists},
		{"user.b", create | replace, regions.NoData},
		{"user.b", 0, regions.OK},
	} {
		x.want(c.want, x.Setxattr(n, c.name, []byte("v"), c.flags), fmt.Sprintf("set %s with flags %d", c.name, c.flags))
	}
}

// xattrNames tries what a name may be (Linux fs/xattr.c).
func xattrNames(x *tree) {
	n := x.put("f", region).Node
	type row struct {
		name string
		want regions.Code
	}
	rows := []row{
		{"user.x", regions.OK},
		{"user.ü.\xff", regions.OK},
		{"user." + strings.Repeat("n", 250), regions.OK},
		{"user." + strings.Repeat("n", 251), regions.Range},
		{"", regions.Range},
		{"user", regions.NotSupported},
		{"user.", regions.Invalid},
		{"x", regions.NotSupported},
		{"foo.bar", regions.NotSupported},
		{"system.x", regions.NotSupported},
	}
	if !x.unprivileged {
		rows = append(rows, row{"trusted.x", regions.OK}, row{"security.x", regions.OK}, row{"trusted.", regions.Invalid})
	}
	for _, c := range rows {
		x.want(c.want, x.Setxattr(n, c.name, []byte("v"), 0), "set "+c.name)
		_, err := x.Getxattr(n, c.name)
		x.want(c.want, err, "get "+c.name)
		x.want(c.want, x.Removexattr(n, c.name), "remove "+c.name)
	}
	nowhere := regions.MakeNodeID(77, 7777777)
	_, err := x.Getxattr(nowhere, "user.a")
	x.want(regions.Stale, err, "get")
	_, err = x.Listxattr(nowhere)
	x.want(regions.Stale, err, "list")
	x.want(regions.Stale, x.Setxattr(nowhere, "user.a", nil, 0), "set")
	x.want(regions.Stale, x.Removexattr(nowhere, "user.a"), "remove")
}

// xattrOfOtherTypes: user. is for regions and directories only (xattr(7)).
func xattrOfOtherTypes(x *tree) {
	x.want(regions.OK, x.Setxattr(x.put("d", folder).Node, "user.a", []byte("v"), 0), "set on a directory")
	x.want(regions.OK, x.Setxattr(regions.RootNode, "user.a", []byte("v"), 0), "set on the root")
	for _, mode := range []uint32{symlink, fifo} {
		n := x.put(fmt.Sprintf("%o", mode), mode).Node
		x.want(regions.NotPermitted, x.Setxattr(n, "user.a", nil, 0), "set user.")
		x.want(regions.NotPermitted, x.Removexattr(n, "user.a"), "remove user.")
		_, err := x.Getxattr(n, "user.a")
		x.want(regions.NoData, err, "get user.")
		if x.unprivileged {
			continue
		}
		x.want(regions.OK, x.Setxattr(n, "trusted.a", []byte("v"), 0), "set trusted.")
		if list, err := x.Listxattr(n); err != nil || !slices.Equal(list, []string{"trusted.a"}) {
			x.Errorf("list %q, %v", list, err)
		}
	}
}

func xattrStaysWithNode(x *tree) {
	n := x.put("f", region).Node
	x.want(regions.OK, x.Setxattr(n, "user.a", []byte("v"), 0), "set")
	_, err := x.Rename(x.rename("f", "g", 0))
	x.want(regions.OK, err, "rename")
	_, err = x.Link(n, regions.RootNode, "h")
	x.want(regions.OK, err, "link")
	for _, name := range []string{"g", "h"} {
		if got, err := x.Getxattr(x.at(name), "user.a"); err != nil || string(got) != "v" {
			x.Errorf("by %s: %q, %v", name, got, err)
		}
	}
	x.put("f", region)
	_, err = x.Getxattr(x.at("f"), "user.a")
	x.want(regions.NoData, err, "get of a new region of the old name")
}

// xattrsOfTheArena: what it keeps for itself is neither there nor settable, and does not hide what others keep.
func xattrsOfTheArena(x *tree) {
	n := x.put("f", region).Node
	for _, name := range []string{regions.OwnXattrs, regions.OwnXattrs + ".x", regions.OwnUserXattr} {
		x.want(regions.NotPermitted, x.Setxattr(n, name, []byte("v"), 0), "set "+name)
		_, err := x.Getxattr(n, name)
		x.want(regions.NoData, err, "get "+name)
		x.want(regions.NoData, x.Removexattr(n, name), "remove "+name)
	}
	x.want(regions.OK, x.Setxattr(n, "user.shmfs", []byte("v"), 0), "set")
	if list, err := x.Listxattr(n); err != nil || !slices.Equal(list, []string{"user.shmfs"}) {
		x.Errorf("list %q, %v", list, err)
	}
}
