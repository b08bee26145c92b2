package regions_test

import (
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// Which name of a region was the first one, the next server does not know: what ends it must not depend on that.
func TestSeveralNames(t *testing.T) {
	for _, ownFirst := range []bool{true, false} {
		e := newEstate(t)
		own, plain := e.folder(t, regions.RootNode, "own", 0), e.folder(t, regions.RootNode, "plain", 0)
		e.says(t, own, regions.LifetimeXattr, "owner,grace=0")
		first, second := plain, own
		if ownFirst {
			first, second = own, plain
		}
		kept, ends := e.make(t, first, "kept", regions.TypeRegular, 7), e.make(t, own, "ends", regions.TypeRegular, 7)
		if _, err := e.Link(kept, second, "kept"); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Link(ends, own, "again"); err != nil {
			t.Fatal(err)
		}
		e.people.die(7)
		within(t, "end of what has its names in one directory", func() bool { return !e.there(own, "ends") && !e.there(own, "again") })
		if !e.there(own, "kept") || !e.there(plain, "kept") {
			t.Errorf("own first %v: a region ended that has a name where nothing ends", ownFirst)
		}
		if _, err := e.Remove(plain, "kept", false); err != nil {
			t.Fatal(err)
		}
		within(t, "end once that name is gone", func() bool { return !e.there(own, "kept") })
	}
}

// What holds for a region of several names is the same whatever its first name is, now and in the next server.
func TestSeveralNamesSayDifferentThings(t *testing.T) {
	type says map[string]string
	for _, c := range []struct {
		what   string
		a, b   says
		want   string
		pinned bool
		owner  uint32
	}{
		{"nothing", says{}, says{}, "manual", false, 7},
		{"the longer grace period", says{regions.LifetimeXattr: "owner,grace=5s"}, says{regions.LifetimeXattr: "owner,grace=1h"}, "owner,grace=1h0m0s", false, 7},
		{"the longer time", says{regions.LifetimeXattr: "ttl=5s"}, says{regions.LifetimeXattr: "ttl=1h"}, "ttl=1h0m0s", false, 7},
		{"two kinds", says{regions.LifetimeXattr: "owner"}, says{regions.LifetimeXattr: "ttl=1h"}, "manual", false, 7},
		{"a pin", says{regions.LifetimeXattr: "owner"}, says{regions.LifetimeXattr: "owner", regions.PinXattr: "true"}, "owner", true, 7},
		{"one owner", says{regions.OwnerXattr: "9@1"}, says{regions.OwnerXattr: "9@1"}, "manual", false, 9},
		{"two owners", says{regions.OwnerXattr: "9@1"}, says{regions.OwnerXattr: "8@1"}, "manual", false, 0},
	} {
		for _, swapped := range []bool{false, true} {
			arena := mem.New(mem.Options{})
			m := regions.NewManager(arena)
			m.SetUptime(func() time.Duration { return time.Hour })
			m.SetAlive(func(regions.WhoOwns) bool { return true })
			a, b := put(t, m, "a", folder), put(t, m, "b", folder)
			for at, all := range map[regions.NodeID]says{a.Node: c.a, b.Node: c.b} {
				for name, value := range all {
					if err := m.Setxattr(at, name, []byte(value), 0); err != nil {
						t.Fatal(err)
					}
				}
			}
			if swapped {
				a, b = b, a
			}
			r := must(m.Make(a.Node, "r", regions.Spec{Mode: region, Record: regions.Record{PID: 7}}))
			must(m.Link(r.Node, b.Node, "r"))
			next := regions.NewManager(arena)
			must(next.Adopt(t.Context()))
			for who, m := range map[string]*regions.Manager{"this server": m, "the next one": next} {
				l, pinned := m.LifetimeOf(r.Node)
				if l.String() != c.want || pinned != c.pinned || m.OwnerOf(r.Node).ID != c.owner {
					t.Errorf("%s (swapped %v), %s: %s, pinned %v, owner %d; want %s, %v, %d", c.what, swapped, who, l, pinned,
						m.OwnerOf(r.Node).ID, c.want, c.pinned, c.owner)
				}
			}
		}
	}
}

// The strictest guard of those where a region has names holds.
func TestSeveralNamesAreGuarded(t *testing.T) {
	for _, guardedFirst := range []bool{true, false} {
		e := newEstate(t)
		guarded, open := e.folder(t, regions.RootNode, "guarded", 0), e.folder(t, regions.RootNode, "open", 0)
		e.says(t, guarded, regions.GuardXattr, "user")
		first, second := open, guarded
		if guardedFirst {
			first, second = guarded, open
		}
		r := e.region(t, first, "r", alice)
		if _, err := e.Link(r, second, "r"); err != nil {
			t.Fatal(err)
		}
		a := must(e.Getattr(r))
		if e.MayLose(&a, bob, 4242, "remove") == nil {
			t.Errorf("guarded first %v: another user may remove it", guardedFirst)
		}
		if err := e.MayLose(&a, alice, 4242, "remove"); err != nil {
			t.Errorf("guarded first %v: its user: %v", guardedFirst, err)
		}
	}
}
