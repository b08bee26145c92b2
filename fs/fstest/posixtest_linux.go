package fstest

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"
)

// posixtestNeeds are what go-fuse's cases need.
var posixtestNeeds = map[string][]Feature{
	"XAttr":      {UserXattrs},
	"XAttrLarge": {UserXattrs},
}

// posixtestSkips are cases that no file system of the kernel's own passes, tmpfs included.
var posixtestSkips = Lacks{
	"FcntlFlockLocksFile": "expects that two descriptors of one process exclude each other, which fcntl_locking(2) rules out; " +
		"Locks/Ranges has it between processes",
}

// RunPosixtest runs go-fuse's own conformance cases, each in an empty directory.
func RunPosixtest(t *testing.T, dir string, lacks Lacks) {
	for _, name := range slices.Sorted(maps.Keys(posixtest.All)) {
		t.Run(name, func(t *testing.T) {
			lacks.Need(t, posixtestNeeds[name]...)
			posixtestSkips.Need(t, Feature(name))
			sub, err := os.MkdirTemp(dir, "posixtest-")
			ok(t, err)
			t.Cleanup(func() { ok(t, os.RemoveAll(sub)) })
			posixtest.All[name](t, sub)
		})
	}
}
