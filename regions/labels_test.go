package regions_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/accounts"
)

func TestLabels(t *testing.T) {
	e := newEstate(t)
	e.SetLabeler(func(pid uint32) string {
		return map[uint32]string{7: "run=a,worker=1", 8: "run=b"}[pid]
	})
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 7)
	e.says(t, dir, regions.LabelsXattr, "job=x,run=z")
	for name, pid := range map[string]uint32{"of7": 7, "of8": 8, "of9": 9} {
		n := e.make(t, dir, name, regions.TypeRegular, pid)
		want := map[string]string{"of7": "run=a,worker=1,job=x", "of8": "run=b,job=x", "of9": "job=x,run=z"}[name]
		if got, err := e.Getxattr(n, regions.LabelsXattr); err != nil || string(got) != want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, want)
		}
	}
	e.SetLabeler(nil)
	n := e.make(t, regions.RootNode, "plain", regions.TypeRegular, 7)
	if got, err := e.Getxattr(n, regions.LabelsXattr); !errors.Is(err, regions.NoData) {
		t.Errorf("without rules: %q (%v)", got, err)
	}
	for _, bad := range []string{"", "run", "run=", "Run=a", "run=a b", "run=a,", "a=1,b=1,c=1,d=1,e=1", "run=\"x\"",
		"run=a,run=b"} {
		if err := e.Setxattr(dir, regions.LabelsXattr, []byte(bad), 0); !errors.Is(err, regions.Invalid) {
			t.Errorf("labels=%q: %v", bad, err)
		}
	}
}

// What has a label counts for it, wherever it is, and for the next manager too.
func TestLimitsOfLabels(t *testing.T) {
	arena := mem.New(mem.Options{})
	m := regions.NewManager(arena)
	m.SetLabeler(func(pid uint32) string { return map[uint32]string{7: "run=a,worker=1", 8: "run=a"}[pid] })
	dir := put(t, m, "d", folder)
	by := func(dir regions.NodeID, name string, pid uint32) (regions.Attr, error) {
		return m.Make(dir, name, regions.Spec{Mode: region, Record: regions.Record{PID: pid}})
	}
	if err := m.SetLimits(accounts.Named(accounts.OfLabel, "run=a"), "bytes=16K,regions=3"); err != nil {
		t.Fatal(err)
	}
	a, b := must(by(regions.RootNode, "a", 7)), must(by(dir.Node, "b", 8))
	for n, pages := range map[regions.NodeID]int64{a.Node: 1, b.Node: 3} {
		if err := resize(m, n, pages); err != nil {
			t.Fatal(err)
		}
	}
	full := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, regions.Quota) || !strings.Contains(err.Error(), "label run=a") {
			t.Errorf("%s: %v", what, err)
		}
	}
	used := func(label string) int64 {
		s, _ := m.Accounts().Account(accounts.OfLabel, accounts.Named(accounts.OfLabel, label).ID)
		return s.Used.Bytes / 4096
	}
	full("a page more", resize(m, b.Node, 4))
	if err := m.Setxattr(dir.Node, regions.LabelsXattr, []byte("run=b"), 0); err != nil {
		t.Fatal(err)
	}
	full("in a directory that got another label", resize(m, b.Node, 4))
	if got := used("worker=1"); got != 1 {
		t.Errorf("worker 1 holds %d pages", got)
	}
	c := must(by(dir.Node, "c", 0))
	if err := resize(m, c.Node, 2); err != nil || used("run=b") != 2 {
		t.Errorf("run b holds %d pages: %v", used("run=b"), err)
	}
	full("labelled", m.Setxattr(c.Node, regions.LabelsXattr, []byte("run=a"), 0))
	if got, err := m.Getxattr(c.Node, regions.LabelsXattr); err != nil || string(got) != "run=b" {
		t.Errorf("after a refusal it has the label %s (%v)", got, err)
	}
	temp := must(m.MakeTemp(dir.Node, regions.Spec{Mode: region, Record: regions.Record{PID: 8}}))
	full("without a name", resize(m, temp.Node, 1))
	must(m.Link(temp.Node, dir.Node, "d"))
	_, err := by(regions.RootNode, "e", 8)
	full("a fourth region", err)

	m = regions.NewManager(arena)
	if _, err := m.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if used("run=a") != 4 || used("run=b") != 2 || used("worker=1") != 1 {
		t.Errorf("the next one counts %d, %d and %d pages", used("run=a"), used("run=b"), used("worker=1"))
	}
	full("a page more for the next manager", resize(m, b.Node, 4))
	if err := m.Removexattr(a.Node, regions.LabelsXattr); err != nil || used("run=a") != 3 || used("worker=1") != 0 {
		t.Errorf("without labels: %v, run a holds %d pages", err, used("run=a"))
	}
	if err := resize(m, b.Node, 4); err != nil {
		t.Errorf("after the label was taken from the other one: %v", err)
	}
}

