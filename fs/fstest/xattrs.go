package fstest

import (
	"slices"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

var xattrChecks = []check{
	{name: "User", run: xattrUser, need: []Feature{UserXattrs}},
	{name: "Flags", run: xattrFlags, need: []Feature{UserXattrs}},
	{name: "Limits", run: xattrLimits, need: []Feature{UserXattrs}},
	{name: "LongNames", run: xattrLongNames, need: []Feature{UserXattrs, LongXattrNames}},
	{name: "Refusals", run: xattrRefusals, need: []Feature{UserXattrs}},
	{name: "Privileged", run: xattrPrivileged, need: []Feature{Privilege}},
	{name: "OfSymlink", run: xattrOfSymlink, need: []Feature{Privilege}},
	{name: "FollowNode", run: xattrFollowNode, need: []Feature{UserXattrs}},
	{name: "Record", run: xattrRecord, need: []Feature{Records, Privilege}},
	{name: "OwnRecord", run: xattrOwnRecord, need: []Feature{Records}},
}

func xattrUser(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Mkdir("d", 0o755))
	for _, path := range []string{"f", "d"} {
		values := map[string]string{"user.a": "1", "user.b": "", "user.c": "\x00\xff\n", "user.\xffodd name": "x"}
		for name, value := range values {
			ok(t, c.Setxattr(path, name, []byte(value), 0))
		}
		for name, value := range values {
			got, err := c.Getxattr(path, name)
			ok(t, err)
			equal(t, name, string(got), value)
		}
		names, err := c.Listxattr(path)
		ok(t, err)
		equal(t, "names", strings.Join(names, " "), "user.a user.b user.c user.\xffodd name")
		ok(t, c.Removexattr(path, "user.b"))
		_, err = c.Getxattr(path, "user.b")
		fails(t, err, regions.NoData)
		fails(t, c.Removexattr(path, "user.b"), regions.NoData)
	}
}

func xattrFlags(t *testing.T, c Client) {
	put(t, c, "f", "")
	fails(t, c.Setxattr("f", "user.a", []byte("1"), regions.XattrReplace), regions.NoData)
	ok(t, c.Setxattr("f", "user.a", []byte("1"), regions.XattrCreate))
	fails(t, c.Setxattr("f", "user.a", []byte("2"), regions.XattrCreate), regions.Exists)
	ok(t, c.Setxattr("f", "user.a", []byte("longer value"), regions.XattrReplace))
	got, err := c.Getxattr("f", "user.a")
	ok(t, err)
	equal(t, "value", string(got), "longer value")
}

// xattrLongNames: XATTR_NAME_MAX of linux/limits.h.
func xattrLongNames(t *testing.T, c Client) {
	put(t, c, "f", "")
	long := "user." + strings.Repeat("n", 255-len("user."))
	ok(t, c.Setxattr("f", long, []byte("x"), 0))
	names, err := c.Listxattr("f")
	ok(t, err)
	equal(t, "names", strings.Join(names, " "), long)
}

// xattrLimits: XATTR_NAME_MAX and XATTR_SIZE_MAX of linux/limits.h.
func xattrLimits(t *testing.T, c Client) {
	put(t, c, "f", "")
	tooLong := "user." + strings.Repeat("n", 256-len("user."))
	fails(t, c.Setxattr("f", tooLong, []byte("x"), 0), regions.Range)
	large := slices.Repeat([]byte("v"), 65536)
	fails(t, c.Setxattr("f", "user.large", append(large, 'v'), 0), regions.TooBig)
	ok(t, c.Setxattr("f", "user.large", large[:32768], 0))
	got, err := c.Getxattr("f", "user.large")
	ok(t, err)
	equal(t, "length", len(got), 32768)
}

func xattrRefusals(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Mknod("p", regions.TypeFIFO|0o644, 0))
	fails(t, c.Setxattr("f", "nonsense.a", []byte("1"), 0), regions.NotSupported)
	fails(t, c.Setxattr("f", "user", []byte("1"), 0), regions.NotSupported)
	fails(t, c.Setxattr("f", "user.", []byte("1"), 0), regions.Invalid)
	fails(t, c.Setxattr("p", "user.a", []byte("1"), 0), regions.NotPermitted)
	fails(t, c.Setxattr("no", "user.a", []byte("1"), 0), regions.NotFound)
	_, err := c.Getxattr("p", "user.a")
	fails(t, err, regions.NoData)
	_, err = c.Getxattr("f", "nonsense.a")
	fails(t, err, regions.NotSupported)
}

func xattrPrivileged(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Mknod("p", regions.TypeFIFO|0o644, 0))
	for _, path := range []string{"f", "p", "."} {
		for _, name := range []string{"trusted.a", "trusted.shmfsx", "security.a"} {
			ok(t, c.Setxattr(path, name, []byte(name), 0))
			got, err := c.Getxattr(path, name)
			ok(t, err)
			equal(t, "value", string(got), name)
		}
		names, err := c.Listxattr(path)
		ok(t, err)
		equal(t, "names", strings.Join(names, " "), "security.a trusted.a trusted.shmfsx")
	}
}

func xattrOfSymlink(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Symlink("f", "l"))
	fails(t, c.Setxattr("l", "user.a", []byte("1"), 0), regions.NotPermitted)
	ok(t, c.Setxattr("l", "trusted.a", []byte("1"), 0))
	names, err := c.Listxattr("f")
	ok(t, err)
	equal(t, "names behind the symlink", len(names), 0)
}

// xattrFollowNode: they belong to the node, not to its name.
func xattrFollowNode(t *testing.T, c Client) {
	put(t, c, "f", "")
	ok(t, c.Setxattr("f", "user.a", []byte("1"), 0))
	ok(t, c.Rename("f", "g", 0))
	ok(t, c.Link("g", "h"))
	ok(t, c.Unlink("g"))
	got, err := c.Getxattr("h", "user.a")
	ok(t, err)
	equal(t, "value", string(got), "1")
	put(t, c, "f", "")
	_, err = c.Getxattr("f", "user.a")
	fails(t, err, regions.NoData)
}

// xattrRecord: what shmfs keeps about a region is not to be seen, nor set.
func xattrRecord(t *testing.T, c Client) {
	reserved(t, c, "trusted.shmfs", "trusted.shmfs.record", "trusted.shmfs.")
}

// xattrOwnRecord: nor is it where shmfs has no privilege, and keeps it as any user could.
func xattrOwnRecord(t *testing.T, c Client) { reserved(t, c, "user.shmfs.record") }

// reserved reports names that can be reached.
func reserved(t *testing.T, c Client, reserved ...string) {
	t.Helper()
	put(t, c, "f", "")
	ok(t, c.Mkdir("d", 0o755))
	for _, path := range []string{"f", "d"} {
		names, err := c.Listxattr(path)
		ok(t, err)
		equal(t, "names", strings.Join(names, " "), "")
		for _, name := range reserved {
			_, err = c.Getxattr(path, name)
			fails(t, err, regions.NoData, regions.Invalid)
			fails(t, c.Setxattr(path, name, []byte("x"), 0), regions.NotPermitted, regions.NotSupported)
			fails(t, c.Removexattr(path, name), regions.NoData, regions.NotPermitted, regions.NotSupported, regions.Invalid)
		}
	}
}
