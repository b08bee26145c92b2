package regions_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmfs/shmfs/regions"
)

func (p *people) WatchGroup(o regions.WhoOwns, gone func()) (cancel func(), alive bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := groupName(o)
	if p.over[name] {
		return nil, false, nil
	}
	if p.groups == nil {
		p.groups = map[string]map[int]func(){}
	}
	if p.groups[name] == nil {
		p.groups[name] = map[int]func(){}
	}
	p.next++
	n := p.next
	p.groups[name][n] = gone
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.groups[name], n)
	}, true, nil
}

func groupName(o regions.WhoOwns) string { return fmt.Sprintf("%s memory=%v", o, o.Memory) }

func (p *people) endGroup(name string) {
	p.mu.Lock()
	all := slices.Collect(maps.Values(p.groups[name]))
	if p.over == nil {
		p.over = map[string]bool{}
	}
	p.over[name] = true
	p.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// grouped makes a region of a process that belongs to groups.
func (e *estate) grouped(t *testing.T, dir regions.NodeID, name string) regions.NodeID {
	t.Helper()
	a, err := e.Make(dir, name, regions.Spec{Mode: regions.TypeRegular | 0o600,
		Record: regions.Record{PID: 7, Group: 70, Session: 700, Unified: "/u", Cgroup: "/m"}})
	if err != nil {
		t.Fatal(err)
	}
	return a.Node
}

// owned waits until a region is watched, and fails if it is another's.
func (e *estate) owned(t *testing.T, n regions.NodeID, want string) {
	t.Helper()
	within(t, "owner of "+want, func() bool {
		i := slices.IndexFunc(e.care.Cares(), func(x regions.Care) bool { return x.Node == n })
		return i >= 0 && e.care.Cares()[i].State == regions.CareOwner && groupName(e.care.Cares()[i].Owner) == want
	})
	if got := groupName(e.OwnerOf(n)); got != want {
		t.Errorf("it belongs to %s, want %s", got, want)
	}
}

func TestOwnerKinds(t *testing.T) {
	e := newEstate(t)
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner,grace=0")
	kinds := []struct{ kind, owner string }{
		{"process-group", "process group 70 memory=false"}, {"session", "session 700 memory=false"}, {"cgroup", "control group /u memory=false"}}
	dirs := map[string]regions.NodeID{}
	for _, x := range kinds {
		dir := e.make(t, regions.RootNode, x.kind, regions.TypeDir, 0)
		e.says(t, dir, regions.OwnerXattr, x.kind)
		e.owned(t, e.grouped(t, dir, "r"), x.owner)
		alone := e.grouped(t, dir, "alone")
		e.says(t, alone, regions.OwnerXattr, "process")
		e.owned(t, alone, "process 7 memory=false")
		dirs[x.kind] = dir
	}
	e.people.die(7)
	for _, x := range kinds {
		within(t, "end with the process", func() bool { return !e.there(dirs[x.kind], "alone") })
	}
	time.Sleep(short)
	for _, x := range kinds {
		if !e.there(dirs[x.kind], "r") {
			t.Errorf("%s: it ended with the process that made it", x.kind)
		}
	}
	if n, err := e.care.EndChosen(t.Context(), regions.Choice{Below: regions.RootNode, Orphans: true}, "a test"); err != nil || n != 0 {
		t.Errorf("%d orphans ended (%v), and all have an owner", n, err)
	}
	for _, x := range kinds {
		e.people.endGroup(x.owner)
		within(t, "end with "+x.owner, func() bool { return !e.there(dirs[x.kind], "r") })
	}
	told := func() string {
		var reasons []string
		all, _ := e.Events().Since(0, 1000)
		for _, x := range all {
			if x.Name == "r" && x.Reason != "" {
				reasons = append(reasons, x.Reason)
			}
		}
		return strings.Join(reasons, "\n")
	}
	var steps []string
	for _, owner := range []string{"process group 70", "session 700", "control group /u"} {
		steps = append(steps, owner+" is gone", "its lifetime owner,grace=0s is over",
			"lifetime owner,grace=0s: "+owner+" is gone, and nobody else has it")
	}
	want := strings.Join(steps, "\n")
	within(t, "word of all ends", func() bool { return strings.Count(told(), "\n") == strings.Count(want, "\n") })
	if got := told(); got != want {
		t.Errorf("told\n%s\nwant\n%s", got, want)
	}
}

// What a directory says holds for what is there, and for what comes to it.
func TestOwnerKindsOfWhatIsThere(t *testing.T) {
	e := newEstate(t)
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner,grace=0")
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
	n := e.grouped(t, dir, "r")
	e.owned(t, n, "process 7 memory=false")
	e.says(t, dir, regions.OwnerXattr, "session")
	e.owned(t, n, "session 700 memory=false")
	if _, err := e.Rename(regions.Rename{Dir: dir, Name: "r", NewDir: regions.RootNode, NewName: "r"}); err != nil {
		t.Fatal(err)
	}
	e.owned(t, n, "process 7 memory=false")
	e.SetOwners(func(path string) (regions.OwnerKind, bool) { return regions.OwnerCgroup, path == "" })
	e.owned(t, n, "control group /u memory=false")
	e.says(t, n, regions.OwnerXattr, "12@3600")
	e.owned(t, n, "process 12 memory=false")
	e.says(t, n, regions.OwnerXattr, "directory") // which says what the configuration does
	e.owned(t, n, "control group /u memory=false")
	e.SetOwners(nil)
	within(t, "nobody", func() bool { return e.state(n) == regions.CareUnknown })
	if err := e.Setxattr(dir, regions.OwnerXattr, []byte("container"), 0); err == nil {
		t.Error("an unknown kind is taken")
	}
}

// What somebody's directory says does not reach into that of somebody else; what the configuration says does.
func TestHowFarOwnerKindsReach(t *testing.T) {
	e := newEstate(t)
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner,grace=0")
	theirs := must(e.Make(regions.RootNode, "theirs", regions.Spec{Mode: regions.TypeDir | 0o777, UID: 1001})).Node
	mine := must(e.Make(theirs, "mine", regions.Spec{Mode: regions.TypeDir | 0o700, UID: 1002})).Node
	n := e.grouped(t, mine, "r")
	e.says(t, theirs, regions.OwnerXattr, "session")
	e.owned(t, e.grouped(t, theirs, "r"), "session 700 memory=false")
	e.owned(t, n, "process 7 memory=false")
	if err := e.Removexattr(theirs, regions.OwnerXattr); err != nil {
		t.Fatal(err)
	}
	e.SetOwners(func(path string) (regions.OwnerKind, bool) { return regions.OwnerGroup, path == "theirs" })
	e.owned(t, n, "process group 70 memory=false")
}

// Whose group nobody knows, that region stays, and says why.
func TestOwnersWithoutAName(t *testing.T) {
	e := newEstate(t)
	e.says(t, regions.RootNode, regions.LifetimeXattr, "owner,grace=0")
	for i, x := range []struct {
		kind   string
		record regions.Record
		reason string // of an unknown owner, or its name
	}{
		{"process-group", regions.Record{PID: 7, Session: 9}, "nobody knows which process group"},
		{"session", regions.Record{PID: 7, Group: 9}, "nobody knows which session"},
		{"cgroup", regions.Record{PID: 7, Unified: "/", Cgroup: "/"}, "in the root of the control groups"},
		{"cgroup", regions.Record{PID: 7, Unified: "/../x"}, "in the root of the control groups"},
		{"cgroup", regions.Record{PID: 7, Unified: "/", Cgroup: "/m"}, ""},
		{"cgroup", regions.Record{PID: 7, Cgroup: "/m"}, ""},
	} {
		dir := e.make(t, regions.RootNode, fmt.Sprint(i), regions.TypeDir, 0)
		e.says(t, dir, regions.OwnerXattr, x.kind)
		a, err := e.Make(dir, "r", regions.Spec{Mode: regions.TypeRegular | 0o600, Record: x.record})
		if err != nil {
			t.Fatal(err)
		}
		if x.reason == "" {
			e.owned(t, a.Node, "control group /m memory=true")
			continue
		}
		within(t, "unknown owner: "+x.reason, func() bool {
			for _, c := range e.care.Cares() {
				if c.Node == a.Node {
					return c.State == regions.CareUnknown && strings.Contains(c.Reason, x.reason)
				}
			}
			return false
		})
	}
}
