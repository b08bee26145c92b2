package fs_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

func TestRefusalsKept(t *testing.T) {
	var r fs.Refusals
	if got := r.Last(); len(got) != 0 {
		t.Errorf("before any: %v", got)
	}
	for i := range 1000 {
		r.Add(fs.Refused{Reason: fmt.Sprint(i)})
		last := r.Last()
		if want := min(i+1, 256); len(last) != want {
			t.Fatalf("after %d: %d are kept, want %d", i+1, len(last), want)
		}
		for j, x := range last {
			if want := i + 1 - len(last) + j; x.Reason != fmt.Sprint(want) || x.Seq != uint64(want+1) {
				t.Fatalf("after %d: entry %d is number %d, %s; want %d", i+1, j, x.Seq, x.Reason, want)
			}
		}
	}
}

// What is kept of refusals is bounded, also where it tells of what a user wrote, and of who holds the most.
func TestRefusalsAreBrief(t *testing.T) {
	tree := newTree(fs.Options{})
	refused := &regions.Refusal{Code: regions.Invalid, Reason: strings.Repeat("y", 60000), Remedy: "write less",
		Most: func() string { return strings.Repeat("z", 60000) }}
	tree.Done(fs.OpSetxattr, time.Now(), fs.Caller{}, regions.RootNode, strings.Repeat("n/", 9000), refused)
	for range 2 {
		x := tree.Refusals().Last()[0]
		if len(x.Path) > 4100 || len(x.Reason) > 4100 || !strings.HasSuffix(x.Reason, "...") || x.Remedy != "write less" {
			t.Errorf("%d bytes of path, %d of reason, remedy %q", len(x.Path), len(x.Reason), x.Remedy)
		}
	}
}

// TestDoneKeepsRefusals: what a program's daily bread is does not push out what a person wants to hear of.
func TestDoneKeepsRefusals(t *testing.T) {
	tree := newTree(fs.Options{})
	for code := range regions.NumCodes {
		if got := tree.Done(fs.OpCreate, time.Now(), fs.Caller{}, regions.RootNode, "name", code); got != code {
			t.Errorf("done with %v: %v", code, got)
		}
	}
	kept := map[regions.Code]bool{}
	for _, x := range tree.Refusals().Last() {
		kept[x.Code] = true
		if x.Reason == "" || x.Remedy == "" || strings.Contains(x.Reason+x.Remedy, "\n") {
			t.Errorf("%v: reason %q, remedy %q", x.Code, x.Reason, x.Remedy)
		}
	}
	for code, want := range map[regions.Code]bool{
		regions.NoSpace: true, regions.AccessDenied: true, regions.IO: true, regions.OK: false, regions.NotFound: false,
		regions.Exists: false, regions.NoData: false, regions.Again: false,
	} {
		if kept[code] != want {
			t.Errorf("%v is kept: %t", code, kept[code])
		}
	}
}

func TestDoneTellsWhoAndWhere(t *testing.T) {
	tree := newTree(fs.Options{Control: fakeControl{}})
	dir, err := tree.Make(fs.Caller{}, regions.RootNode, "dir", fs.NewNode{Mode: regions.TypeDir | 0o755})
	if err != nil {
		t.Fatal(err)
	}
	control, err := tree.Lookup(regions.RootNode, fs.ControlName)
	if err != nil {
		t.Fatal(err)
	}
	caller := fs.Caller{UID: 7, PID: uint32(os.Getpid())}
	refused := &regions.Refusal{Code: regions.Quota, Reason: "over by 3", Remedy: "remove 3", Err: errors.New("system")}
	for _, x := range []struct {
		node       regions.NodeID
		name, path string
	}{
		{dir.Node, "f", "dir/f"}, {dir.Node, "", "dir"}, {regions.RootNode, "f", "f"}, {regions.RootNode, "", ""},
		{control.Node, "stats", ".ctl/stats"}, {regions.NodeID(12345), "f", "f"}, {regions.VirtualNodeID(99), "", ""},
	} {
		tree.Done(fs.OpWrite, time.Now(), caller, x.node, x.name, fmt.Errorf("wrapped: %w", refused))
		all := tree.Refusals().Last()
		got := all[len(all)-1]
		if got.Path != x.path || got.Op != fs.OpWrite || got.UID != 7 || got.PID != caller.PID {
			t.Errorf("%+v, want path %q", got, x.path)
		}
		if got.Code != regions.Quota || got.Reason != "over by 3" || got.Remedy != "remove 3" {
			t.Errorf("%+v", got)
		}
		if _, err := os.Stat("/proc/self/comm"); err == nil && got.Process == "" {
			t.Error("the process has no name")
		}
	}
}

// tight is a system where the cgroup above every one has a limit.
type tight struct{ fs.NoMemoryReader }

func (tight) Tightest(path string) (fs.CgroupMemory, bool) {
	return fs.CgroupMemory{Path: "/above" + path, Used: 3 << 20, Limit: 4 << 20}, true
}

func TestDoneTellsOfTheCallersMemory(t *testing.T) {
	tree := newTree(fs.Options{Memory: tight{}, GroupsOf: func(tid uint32) fs.Groups {
		if tid == 7 {
			return fs.Groups{Cgroup: "/job"}
		}
		return fs.Groups{}
	}})
	refused := func(code regions.Code) error { return &regions.Refusal{Code: code, Reason: "full", Remedy: "less"} }
	const told = "full; the caller's cgroup /above/job has 3.0M of its 4.0M of memory in use"
	for i, x := range []struct {
		pid  uint32
		code regions.Code
		want string
	}{{7, regions.Quota, told}, {7, regions.NoSpace, told}, {7, regions.Invalid, "full"}, {8, regions.Quota, "full"}} {
		tree.Done(fs.OpSetattr, time.Now(), fs.Caller{PID: x.pid}, regions.RootNode, "f", refused(x.code))
		if got := tree.Refusals().Last()[i].Reason; got != x.want {
			t.Errorf("%+v: got %q", x, got)
		}
	}
}

func TestDoneOfUnknownProcess(t *testing.T) {
	tree := newTree(fs.Options{})
	for _, pid := range []uint32{0, 1 << 30} {
		tree.Done(fs.OpRead, time.Now(), fs.Caller{PID: pid}, regions.RootNode, "f", errors.New("strange"))
	}
	for _, x := range tree.Refusals().Last() {
		if x.Process != "" || x.Code != regions.IO || !strings.Contains(x.Reason, "strange") {
			t.Errorf("%+v", x)
		}
	}
	if got := tree.Operations().Errors(regions.IO); got != 2 {
		t.Errorf("%d errors counted, want 2", got)
	}
}
