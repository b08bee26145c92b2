package regions_test

import (
	"testing"

	"github.com/shmfs/shmfs/regions"
)

// people of these tests.
const (
	alice = 1000
	bob   = 1001
)

func (e *estate) folder(t *testing.T, dir regions.NodeID, name string, user uint32) regions.NodeID {
	t.Helper()
	a, err := e.Make(dir, name, regions.Spec{Mode: regions.TypeDir | 0o777, UID: user})
	if err != nil {
		t.Fatal(err)
	}
	return a.Node
}

func (e *estate) region(t *testing.T, dir regions.NodeID, name string, user uint32) regions.NodeID {
	t.Helper()
	a, err := e.Make(dir, name, regions.Spec{Mode: regions.TypeRegular | 0o600, UID: user, Record: regions.Record{PID: 7}})
	if err != nil {
		t.Fatal(err)
	}
	return a.Node
}

// What a directory says reaches as far as its owner could remove things himself, and root's as far as there is anything.
func TestHowFarDirectoriesReach(t *testing.T) {
	e := newEstate(t)
	hers := e.folder(t, regions.RootNode, "hers", alice)
	own := e.folder(t, hers, "own", alice)
	his := e.folder(t, hers, "his", bob)
	again := e.folder(t, his, "again", alice)
	roots := e.folder(t, hers, "roots", 0)
	in := map[string]regions.NodeID{
		"her own": e.region(t, hers, "r", alice), "his in hers": e.region(t, hers, "b", bob),
		"below": e.region(t, own, "r", alice), "root's below": e.region(t, own, "root", 0),
		"his": e.region(t, his, "r", bob), "hers in his": e.region(t, his, "a", alice),
		"again": e.region(t, again, "r", alice), "root's": e.region(t, roots, "r", 0),
	}
	reached := map[string]bool{"her own": true, "his in hers": true, "below": true, "root's below": true}
	check := func(what string, reached func(name string) bool) {
		t.Helper()
		for name, n := range in {
			l, pinned := e.LifetimeOf(n)
			a, err := e.Getattr(n)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{"lifetime": l.Kind == regions.LastUser, "pin": pinned, "owner": e.OwnerOf(n).ID == 9,
				"label": e.Labels(n)["run"] == "5", "guard": e.MayLose(&a, 4242, 4242, "remove") != nil}
			for say, got := range got {
				if got != reached(name) {
					t.Errorf("%s: %s of %s holds: %v, want %v", what, say, name, got, !got)
				}
			}
		}
	}
	says := func(dir regions.NodeID) {
		for name, value := range map[string]string{regions.LifetimeXattr: "last-user,grace=1h", regions.PinXattr: "true",
			regions.OwnerXattr: "9@1", regions.LabelsXattr: "run=5", regions.GuardXattr: "user"} {
			e.says(t, dir, name, value)
		}
	}
	says(hers)
	check("hers", func(name string) bool { return reached[name] })
	if _, err := e.Setattr(his, regions.Change{Set: regions.SetUID, UID: alice}); err != nil {
		t.Fatal(err)
	}
	check("his is hers now", func(name string) bool { return name != "root's" })
	if _, err := e.Setattr(his, regions.Change{Set: regions.SetUID, UID: bob}); err != nil {
		t.Fatal(err)
	}
	check("it is his again", func(name string) bool { return reached[name] })
	if _, err := e.Setattr(hers, regions.Change{Set: regions.SetUID, UID: 0}); err != nil {
		t.Fatal(err)
	}
	check("root's", func(string) bool { return true })
}

// The same holds in the next server, and for what the configuration says in the place of a directory.
func TestHowFarDirectoriesReachInTheNextManager(t *testing.T) {
	s, m := newSuccession(t)
	e := &estate{Manager: m}
	hers := e.folder(t, regions.RootNode, "hers", alice)
	his := e.folder(t, hers, "his", bob)
	a, b := e.region(t, hers, "r", bob), e.region(t, his, "r", bob)
	e.says(t, hers, regions.LifetimeXattr, "ttl=1h")
	wants := func(m *regions.Manager, below regions.LifetimeKind) {
		t.Helper()
		if l, _ := m.LifetimeOf(a); l.Kind != regions.TTL {
			t.Errorf("in hers: %v", l)
		}
		if l, _ := m.LifetimeOf(b); l.Kind != below {
			t.Errorf("in his: %v", l)
		}
	}
	wants(m, regions.Manual)
	m = s.follow(true)
	if _, err := m.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	wants(m, regions.Manual)
	if err := m.Removexattr(hers, regions.LifetimeXattr); err != nil {
		t.Fatal(err)
	}
	m.SetLifetimes(func(path string) (regions.Lifetime, bool) {
		return regions.Lifetime{Kind: regions.TTL, TTL: 1}, path == "hers"
	})
	wants(m, regions.TTL)
}

// Who says when a session ends takes what he could remove; root, and whose time it is that root has set, all of it.
func TestHowFarSessionsReach(t *testing.T) {
	e := newEstate(t)
	all := e.sessions(t, "session,ttl=1h")
	make := func(name string) (session, his regions.NodeID) {
		session = e.folder(t, all, name, alice)
		his = e.folder(t, session, "his", bob)
		e.region(t, his, "r", bob)
		e.region(t, session, "r", bob)
		e.region(t, e.folder(t, session, "own", alice), "r", alice)
		return session, his
	}
	ended, his := make("ended")
	e.says(t, ended, regions.SessionXattr, "end")
	within(t, "end", func() bool { return !e.IsSession(ended) })
	if !e.there(his, "r") || e.there(ended, "r") || e.there(ended, "own") {
		t.Errorf("his: %v, in hers: %v, her own: %v", e.there(his, "r"), e.there(ended, "r"), e.there(ended, "own"))
	}
	own, _ := make("own")
	_ = own
	e.says(t, all, regions.LifetimeXattr, "session,ttl=1ms")
	within(t, "end by root's time", func() bool { return !e.there(all, "own") })

	hers := e.folder(t, regions.RootNode, "hers", alice)
	e.says(t, hers, regions.LifetimeXattr, "session")
	if e.IsSession(e.folder(t, hers, "b", bob)) || !e.IsSession(e.folder(t, hers, "a", alice)) {
		t.Error("his directory is a session of hers, or her own is not")
	}
}
