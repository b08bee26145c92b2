package accounts

import (
	"maps"
	"slices"
	"testing"
)

// madeBy makes a region of a size for an owner.
func madeBy(b *Book, n Node, size int64, o Owner) *Exceeded {
	c, e := b.Make(testRoot, NewNode{Type: Region, Named: true, Owner: o})
	if e != nil {
		return e
	}
	c.Made(n, Seen{}, o)
	_, e = b.Grow(n, size, size)
	if e != nil {
		b.Cancel(n)
		return e
	}
	b.Settle(n, Seen{Size: size}, true)
	return nil
}

func cgroupBytes(b *Book, name string) int64 {
	s, _ := b.Account(OfCgroup, Named(OfCgroup, name).ID)
	return s.Used.Bytes
}

func TestCgroupsCountInThoseAbove(t *testing.T) {
	b := New(1, testRoot)
	for n, path := range map[Node]string{2: "/a/b", 3: "/a/c", 4: "/a", 5: "/", 6: "", 7: "/../x/y"} {
		if e := madeBy(b, n, 10, Owner{User: 1, Cgroup: path}); e != nil {
			t.Fatal(e)
		}
	}
	for path, want := range map[string]int64{"/a/b": 10, "/a/c": 10, "/a": 30, "/": 40, "/../x/y": 10, "/..": 0} {
		if got := cgroupBytes(b, path); got != want {
			t.Errorf("%s holds %d, want %d", path, got, want)
		}
	}
	var names []string
	for _, s := range b.Accounts(OfCgroup) {
		names = append(names, s.Name)
	}
	if want := []string{"/", "/../x/y", "/a", "/a/b", "/a/c"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	for n := range Node(6) {
		b.Unlinked(n+2, testRoot, false, false)
		b.Freed(n + 2)
	}
	if got := b.Accounts(OfCgroup); len(got) != 0 || len(b.named[OfCgroup]) != 0 {
		t.Errorf("cgroups that hold nothing are remembered: %+v", got)
	}
}

func TestLimitsOfCgroups(t *testing.T) {
	b := New(1, testRoot)
	in := func(path string) Owner { return Owner{User: 1, Process: 9, Cgroup: path} }
	b.SetLimits(Named(OfCgroup, "/a"), &Limits{Bytes: 25})
	b.SetPatterns(OfCgroup, func(name string) Limits {
		if name == "/a/small" {
			return Limits{Bytes: 5}
		}
		return Limits{}
	})
	for _, x := range []struct {
		node    Node
		path    string
		size    int64
		refuses string
	}{
		{2, "/a/b", 20, ""}, {3, "/a/c", 6, "/a"}, {4, "/a/small", 6, "/a/small"}, {5, "/a/small", 5, ""}, {6, "/b", 100, ""},
	} {
		e := madeBy(b, x.node, x.size, in(x.path))
		if (e == nil) != (x.refuses == "") || e != nil && (e.Kind != OfCgroup || e.Name != x.refuses || e.What != Bytes) {
			t.Errorf("%d bytes in %s: got %+v, want a refusal by %q", x.size, x.path, e, x.refuses)
		}
	}
	if got := b.WritesAt(2); got != WritesStrict {
		t.Errorf("below a limited cgroup writes are %d, want strict", got)
	}
	if got := b.WritesAt(6); got != WritesAuto {
		t.Errorf("elsewhere writes are %d, want auto", got)
	}
	b.SetLimits(Named(OfCgroup, "/a"), nil)
	if e := madeBy(b, 7, 6, in("/a/c")); e != nil {
		t.Errorf("after the limit was taken away: %v", e)
	}
	c, e := b.Chown(7, Owner{User: 2})
	if e != nil {
		t.Fatal(e)
	}
	c.Undo()
	if s, _ := b.Account(OfUser, 2); s.Used != (Amount{}) {
		t.Errorf("it was not given to the other user, who holds %+v", s.Used)
	}
	if c, e = b.Chown(7, Owner{User: 2}); e != nil {
		t.Fatal(e)
	}
	c.Keep()
	if s, _ := b.Account(OfUser, 2); s.Used.Bytes != 6 {
		t.Errorf("the other user holds %+v", s.Used)
	}
	if got := cgroupBytes(b, "/a/c"); got != 6 {
		t.Errorf("given to another user the region left its cgroup, which holds %d", got)
	}
}

// A region that loses its only name while somebody has it still counts for its process and its cgroup, if it is all that
// they hold, and after it got another name, too.
func TestOnlyRegionOfAnOwner(t *testing.T) {
	b := New(1, testRoot)
	b.SetLimits(Named(OfCgroup, "/a"), &Limits{Bytes: 15})
	o := Owner{User: 1, Process: 9, Cgroup: "/a/b"}
	if e := madeBy(b, 2, 10, o); e != nil {
		t.Fatal(e)
	}
	check := func(what string) {
		t.Helper()
		if s, _ := b.Account(OfOwner, 9); s.Used.Bytes != 10 {
			t.Errorf("%s: the process holds %+v", what, s.Used)
		}
		if got := cgroupBytes(b, "/a"); got != 10 {
			t.Errorf("%s: the cgroup holds %d", what, got)
		}
		if e := madeBy(b, 3, 6, o); e == nil || e.Name != "/a" {
			t.Errorf("%s: more than the cgroup may: %+v", what, e)
		}
		b.Unlinked(3, testRoot, false, false)
		b.Freed(3)
	}
	check("made")
	b.Unlinked(2, testRoot, false, true)
	check("without a name")
	c, e := b.Link(2, testRoot)
	if e != nil {
		t.Fatal(e)
	}
	c.Keep()
	check("with another name")
}

func TestLimitsOfLabels(t *testing.T) {
	b := New(1, testRoot)
	of := func(labels ...string) Owner { return Owner{User: 1, Process: 9, Labels: labels} }
	holds := func(what string, want map[string]int64) {
		t.Helper()
		got := map[string]int64{}
		for _, s := range b.Accounts(OfLabel) {
			got[s.Name] = s.Used.Bytes
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	b.SetLimits(Named(OfLabel, "run=a"), &Limits{Bytes: 25})
	b.SetPatterns(OfLabel, func(name string) Limits {
		if name == "job=x" {
			return Limits{Regions: 1}
		}
		return Limits{}
	})
	for n, o := range map[Node]Owner{2: of("run=a", "job=x", "w=1", "k=v"), 3: of("run=a", "w=1"), 4: {User: 1}} {
		if e := madeBy(b, n, 10, o); e != nil {
			t.Fatal(e)
		}
	}
	holds("made", map[string]int64{"run=a": 20, "job=x": 10, "w=1": 20, "k=v": 10})
	if e := madeBy(b, 5, 1, of("job=x")); e == nil || e.Kind != OfLabel || e.Name != "job=x" || e.What != Regions {
		t.Errorf("a second region of the job: %+v", e)
	}
	if most, ok := b.Most(OfLabel, Named(OfLabel, "run=a").ID, Bytes); !ok || most.Subject != Numbered(OfOwner, 9) || most.Amount != 20 {
		t.Errorf("the most of the run is held by %+v", most)
	}
	if _, e := b.Chown(4, of("run=a", "w=2")); e == nil || e.Name != "run=a" {
		t.Errorf("labelled past the limit: %+v", e)
	}
	for _, next := range []Owner{{}, of("w=2"), {Labels: []string{}}} {
		next.User = 2
		c, e := b.Chown(2, next)
		if e != nil {
			t.Fatal(e)
		}
		c.Keep()
		switch {
		case next.Labels == nil:
			holds("given to another user", map[string]int64{"run=a": 20, "job=x": 10, "w=1": 20, "k=v": 10})
		case len(next.Labels) > 0:
			holds("with another label", map[string]int64{"run=a": 10, "w=1": 10, "w=2": 10})
		}
	}
	holds("without a label", map[string]int64{"run=a": 10, "w=1": 10})
	b.Unlinked(3, testRoot, false, false)
	b.Freed(3)
	holds("gone", map[string]int64{})
}

func TestSubjects(t *testing.T) {
	for text, want := range map[string]Subject{"7": {Kind: OfUser, ID: 7}, "/a b": Named(OfCgroup, "/a b"),
		"run=7": Named(OfLabel, "run=7"), "/": Named(OfCgroup, "/"), "/../../x": Named(OfCgroup, "/../../x")} {
		got, err := ParseSubject(want.Kind, text)
		if err != nil || got != want || got.Text() != text {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for _, x := range []Subject{{Kind: OfUser, Name: "alice"}, {Kind: OfOwner, Name: "-1"}, {Kind: OfCgroup, Name: "a"},
		{Kind: OfCgroup, Name: "/a/"}, {Kind: OfCgroup, Name: "/a/../b"}, {Kind: OfCgroup, Name: "/a\nb"}, {Kind: OfCgroup},
		{Kind: OfLabel, Name: "run"}, {Kind: OfLabel, Name: "=7"}, {Kind: OfLabel, Name: "run="}, {Kind: OfLabel, Name: "run=a,job=b"}} {
		if got, err := ParseSubject(x.Kind, x.Name); err == nil {
			t.Errorf("%s %q is taken as %+v", x.Kind, x.Name, got)
		}
	}
	for i, k := range SubjectKinds() {
		if k != OfUser+Kind(i) {
			t.Errorf("%s stands at place %d of the table", k, i)
		}
	}
}
