package regions

import (
	"errors"
	"slices"
	"testing"
)

// What was found free is not asked for again, until somebody opens it.
func TestFoundFree(t *testing.T) {
	k := &kernel{held: map[NodeID]bool{6: true}}
	u := k.users()
	for _, n := range []NodeID{5, 6, 7} {
		u.opened(n, true)
	}
	u.released(5, true)
	u.released(6, true)
	k.calls, k.freed = nil, nil
	for n, want := range map[NodeID]bool{5: false, 6: true, 7: true, 8: false} {
		if got := u.letGo(n); got != want {
			t.Errorf("%d is held: %v, want %v", n, got, want)
		}
	}
	if !slices.Equal(k.freed, []NodeID{5}) || !u.isLet(5) || u.isLet(6) || u.isLet(7) {
		t.Errorf("freed %v, let go %v %v %v; want 5 only", k.freed, u.isLet(5), u.isLet(6), u.isLet(7))
	}
	k.calls = nil
	if err := u.beginEnd(5); err != nil || slices.Contains(k.calls, "probe") {
		t.Errorf("the end begins with %v, after %q", err, k.calls)
	}
	u.endEnd(5) // it stays, and may have grown
	if !slices.Contains(k.calls, "written") {
		t.Errorf("nobody looks at what may have grown: %q", k.calls)
	}
	u.opened(5, false)
	if u.isLet(5) {
		t.Error("what is open counts as free")
	}
	if err := u.beginEnd(5); !errors.Is(err, ErrHeld) {
		t.Errorf("the end of what is open begins with %v", err)
	}
	if err := u.beginEnd(6); !errors.Is(err, ErrHeld) {
		t.Errorf("the end of what is mapped begins with %v", err)
	}
	k.err = errors.New("no answer")
	if err := u.beginEnd(8); err != k.err {
		t.Errorf("the end of what cannot be asked for begins with %v", err)
	}
}

// Who opens a share of a region that was let go of uses the region, from some time behind the answer on.
func TestFoundFreeAndShared(t *testing.T) {
	k := &kernel{held: map[NodeID]bool{}}
	u := k.users()
	for _, n := range []NodeID{5, 6, 7} {
		u.opened(n, false)
		u.released(n, false)
	}
	u.letGo(5)
	u.doubt(5)
	u.doubt(6)
	u.letGo(6) // the kernel has yet to open it
	k.held[5], k.held[6] = true, true
	for _, n := range []NodeID{5, 6} {
		if err := u.beginEnd(n); !errors.Is(err, ErrHeld) {
			t.Errorf("the end of %d, which is mapped through a share, begins with %v", n, err)
		}
	}
	if err := u.beginEnd(7); err != nil {
		t.Errorf("the end of what nobody has begins with %v", err)
	}
}

// Who opens a region that is ending waits for what comes of it.
func TestOpenedWhileEnding(t *testing.T) {
	u := (&kernel{}).users()
	for _, gone := range []bool{true, false} {
		if err := u.beginEnd(5); err != nil {
			t.Fatal(err)
		}
		answers := make(chan bool)
		go func() { answers <- u.opened(5, false) }()
		select {
		case got := <-answers:
			t.Fatalf("it did not wait, and got %v", got)
		default:
		}
		if gone {
			u.lostName(5)
			if <-answers {
				t.Error("what has gone is open")
			}
		}
		u.endEnd(5)
		if !gone && !<-answers {
			t.Error("what stays cannot be opened")
		}
	}
}

// A region that is made is in use until it is opened, and that is counted once.
func TestMadeAndOpened(t *testing.T) {
	u := (&kernel{}).users()
	u.making(5)
	if err := u.beginEnd(5); !errors.Is(err, ErrHeld) {
		t.Errorf("it ends before it is opened: %v", err)
	}
	u.opened(5, true)
	if got, want := u.use(5), (Use{Opens: 1, Writers: 1, InUse: true}); got != want {
		t.Errorf("use %+v, want %+v", got, want)
	}
	u.released(5, true)
	if err := u.beginEnd(5); err != nil {
		t.Errorf("it does not end: %v", err)
	}
}

// Where it cannot be asked who has a region, somebody may have it: nothing is given back then, nor overwritten.
func TestWhoCannotBeAskedFor(t *testing.T) {
	for _, err := range []error{TooManyFiles, &Refusal{Code: TooManyFilesHere}, NoMemory} {
		k := &kernel{err: err}
		u := k.users()
		u.opened(5, true)
		u.released(5, true)
		if !u.settle(5) || !u.ask(5) || !u.use(5).InUse || len(k.freed) > 0 {
			t.Errorf("%v: settled %v, asked %v, use %+v, freed %v", err, u.settle(5), u.ask(5), u.use(5), k.freed)
		}
		k.err = nil
		if u.ask(5) || u.settle(5) || !slices.Equal(k.freed, []NodeID{5}) {
			t.Errorf("%v: it counts as held for ever", err)
		}
	}
	k := &kernel{err: Stale}
	u := k.users()
	u.opened(5, false)
	u.released(5, false)
	if u.ask(5) || u.settle(5) {
		t.Error("what is gone counts as held")
	}
}
