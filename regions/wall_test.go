package regions_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// slowArena stops where a test wants it to.
type slowArena struct {
	*mem.Arena
	punching, resizing, looking hook
}

// hook is what a test does at some place.
type hook struct{ f atomic.Pointer[func()] }

func (h *hook) set(f func()) { h.f.Store(&f) }

func (h *hook) call() {
	if f := h.f.Load(); f != nil {
		(*f)()
	}
}

type slowFile struct {
	regions.File
	a *slowArena
}

func (a *slowArena) Open(node regions.NodeID, access regions.Access) (regions.File, error) {
	f, err := a.Arena.Open(node, access)
	return &slowFile{f, a}, err
}

func (a *slowArena) Resize(bytes, nodes int64) error {
	a.resizing.call()
	return a.Arena.Resize(bytes, nodes)
}

func (a *slowArena) Usage(node regions.NodeID) (regions.Usage, error) {
	a.looking.call()
	return a.Arena.Usage(node)
}

func (f *slowFile) Allocate(off, length int64, mode regions.AllocateMode) error {
	if mode&regions.AllocatePunchHole != 0 {
		f.a.punching.call()
	}
	return f.File.Allocate(off, length, mode)
}

// A mount of overrunSize, of which overrunPromised are promised to a region.
const (
	overrunSize     = 16 << 20
	overrunPromised = 8 << 20
)

// overrunMount is a mount that is overrun. The region that was promised memory is answered; told hears of each time that the
// wall was drawn in.
func overrunMount(t *testing.T) (m *regions.Manager, a *slowArena, promised regions.File, told chan struct{}) {
	t.Helper()
	a = &slowArena{Arena: mem.New(mem.Options{Bytes: 2 * overrunSize})}
	m = regions.NewManager(a)
	m.SetHeadroom(func(int64) int64 { return overrunSize })
	m.SetSize(overrunSize)
	told = make(chan struct{}, 1000)
	m.OnOverrun(func(x regions.Overrunning) {
		if x.Filled {
			told <- struct{}{}
		}
	})
	t.Cleanup(m.Watch())
	n := put(t, m, "promised", region).Node
	must(m.Setattr(n, regions.Change{Set: regions.SetSize, Size: overrunPromised}))
	sneaking := put(t, m, "sneaking", region).Node
	must(m.Setattr(sneaking, regions.Change{Set: regions.SetSize, Size: 2 << 20}))
	if err := m.Opened(sneaking, regions.ReadAccess|regions.WriteAccess); err != nil {
		t.Fatal(err)
	}
	past := must(a.Arena.Open(sneaking, regions.WriteAccess)) // past the manager
	t.Cleanup(func() { past.Close() })
	must(past.WriteAt(make([]byte, 10<<20), 2<<20))
	promised = must(m.Open(n, regions.WriteAccess))
	t.Cleanup(func() { promised.Close() })
	soonTold(t, told)
	if use := must(a.Arena.Usage(regions.RootNode)); use.BytesUsed < 20<<20 {
		t.Errorf("%d are in use: what was promised has holes", use.BytesUsed)
	}
	return m, a, promised, told
}

func soonTold(t *testing.T, told <-chan struct{}) {
	t.Helper()
	select {
	case <-told:
	case <-time.After(time.Minute):
		t.Fatal("the wall is not drawn in")
	}
}

const punch = regions.AllocatePunchHole | regions.AllocateKeepSize

// A hole is being punched while memory is allocated for all holes: the wall is not drawn in before that one has its memory,
// too.
func TestHoleDuringAFill(t *testing.T) {
	m, a, promised, told := overrunMount(t)
	looks, begun, goOn := make(chan struct{}), make(chan struct{}), make(chan struct{})
	a.punching.set(func() { close(begun); <-goOn })
	a.looking.set(func() {
		select {
		case looks <- struct{}{}:
		default:
		}
	})
	punched := make(chan error)
	go func() { punched <- promised.Allocate(0, overrunPromised, punch) }()
	<-begun
	for range 50 { // each is reason to fill all holes
		select {
		case <-looks:
		case <-told:
			t.Fatal("the wall is drawn in before the hole is there")
		}
	}
	close(goOn)
	if err := <-punched; err != nil {
		t.Fatal(err)
	}
	soonTold(t, told)
	use := must(m.Physical())
	if use.Bytes > 2*overrunSize-(4<<20) || use.BytesUsed < 20<<20 {
		t.Errorf("the wall is at %d, and %d are in use", use.Bytes, use.BytesUsed)
	}
}

// Who makes a hole while the wall is on its way out waits for it, as does who moves it.
func TestHoleWhileTheWallMoves(t *testing.T) {
	_, a, promised, _ := overrunMount(t)
	begun, goOn := make(chan struct{}), make(chan struct{})
	a.resizing.set(func() { begun <- struct{}{}; <-goOn })
	done := make(chan error)
	punches := func() { done <- promised.Allocate(0, 4096, punch) }
	go punches()
	<-begun
	go punches()
	left := 2
	select {
	case err := <-done:
		left--
		t.Errorf("a hole is made before the wall is out: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	go func() {
		for range begun { // it is drawn in again
		}
	}()
	close(goOn)
	for range left {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// The server ends while the wall is drawn in: it is out before the next one answers anybody.
func TestTheNextServerMovesTheWallOut(t *testing.T) {
	_, a, _, _ := overrunMount(t)
	if use := must(a.Arena.Usage(regions.RootNode)); use.Bytes >= 2*overrunSize {
		t.Errorf("the wall is at %d: not drawn in", use.Bytes)
	}
	next := regions.NewManager(a)
	next.SetHeadroom(func(int64) int64 { return overrunSize })
	next.SetSize(overrunSize)
	defer next.Watch()()
	if use := must(next.Physical()); use.Bytes < 2*overrunSize {
		t.Errorf("the wall is at %d, and %d are in use", use.Bytes, use.BytesUsed)
	}
}
