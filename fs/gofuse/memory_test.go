//go:build linux

package gofuse

import (
	"testing"
	"testing/fstest"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

const pressureText = "some avg10=1.50 avg60=0.25 avg300=0.10 total=29872\nfull avg10=0.50 avg60=0.12 avg300=0.00 total=6714\n"

func files(all map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range all {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func TestMemoryOfV1(t *testing.T) {
	m := NewMemory(files(map[string]string{
		"proc/self/mountinfo": "30 24 0:25 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" +
			"31 24 0:26 /docker/c /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory\n" +
			"32 24 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
		"sys/fs/cgroup/memory/memory.usage_in_bytes":   "900\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":   "1000\n",
		"sys/fs/cgroup/memory/a/memory.usage_in_bytes": "300\n",
		"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
		"sys/fs/cgroup/memory/b/memory.usage_in_bytes": "40\n",
		"sys/fs/cgroup/memory/b/memory.limit_in_bytes": "50\n",
		"sys/fs/cgroup/memory/b/memory.pressure":       pressureText,
	}))
	if g, ok := m.Cgroup("/docker/c/a"); !ok || g != (fs.CgroupMemory{Path: "/docker/c/a", Used: 300, Limit: regions.Unlimited}) {
		t.Errorf("got %+v, %v", g, ok)
	}
	for name, want := range map[string]string{"/docker/c/a": "/docker/c", "/docker/c/b": "/docker/c/b", "/docker/c/none": "/docker/c"} {
		if g, ok := m.Tightest(name); !ok || g.Path != want {
			t.Errorf("tightest of %s: got %+v, %v, want %s", name, g, ok, want)
		}
	}
	for _, name := range []string{"/docker/cc", "/docker/c/../..", "/elsewhere", "/docker/c/none", ""} {
		if g, ok := m.Cgroup(name); ok {
			t.Errorf("%q: got %+v", name, g)
		}
	}
	if _, ok := m.Tightest("/elsewhere/x"); ok {
		t.Error("one that is not seen has a limit")
	}
	if _, ok := m.Pressure(); ok {
		t.Error("a pressure that nobody told")
	}
}

func TestOwnGroup(t *testing.T) {
	const v2 = "30 24 0:25 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	const v1 = "31 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	const below = "30 24 0:25 /c /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	for _, x := range []struct{ mounts, cgroup, want string }{
		{v2, "0::/a/b\n", "sys/fs/cgroup/unified/a/b"},
		{v1 + v2, "4:memory:/m\n0::/\n", "sys/fs/cgroup/unified"},
		{v1, "4:memory:/m\n", ""},
		{v1, "4:memory:/m\n0::/a\n", ""},
		{v2, "0::/../a\n", ""},
		{below, "0::/c/a\n", "sys/fs/cgroup/a"},
		{below, "0::/d\n", ""},
	} {
		m := NewMemory(files(map[string]string{"proc/self/mountinfo": x.mounts, "proc/self/cgroup": x.cgroup}))
		if got := m.OwnGroup(); got != x.want {
			t.Errorf("%q in %q: got %q, want %q", x.cgroup, x.mounts, got, x.want)
		}
	}
}

func TestMemoryOfV2(t *testing.T) {
	m := NewMemory(files(map[string]string{
		"proc/self/mountinfo":                   "30 24 0:25 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
		"proc/pressure/memory":                  pressureText,
		"sys/fs/cgroup/job/memory.current":      "300\n",
		"sys/fs/cgroup/job/memory.max":          "max\n",
		"sys/fs/cgroup/job/memory.pressure":     pressureText,
		"sys/fs/cgroup/job/low/memory.current":  "1\n",
		"sys/fs/cgroup/job/low/memory.max":      "2\n",
		"sys/fs/cgroup/job/low/memory.pressure": "nonsense\n",
		"sys/fs/cgroup/job/bad/memory.current":  "-1\n",
	}))
	want := fs.Pressure{Some10: 1.5, Some60: 0.25, Full10: 0.5, Full60: 0.12}
	if p, ok := m.Pressure(); !ok || p != want {
		t.Errorf("got %+v, %v", p, ok)
	}
	g, ok := m.Cgroup("/job")
	if !ok || g.Used != 300 || g.Limit != regions.Unlimited || g.Pressure == nil || *g.Pressure != want {
		t.Errorf("got %+v, %v", g, ok)
	}
	if g, ok := m.Cgroup("/job/low"); !ok || g.Limit != 2 || g.Pressure != nil {
		t.Errorf("got %+v, %v", g, ok)
	}
	for _, name := range []string{"/", "/job/bad"} { // the root has no such files
		if g, ok := m.Cgroup(name); ok {
			t.Errorf("%s: got %+v", name, g)
		}
	}
	if _, ok := m.Tightest("/job"); ok {
		t.Error("without a limit none is the tightest")
	}
	if g, ok := m.Tightest("/job/low"); !ok || g.Path != "/job/low" {
		t.Errorf("got %+v, %v", g, ok)
	}
	if _, ok := NewMemory(files(nil)).Cgroup("/job"); ok {
		t.Error("without cgroups one has memory")
	}
}
