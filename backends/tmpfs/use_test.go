//go:build linux

package tmpfs

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// Of two that ask whether a region is in use one waits for the other, however long that one is kept from going on.
func TestInUseWaitsForALease(t *testing.T) {
	a := detached(t, Options{})
	n := region(t, a, "r").Node
	fd, err := a.open(n, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Fatal(err)
	}
	asked := make(chan error)
	go func() {
		_, err := a.InUse(n)
		asked <- err
	}()
	select {
	case err := <-asked:
		t.Errorf("it did not wait: %v", err)
		go func() { asked <- err }()
	case <-time.After(time.Second):
	}
	unix.Close(fd)
	if err := <-asked; err != nil {
		t.Error(err)
	}
}

func TestUsesAreKept(t *testing.T) {
	a := detached(t, Options{})
	n := region(t, a, "r").Node
	if at, err := a.KeptUse(n); !errors.Is(err, regions.NoData) {
		t.Errorf("a use that nobody kept: %v, %v", at, err)
	}
	for _, want := range []time.Duration{time.Hour, time.Hour + 1} {
		if err := a.KeepUse(n, want); err != nil {
			t.Fatal(err)
		}
		if at, err := a.KeptUse(n); err != nil || at != want {
			t.Errorf("kept is %v (%v), want %v", at, err, want)
		}
	}
	if _, err := a.Getxattr(n, trustedUse); !errors.Is(err, regions.NoData) {
		t.Errorf("it is seen from outside: %v", err)
	}
	names, err := a.Listxattr(n)
	if err != nil || len(names) != 0 {
		t.Errorf("it is listed: %q, %v", names, err)
	}
}

// A name is taken away of the very node, and of no other.
func TestRemoveNode(t *testing.T) {
	a := detached(t, Options{})
	n, other := region(t, a, "r").Node, region(t, a, "other").Node
	if at, err := a.RemoveNode(regions.RootNode, "r", other); err != nil || at.Node != regions.NoNode {
		t.Errorf("another node at the name: %+v, %v", at, err)
	}
	if _, err := a.Lookup(regions.RootNode, "r"); err != nil {
		t.Fatalf("it is gone: %v", err)
	}
	if at, err := a.RemoveNode(regions.RootNode, "r", n); err != nil || at.Node != n || at.Nlink != 0 {
		t.Errorf("the node at the name: %+v, %v", at, err)
	}
	if _, err := a.RemoveNode(regions.RootNode, "r", n); !errors.Is(err, regions.NotFound) {
		t.Errorf("no such name: %v", err)
	}
	a.Drop(n)
	if _, err := a.Getattr(n); !errors.Is(err, regions.Stale) {
		t.Errorf("it lives on: %v", err)
	}
}
