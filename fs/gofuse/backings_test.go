//go:build linux

package gofuse

import (
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// fakeKernel counts what is registered.
type fakeKernel struct {
	mu         sync.Mutex
	next       int32
	registered map[int32]bool
	refuse     syscall.Errno
}

func (k *fakeKernel) RegisterBackingFd(*fuse.BackingMap) (int32, syscall.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse != 0 {
		return 0, k.refuse
	}
	k.next++
	k.registered[k.next] = true
	return k.next, 0
}

func (k *fakeKernel) UnregisterBackingFd(id int32) syscall.Errno {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.registered[id] {
		return syscall.ENOENT
	}
	delete(k.registered, id)
	return 0
}

type fakeArena struct{ missing bool }

func (a *fakeArena) Descriptor(regions.NodeID, bool) (int, error) {
	if a.missing {
		return -1, regions.Stale
	}
	fd, err := unix.Open(os.DevNull, unix.O_PATH|unix.O_CLOEXEC, 0)
	return fd, err
}

func newTestBackings() (*backings, *fakeKernel, *fakeArena) {
	k := &fakeKernel{registered: map[int32]bool{}}
	a := &fakeArena{}
	return &backings{arena: a, kernel: k, path: true, nodes: map[regions.NodeID]*backing{}}, k, a
}

// Concurrent first opens of one node get one and the same registration: the kernel refuses a second one.
func TestConcurrentFirstOpensShareOneBacking(t *testing.T) {
	b, k, _ := newTestBackings()
	ids := make([]int32, 32)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() { ids[i], _ = b.acquire(7) })
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("opens of one node got backings %v", ids)
		}
	}
	if got := len(k.registered); got != 1 {
		t.Errorf("%d files are registered, want 1", got)
	}
	b.free(7)
	if got := len(k.registered); got != 0 {
		t.Errorf("%d files are registered after the last use, want 0", got)
	}
}

// A region that cannot be registered stays cached as long as it is used, and changes no other.
func TestOneRefusalChangesNoOtherRegion(t *testing.T) {
	b, k, a := newTestBackings()
	if _, ok := b.acquire(1); !ok {
		t.Fatal("the first region is cached")
	}
	a.missing = true
	if _, ok := b.acquire(2); ok {
		t.Error("a region without a descriptor is passed through")
	}
	a.missing = false
	if _, ok := b.acquire(2); ok {
		t.Error("a region that is open in the cached way is passed through by its next open")
	}
	if _, ok := b.acquire(3); !ok {
		t.Error("another region is cached")
	}
	k.refuse = syscall.ENOMEM
	if _, ok := b.acquire(4); ok {
		t.Error("a region that the kernel refuses is passed through")
	}
	k.refuse = 0
	b.free(2)
	if _, ok := b.acquire(2); !ok {
		t.Error("after its last use the region is still cached")
	}
}

// A region that lost its last name is kept by its backing until the kernel forgets it.
func TestKeptUntilForgotten(t *testing.T) {
	b, k, _ := newTestBackings()
	if b.keep(5, false) {
		t.Error("a region that was never opened is kept by a backing")
	}
	b.acquire(5)
	if !b.keep(5, false) {
		t.Fatal("an open region is not kept")
	}
	b.free(5)
	if got := len(k.registered); got != 1 {
		t.Fatalf("%d files are registered, want 1: the nameless region's", got)
	}
	b.forget(5)
	if got := len(k.registered); got != 0 {
		t.Errorf("%d files are registered after FORGET, want 0", got)
	}
	b.acquire(6)
	b.forget(6) // a look-up was forgotten, not the region: it has a name
	if got := len(k.registered); got != 1 {
		t.Errorf("%d files are registered, want 1", got)
	}
}