func (e *estate) chosen(t *testing.T, want regions.Choice) []string {
	t.Helper()
	var names []string
	err := e.care.Chosen(t.Context(), want, func(n regions.NodeID) error {
		r, err := e.Record(n)
		names = append(names, string(rune('0'+r.PID)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func TestRuns(t *testing.T) {
	e := newEstate(t)
	e.SetLabeler(func(pid uint32) string {
		return map[uint32]string{1: "run=a", 2: "run=a", 3: "run=b", 4: "run=c", 6: "run=d"}[pid]
	})
	for name, pid := range map[string]uint32{"1": 1, "2": 2, "3": 3, "5": 5} {
		e.make(t, regions.RootNode, name, regions.TypeRegular, pid)
	}
	tagged := e.make(t, regions.RootNode, "tagged", regions.TypeDir, 0)
	e.make(t, tagged, "5", regions.TypeRegular, 5)
	e.says(t, tagged, regions.LabelsXattr, "run=a")
	root := regions.RootNode
	if got, want := e.chosen(t, regions.Choice{Below: root, Run: "a"}), []string{"1", "2", "5"}; !slices.Equal(got, want) {
		t.Errorf("run a: made by %q, want %q", got, want)
	}
	e.people.die(1)
	e.people.die(3)
	if got, want := e.chosen(t, regions.Choice{Below: root, Runs: true}), []string{"3"}; !slices.Equal(got, want) {
		t.Errorf("left-overs: made by %q, want %q", got, want)
	}
	e.make(t, root, "4", regions.TypeRegular, 4)
	if !e.there(root, "3") {
		t.Error("it was collected without being asked")
	}
	e.SetCollectRuns(true)
	e.make(t, root, "6", regions.TypeRegular, 6)
	within(t, "end of the left-overs", func() bool { return !e.there(root, "3") })
	for _, name := range []string{"1", "2", "4", "5", "6"} {
		if !e.there(root, name) {
			t.Errorf("%s ended", name)
		}
	}
}

// The process that makes the first region of a run may end at once, and another one of the run goes on: a run that begins
// leaves nothing over yet.
func TestARunThatBeginsIsNotOver(t *testing.T) {
	e := newEstate(t)
	e.SetLabeler(func(pid uint32) string { return map[uint32]string{1: "run=old", 2: "run=new"}[pid] })
	e.make(t, regions.RootNode, "1", regions.TypeRegular, 1)
	e.people.die(1)
	e.people.die(2)
	e.SetCollectRuns(true)
	e.make(t, regions.RootNode, "2", regions.TypeRegular, 2)
	within(t, "end of the left-overs", func() bool { return !e.there(regions.RootNode, "1") })
	if !e.there(regions.RootNode, "2") {
		t.Error("the first region of a run that has just begun ended")
	}
}

// What a configuration says of directories holds where they say nothing, wherever they came from.
func TestLifetimesByPattern(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{Bytes: 1 << 20}))
	made := func(dir regions.NodeID, name string, mode uint32) regions.NodeID {
		t.Helper()
		a, err := m.Make(dir, name, regions.Spec{Mode: mode | 0o700})
		if err != nil {
			t.Fatal(err)
		}
		return a.Node
	}
	early := made(regions.RootNode, "jobs", regions.TypeDir)
	a := made(early, "a", regions.TypeRegular)
	m.SetLifetimes(func(path string) (regions.Lifetime, bool) {
		return regions.Lifetime{Kind: regions.LastUser}, path == "jobs" || path == "late"
	})
	late := made(regions.RootNode, "late", regions.TypeDir)
	b := made(late, "b", regions.TypeRegular)
	other := made(regions.RootNode, "other", regions.TypeDir)
	c := made(other, "c", regions.TypeRegular)
	kinds := func() [3]regions.LifetimeKind {
		var all [3]regions.LifetimeKind
		for i, n := range []regions.NodeID{a, b, c} {
			l, _ := m.LifetimeOf(n)
			all[i] = l.Kind
		}
		return all
	}
	if got, want := kinds(), [3]regions.LifetimeKind{regions.LastUser, regions.LastUser, regions.Manual}; got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if err := m.Setxattr(late, regions.LifetimeXattr, []byte("manual"), 0); err != nil {
		t.Fatal(err)
	}
	if got, want := kinds(), [3]regions.LifetimeKind{regions.LastUser, regions.Manual, regions.Manual}; got != want {
		t.Errorf("where one says otherwise: %v, want %v", got, want)
	}
	m.SetLifetimes(nil)
	if got, want := kinds(), [3]regions.LifetimeKind{}; got != want {
		t.Errorf("taken back: %v, want %v", got, want)
	}
}
