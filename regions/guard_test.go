package regions_test

import (
	"errors"
	"testing"
	"time"

	"github.com/shmfs/shmfs/regions"
)

func TestGuards(t *testing.T) {
	e := newEstate(t)
	living := true
	e.SetAlive(func(o regions.WhoOwns) bool { return o.ID == 7 && living })
	dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
	a, err := e.Make(dir, "a", regions.Spec{Mode: regions.TypeRegular | 0o666, UID: 1000, Record: regions.Record{PID: 7}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Setattr(a.Node, regions.Change{Set: regions.SetUID, UID: 1001}); err != nil {
		t.Fatal(err)
	}
	a.UID = 1001
	type who struct{ uid, pid uint32 }
	check := func(what string, may ...who) {
		t.Helper()
		for _, x := range []who{{0, 1}, {1000, 7}, {1000, 8}, {1001, 8}, {1002, 8}} {
			want := false
			for _, y := range may {
				want = want || x == y
			}
			if err := e.MayLose(&a, x.uid, x.pid, "remove"); (err == nil) != want || err != nil && !errors.Is(err, regions.NotPermitted) {
				t.Errorf("%s: user %d, process %d: %v, want it allowed: %v", what, x.uid, x.pid, err, want)
			}
		}
	}
	all := []who{{0, 1}, {1000, 7}, {1000, 8}, {1001, 8}, {1002, 8}}
	users := all[:4]
	check("off", all...)
	e.says(t, dir, regions.GuardXattr, "user")
	check("user", users...)
	e.says(t, dir, regions.GuardXattr, "process")
	check("process", who{1000, 7})
	living = false
	check("process, gone", users...)
	e.says(t, a.Node, regions.GuardXattr, "off")
	check("off, by itself", all...)
	e.SetGuard(regions.GuardUser)
	if b, err := e.Make(regions.RootNode, "b", regions.Spec{Mode: regions.TypeRegular, UID: 1000}); err != nil || e.MayLose(&b, 1001, 8, "x") == nil {
		t.Errorf("where the configuration says so: %v", err)
	}
	if err := e.Setxattr(dir, regions.GuardXattr, []byte("group"), 0); !errors.Is(err, regions.Invalid) {
		t.Errorf("guard=group: %v", err)
	}
}

// TestGuardsOfTheServerBefore asks while what the server before said has not yet been read.
func TestGuardsOfTheServerBefore(t *testing.T) {
	for what, guard := range map[string]func(e *estate, dir, region regions.NodeID){
		"of a directory": func(e *estate, dir, _ regions.NodeID) { e.says(t, dir, regions.GuardXattr, "user") },
		"of a region":    func(e *estate, _, region regions.NodeID) { e.says(t, region, regions.GuardXattr, "user") },
	} {
		e := newEstate(t)
		dir := e.make(t, regions.RootNode, "d", regions.TypeDir, 0)
		a, err := e.Make(dir, "a", regions.Spec{Mode: regions.TypeRegular | 0o666, UID: 1000, Record: regions.Record{PID: 7, UID: 1000}})
		if err != nil {
			t.Fatal(err)
		}
		guard(e, dir, a.Node)
		next := regions.NewManager(e.Arena)
		next.Expect()
		refused := make(chan error, 1)
		go func() { refused <- next.MayLose(&a, 1001, 8, "remove") }()
		time.Sleep(10 * time.Millisecond) // it would have its answer by now, if it did not wait
		if _, err := next.Adopt(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-refused; !errors.Is(err, regions.NotPermitted) {
			t.Errorf("%s, asked meanwhile: %v", what, err)
		}
		if err := next.MayLose(&a, 1001, 8, "remove"); !errors.Is(err, regions.NotPermitted) {
			t.Errorf("%s, asked afterwards: %v", what, err)
		}
	}
}

func TestSeals(t *testing.T) {
	e := newEstate(t)
	n := e.make(t, regions.RootNode, "a", regions.TypeRegular, 7)
	seal := func() error { return e.Setxattr(n, regions.SealXattr, []byte("true"), 0) }
	if err := e.Opened(n, regions.WriteAccess); err != nil {
		t.Fatal(err)
	}
	if err := seal(); !errors.Is(err, regions.Busy) {
		t.Errorf("with a writer: %v", err)
	}
	e.Released(n, regions.WriteAccess)
	if err := e.Opened(n, regions.ReadAccess); err != nil {
		t.Fatal(err)
	}
	if err := seal(); err != nil {
		t.Fatalf("with a reader: %v", err)
	}
	size := regions.Change{Set: regions.SetSize, Size: 1}
	for what, err := range map[string]error{"opened": e.Opened(n, regions.WriteAccess), "sized": second(e.Setattr(n, size))} {
		if !errors.Is(err, regions.NotPermitted) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := e.Opened(n, regions.ReadAccess); err != nil {
		t.Errorf("for reading: %v", err)
	}
	if err := e.Removexattr(n, regions.SealXattr); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Opened(n, regions.WriteAccess), second(e.Setattr(n, size))); err != nil {
		t.Errorf("without the seal: %v", err)
	}
	if err := e.Setxattr(regions.RootNode, regions.SealXattr, []byte("true"), 0); !errors.Is(err, regions.NotPermitted) {
		t.Errorf("a directory: %v", err)
	}
}

// Of regions that are gone nobody knows that they were sealed.
func TestSealsGoWithTheirRegions(t *testing.T) {
	e := newEstate(t)
	for name, end := range map[string]func(n regions.NodeID){
		"ended": func(n regions.NodeID) {
			if err := e.End(n, "a test"); err != nil {
				t.Error(err)
			}
		},
		"removed": func(n regions.NodeID) {
			must(e.Remove(regions.RootNode, "removed", false))
			e.Forgotten(n)
		},
		"removed while it is open": func(n regions.NodeID) {
			if err := e.Opened(n, regions.ReadAccess); err != nil {
				t.Error(err)
			}
			must(e.Remove(regions.RootNode, "removed while it is open", false))
			if e.Sealed() != 1 {
				t.Error("whoever has it open could write to it")
			}
			e.Released(n, regions.ReadAccess)
			e.Forgotten(n)
		},
	} {
		n := e.make(t, regions.RootNode, name, regions.TypeRegular, 7)
		e.says(t, n, regions.SealXattr, "true")
		if end(n); e.Sealed() != 0 {
			t.Errorf("%s: it is known as before", name)
		}
	}
}

func second(_ regions.Attr, err error) error { return err }
