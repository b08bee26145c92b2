package control

import (
	"errors"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// limited is a mount in memory with a directory "a b" and a region "r".
func limited(t *testing.T) (*stage, limitsFile) {
	t.Helper()
	s := newStage(t)
	m := regions.NewManager(mem.New(mem.Options{}))
	s.tree = fs.NewTree(m, fs.Options{Control: s.files})
	for name, mode := range map[string]uint32{"a b": regions.TypeDir | 0o755, "r": regions.TypeRegular | 0o644} {
		if _, err := m.Make(regions.RootNode, name, regions.Spec{Mode: mode, UID: 7}); err != nil {
			t.Fatal(err)
		}
	}
	return s, limitsFile{s.files.(*directory)}
}

func TestLimitsAreWritten(t *testing.T) {
	s, f := limited(t)
	for _, command := range []string{
		"mount regions=10,soft_bytes=1K\n", `directory "a b" bytes=2G`, `directory "a b" regions=3`, `directory "/a b/" writes=strict`,
		`directory "a b" overcommit=false`, `directory "a b" reserve=now`, "user 1000 5K", "group 7 regions=1", "owner 4711 largest=9",
		"cgroup /system.slice/a.service bytes=1G", `cgroup "/a b" regions=2`, "label run=7 bytes=3G", "user 1000 bytes=max",
	} {
		if err := f.Write(t.Context(), fs.Caller{}, []byte(command)); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
	text, err := f.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := ReadLimits(strings.NewReader(string(text)))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	const none = regions.Unlimited
	want := []Limit{
		{Subject: "mount", Bytes: none, Regions: 10, Nodes: none, Largest: none, SoftBytes: 1024, SoftRegions: none,
			Throttle: none, Writes: "inherit", Overcommit: "inherit", Pages: "inherit", PromisedRegions: 1, PromisedNodes: 2},
		{Subject: "directory", Name: "a b", Bytes: 2 << 30, Regions: 3, Nodes: none, Largest: none, SoftBytes: none,
			SoftRegions: none, Throttle: none, Writes: "strict", Overcommit: "false", Pages: "now"},
		{Subject: "group", Name: "7", Bytes: none, Regions: 1, Nodes: none, Largest: none, SoftBytes: none, SoftRegions: none,
			Throttle: none, Writes: "inherit", Overcommit: "inherit", Pages: "inherit"},
		{Subject: "owner", Name: "4711", Bytes: none, Regions: none, Nodes: none, Largest: 9, SoftBytes: none,
			SoftRegions: none, Throttle: none, Writes: "inherit", Overcommit: "inherit", Pages: "inherit"},
		{Subject: "cgroup", Name: "/a b", Bytes: none, Regions: 2, Nodes: none, Largest: none, SoftBytes: none,
			SoftRegions: none, Throttle: none, Writes: "inherit", Overcommit: "inherit", Pages: "inherit"},
		{Subject: "cgroup", Name: "/system.slice/a.service", Bytes: 1 << 30, Regions: none, Nodes: none, Largest: none,
			SoftBytes: none, SoftRegions: none, Throttle: none, Writes: "inherit", Overcommit: "inherit", Pages: "inherit"},
		{Subject: "label", Name: "run=7", Bytes: 3 << 30, Regions: none, Nodes: none, Largest: none, SoftBytes: none,
			SoftRegions: none, Throttle: none, Writes: "inherit", Overcommit: "inherit", Pages: "inherit"},
	}
	if len(all) != len(want) {
		t.Fatalf("got %d lines:\n%s", len(all), text)
	}
	for i := range want {
		all[i].Rate, all[i].FullIn = 0, 0 // in the test of package accounts
		if all[i] != want[i] {
			t.Errorf("line %d: got %+v\nwant %+v", i+1, all[i], want[i])
		}
	}
	if got := s.path(t, "usage/user"); got != "name=7 promised=0 resident=0 unlinked=0 reserved=0 regions=1 nodes=1 peak_promised=0 peak_regions=1 limit_bytes=max limit_regions=max rate=0 full_in=max\n" {
		t.Errorf("usage: %s", got)
	}
	for _, command := range []string{`directory "a b" writes=inherit`, `directory "a b" writes=inherit`, `directory "a b" overcommit=inherit`, `directory "a b" pages=inherit`,
		"mount pages=now", "mount reserve=later", "mount pages=inherit",
		`directory "a b" bytes=max regions=max`, `directory "a b" bytes=max`} {
		if err := f.Write(t.Context(), fs.Caller{}, []byte(command)); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
	if text := s.read(t, "limits"); strings.Contains(text, "directory") {
		t.Errorf("the directory still has settings:\n%s", text)
	}
}

func TestLimitsAreRefused(t *testing.T) {
	_, f := limited(t)
	for command, want := range map[string]string{
		"":                           "want mount, directory, user, group, owner, cgroup or label",
		"everybody bytes=1":          `no subject is called "everybody"`,
		"mount":                      "want a size such as 2G",
		"mount bytes=1G":             "the bytes of the mount are its size",
		"mount reserve=1G":           "nothing to reserve from",
		"mount writes=fast":          "writes=fast > .ctl/config",
		"directory x bytes=1":        `directory "x": no such file`,
		"directory r bytes=1":        "not a directory",
		`directory "a b bytes=1`:     "a quote that does not end",
		`directory "a b" writes=no`:  `writes "no"`,
		`directory "a b" pages=no`:   `pages "no"`,
		"user 7 pages=now":           "is set for a directory",
		`directory "a b" colour=red`: `"colour" is no limit`,
		"user alice bytes=1":         `user "alice": want a number`,
		"user 7 reserve=1":           "reserve, nodes and throttle are for directories",
		"cgroup a bytes=1":           `"a": want a path`,
		"cgroup /a/../b bytes=1":     "want a path",
		"label run bytes=1":          `"run": want a label`,
		"mount regions=1\nmount 2":   "more than one line",
	} {
		err := f.Write(t.Context(), fs.Caller{}, []byte(command))
		var r *regions.Refusal
		if !errors.As(err, &r) || !strings.Contains(r.Reason, want) || r.Remedy == "" {
			t.Errorf("%q: got %v, want %q", command, err, want)
		}
	}
}

func FuzzReadLimits(f *testing.F) {
	f.Add("subject=mount name=\"\" bytes=max regions=1 nodes=max largest=max soft_bytes=max soft_regions=max reserve=0 throttle=90 writes=auto overcommit=inherit promised=0 reserved=0 promised_regions=0 promised_nodes=0 rate=0 full_in=max\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ReadLimits(strings.NewReader(text))
		if err == nil && len(all) > strings.Count(text, "\n")+1 {
			t.Errorf("%d limits in %q", len(all), text)
		}
		ReadUsage(strings.NewReader(text))
	})
}

// Sessions are directories, and limited as such.
func TestUsageOfSessions(t *testing.T) {
	s, f := limited(t)
	m := s.tree.Arena()
	all, err := m.Lookup(regions.RootNode, "a b")
	if err == nil {
		err = m.Setxattr(all.Node, regions.LifetimeXattr, []byte("session,ttl=5m"), 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1", "2"} {
		dir, err := m.Make(all.Node, name, regions.Spec{Mode: regions.TypeDir | 0o755, UID: all.UID})
		if err == nil {
			_, err = m.Make(dir.Node, "below", regions.Spec{Mode: regions.TypeDir | 0o755})
		}
		if err == nil && name == "2" {
			err = m.Setxattr(dir.Node, regions.SessionXattr, []byte("keep"), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Write(t.Context(), fs.Caller{}, []byte(`directory "a b/1" bytes=2M`)); err != nil {
		t.Fatal(err)
	}
	text := s.path(t, "usage/session")
	got, err := ReadUsage(strings.NewReader(text))
	if err != nil || len(got) != 1 || got[0].Name != "a b/1" || got[0].LimitBytes != 2<<20 || got[0].Nodes != 1 {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestUsageOfCgroups(t *testing.T) {
	a, b := node(2, "a", 4096), node(3, "b", 1)
	a.Record.Cgroup, b.Record.Cgroup = "/job", "/job/a b"
	text := newStage(t, a, b).path(t, "usage/cgroup")
	all, err := ReadUsage(strings.NewReader(text))
	if err != nil || len(all) != 3 {
		t.Fatalf("%v\n%s", err, text)
	}
	job, below := all[1], all[2]
	if all[0].Name != "/" || job.Name != "/job" || below.Name != "/job/a b" || job.Promised != 8192 || below.Promised != 4096 {
		t.Errorf("got\n%s", text)
	}
	if job.MemoryUsed == nil || *job.MemoryUsed != 300 || *job.MemoryLimit != regions.Unlimited || *job.MemoryPressureSome != 1.5 ||
		*job.MemoryPressureFull != 0.25 {
		t.Errorf("memory: got %+v\n%s", job, text)
	}
	if below.MemoryUsed != nil || below.MemoryPressureSome != nil {
		t.Errorf("memory of one that the system does not tell of: got\n%s", text)
	}
}
