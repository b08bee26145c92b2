package accounts

import "testing"

// answered compares an answer with a refusal, or with none.
func answered(t *testing.T, what string, e *Exceeded, kind Kind, limit What) {
	t.Helper()
	switch {
	case kind == Mount && e != nil:
		t.Errorf("%s: refused, %+v", what, e)
	case kind != Mount && (e == nil || e.Kind != kind || e.What != limit):
		t.Errorf("%s: %+v, want a refusal by the %s of a %s", what, e, limit, kind)
	}
}

// Only what adds something to an account is asked of it: what moves within a directory that is over its limits, because
// they were lowered, does not.
func TestOnlyWhatIsMoreIsAskedFor(t *testing.T) {
	const top, x, y, other Node = 2, 3, 4, 5
	b := New(1, testRoot)
	for _, d := range [][2]Node{{top, testRoot}, {x, top}, {y, top}, {other, testRoot}, {6, x}} {
		c, _ := b.Make(d[1], NewNode{Type: Directory, Named: true})
		c.Made(d[0], Seen{}, Owner{})
	}
	o := Owner{User: 1, Group: 1, Process: 9, Labels: []string{"run=1"}}
	for n, dir := range map[Node]Node{10: x, 11: y, 12: 6, 13: other} {
		c, _ := b.Make(dir, NewNode{Type: Region, Named: true, Owner: o})
		c.Made(n, Seen{Size: 10}, o)
	}
	low := Limits{Bytes: 1, Regions: 1, Nodes: 1, Largest: 1}
	b.SetSettings(top, Settings{Limits: low}, true)
	b.SetSettings(testRoot, Settings{Limits: Limits{Regions: 1, Nodes: 1, Largest: 1}}, true)
	for _, s := range []Subject{Numbered(OfUser, 1), Numbered(OfGroup, 1), Numbered(OfOwner, 9), Named(OfLabel, "run=1")} {
		b.SetLimits(s, &Limits{Bytes: 1, Regions: 1, Largest: 1})
	}
	b.SetLimits(Numbered(OfUser, 3), &Limits{Largest: 5})
	undone := func(c *Claim, e *Exceeded) *Exceeded {
		if e == nil {
			c.Undo()
		}
		return e
	}
	for _, q := range []struct {
		what string
		ask  func() *Exceeded
		by   Kind // Mount for no refusal
		of   What
	}{
		{"a region within it", func() *Exceeded { return undone(b.Move(10, x, y, Region)) }, Mount, 0},
		{"a directory within it", func() *Exceeded { return undone(b.Move(6, x, y, Directory)) }, Mount, 0},
		{"a second name within it", func() *Exceeded { return undone(b.Link(10, y)) }, Mount, 0},
		{"out of it", func() *Exceeded { return undone(b.Move(10, x, other, Region)) }, Mount, 0},
		{"a region into it", func() *Exceeded { return undone(b.Move(13, other, x, Region)) }, OfDirectory, Largest},
		{"a directory into it", func() *Exceeded { return undone(b.Move(other, testRoot, x, Directory)) }, OfDirectory, Largest},
		{"to another user, of the same group", func() *Exceeded { return undone(b.Chown(10, Owner{User: 2, Group: 1})) }, Mount, 0},
		{"to a user who may not have one as large", func() *Exceeded { return undone(b.Chown(10, Owner{User: 3, Group: 1})) }, OfUser, Largest},
		{"another label beside", func() *Exceeded {
			return undone(b.Chown(10, Owner{User: 1, Group: 1, Labels: []string{"run=1", "job=2"}}))
		}, Mount, 0},
	} {
		answered(t, q.what, q.ask(), q.by, q.of)
	}
}

// A region without a name is one more when it gets a name: where that is, and for its owners.
func TestFirstNameIsOneMore(t *testing.T) {
	const full, free Node = 2, 3
	b := New(1, testRoot)
	for _, n := range []Node{full, free} {
		c, _ := b.Make(testRoot, NewNode{Type: Directory, Named: true})
		c.Made(n, Seen{}, Owner{})
	}
	o := Owner{User: 1, Process: 9}
	for n, named := range map[Node]bool{10: true, 11: false} {
		c, _ := b.Make(full, NewNode{Type: Region, Named: named, Owner: o})
		c.Made(n, Seen{Size: 10}, o)
	}
	b.SetSettings(full, Settings{Limits: Limits{Regions: 1}}, false)
	_, e := b.Link(11, full)
	answered(t, "where one may be", e, OfDirectory, Regions)
	b.SetLimits(Numbered(OfUser, 1), &Limits{Regions: 1})
	_, e = b.Link(11, free)
	answered(t, "of a user who may have one", e, OfUser, Regions)
	b.SetLimits(Numbered(OfUser, 1), &Limits{Regions: 2})
	for range 2 {
		c, e := b.Link(11, free) // the directory that it was made in is not asked
		if e != nil {
			t.Fatal(e)
		}
		if u, _ := b.Account(OfUser, 1); u.Used.Regions != 2 || u.Peak.Regions != 2 {
			t.Errorf("while it gets one, the user holds %+v, and %+v at most", u.Used, u.Peak)
		}
		c.Undo()
		if u, _ := b.Account(OfUser, 1); u.Used.Regions != 1 || !b.IsNameless(11) {
			t.Errorf("without a name after all: %+v", u.Used)
		}
	}
	c, _ := b.Link(11, free)
	c.Keep()
	for d, want := range map[Node]Amount{full: {Bytes: 10, Size: 10, Regions: 1, Nodes: 1}, free: {Bytes: 10, Size: 10, Regions: 1, Nodes: 1}} {
		if s, _ := b.Account(OfDirectory, uint64(d)); s.Used != want {
			t.Errorf("directory %d holds %+v, want %+v", d, s.Used, want)
		}
	}
	b.Unlinked(11, free, false, true)
	_, e = b.Link(11, full)
	answered(t, "a name again, where one may be", e, OfDirectory, Regions)
	if c, e = b.Link(11, free); e != nil {
		t.Fatal(e)
	}
	b.Freed(11)
	c.Undo()
	if u, _ := b.Account(OfUser, 1); u.Used.Regions != 1 || u.Used.Bytes != 10 {
		t.Errorf("gone while it got a name: %+v", u.Used)
	}
}
