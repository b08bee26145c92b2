package regions

import (
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// kernel is a fake one that knows who holds what.
type kernel struct {
	mu    sync.Mutex // guards the rest; taken alone
	held  map[NodeID]bool
	freed []NodeID
	calls []string
	err   error
}

func (k *kernel) probe(n NodeID) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls = append(k.calls, "probe")
	return k.held[n], k.err
}

func (k *kernel) users() *users {
	u := newUsers(k.probe)
	u.freed = func(n NodeID) { k.freed = append(k.freed, n) }
	u.unhold = func(NodeID) { k.calls = append(k.calls, "unhold") }
	u.written = func(NodeID) { k.calls = append(k.calls, "written") }
	return u
}

func TestUseCountsDescriptors(t *testing.T) {
	k := &kernel{}
	u := k.users()
	u.opened(5, false)
	u.opened(5, true)
	if got, want := u.use(5), (Use{Opens: 2, Writers: 1, InUse: true}); got != want {
		t.Errorf("use %+v, want %+v", got, want)
	}
	if len(k.calls) != 0 {
		t.Errorf("the kernel was asked although counts tell: %q", k.calls)
	}
	u.released(5, true)
	if got, want := u.use(5), (Use{Opens: 1, InUse: true}); got != want {
		t.Errorf("use %+v, want %+v", got, want)
	}
	u.released(5, false)
	if got := u.use(5); got != (Use{}) {
		t.Errorf("use after the last release %+v", got)
	}
	if got := u.use(6); got != (Use{}) {
		t.Errorf("use of what was never opened %+v", got)
	}
	u.released(5, false) // once more is nothing
	if !slices.Equal(k.freed, []NodeID{5}) {
		t.Errorf("freed %v, want 5 once", k.freed)
	}
}

// A region that is opened and closed again and again stands among the idle ones once, and costs no probe.
func TestHotRegionIsIdleOnce(t *testing.T) {
	k := &kernel{}
	u := k.users()
	for range 3 * idleRegions {
		u.opened(5, false)
		u.released(5, false)
	}
	for n := range NodeID(idleRegions - 1) {
		u.opened(10+n, false)
		u.released(10+n, false)
	}
	if len(k.calls) != 0 {
		t.Errorf("the kernel was asked %d times although there is room for all", len(k.calls))
	}
	for n := range NodeID(2) {
		u.opened(1<<40+n, false)
		u.released(1<<40+n, false)
	}
	if !slices.Equal(k.freed, []NodeID{5, 10}) {
		t.Errorf("freed %v, want the two that were released first", k.freed)
	}
}

// TestMappedRegionStaysInUse: a release is not the end of a use.
func TestMappedRegionStaysInUse(t *testing.T) {
	k := &kernel{held: map[NodeID]bool{5: true}}
	u := k.users()
	u.opened(5, true)
	u.released(5, true)
	if got, want := u.use(5), (Use{InUse: true}); got != want {
		t.Errorf("use of a mapped region %+v, want %+v", got, want)
	}
	if want := []string{"unhold", "probe"}; !slices.Equal(k.calls, want) {
		t.Errorf("calls %q, want %q", k.calls, want)
	}
	if got := u.unseen(math.MaxInt); !slices.Equal(got, []NodeID{5}) {
		t.Errorf("may have grown unseen: %v, want 5", got)
	}
	k.held[5], k.calls = false, nil
	if u.settle(5) || !slices.Equal(k.freed, []NodeID{5}) {
		t.Errorf("unmapped, but freed is %v", k.freed)
	}
	if want := []string{"unhold", "probe", "written"}; !slices.Equal(k.calls, want) {
		t.Errorf("calls %q, want %q", k.calls, want)
	}
	if got := u.unseen(math.MaxInt); len(got) != 0 {
		t.Errorf("may have grown unseen: %v", got)
	}
}

// TestProbeThatFailsFrees: what cannot be asked (the region is gone) is nobody's.
func TestProbeThatFailsFrees(t *testing.T) {
	k := &kernel{held: map[NodeID]bool{5: true}, err: errors.New("stale")}
	u := k.users()
	u.opened(5, false)
	u.released(5, false)
	if u.settle(5) || len(k.freed) != 1 {
		t.Errorf("freed %v", k.freed)
	}
}

func TestWithoutProbeTheLastReleaseFrees(t *testing.T) {
	k := &kernel{}
	u := k.users()
	u.probe = nil
	u.opened(5, true)
	u.opened(5, false)
	u.released(5, true)
	if len(k.freed) != 0 {
		t.Error("freed while open")
	}
	u.released(5, false)
	if !slices.Equal(k.freed, []NodeID{5}) || !slices.Equal(k.calls, []string{"written"}) {
		t.Errorf("freed %v, calls %q", k.freed, k.calls)
	}
}

// TestIdleRegionsAreSettledInTurn: the oldest is asked for when idleRegions others were released after it.
func TestIdleRegionsAreSettledInTurn(t *testing.T) {
	k := &kernel{held: map[NodeID]bool{2: true}}
	u := k.users()
	use := func(n NodeID) {
		u.opened(n, false)
		u.released(n, false)
	}
	for n := NodeID(1); n <= idleRegions; n++ {
		use(n)
	}
	if len(k.calls) != 0 {
		t.Fatalf("%d calls while there is room", len(k.calls))
	}
	for n := NodeID(1); n <= 3; n++ {
		use(idleRegions + n)
	}
	if want := []NodeID{1, 3}; !slices.Equal(k.freed, want) {
		t.Errorf("freed %v, want %v: 2 is mapped", k.freed, want)
	}
	u.opened(4, false)
	use(2 * idleRegions)
	if slices.Contains(k.freed, 4) {
		t.Error("4 was freed although it is open again")
	}
}

func TestHeldAsksForAll(t *testing.T) {
	k := &kernel{held: map[NodeID]bool{1: true}}
	u := k.users()
	for n := NodeID(1); n <= 3; n++ {
		u.opened(n, false)
		u.released(n, false)
	}
	u.opened(4, false)
	u.opened(4, true)
	if regions, opens := u.held(); regions != 2 || opens != 2 {
		t.Errorf("%d regions and %d descriptors, want 2 (1 is mapped, 4 open) and 2", regions, opens)
	}
	if got := u.unseen(math.MaxInt); !slices.Equal(got, []NodeID{4}) {
		t.Errorf("open for writing: %v, want 4", got)
	}
}

// What nobody has any more is looked at for the last time once, and stays idle; what is mapped may still grow.
func TestQuietRegionsAreNotLookedAtAgain(t *testing.T) {
	k := &kernel{held: map[NodeID]bool{2: true}}
	u := k.users()
	for n := NodeID(1); n <= 3; n++ {
		u.opened(n, true)
	}
	u.released(1, true)
	u.released(2, true)
	if !u.quiet(1) || u.quiet(2) || u.quiet(3) || !u.quiet(4) {
		t.Error("want 1 quiet, 2 mapped, 3 open, 4 never used")
	}
	if want := []string{"probe", "written", "probe"}; !slices.Equal(k.calls, want) {
		t.Errorf("calls %q, want %q", k.calls, want)
	}
	if !u.quiet(1) || len(k.calls) != 3 || len(k.freed) != 0 {
		t.Errorf("calls %q, freed %v: want 1 known to be quiet, and idle", k.calls, k.freed)
	}
	if got := u.unseen(math.MaxInt); len(got) != 2 {
		t.Errorf("may grow: %v, want 2 and 3", got)
	}
	u.opened(1, true)
	if got := u.unseen(math.MaxInt); len(got) != 3 {
		t.Errorf("may grow: %v, want all three", got)
	}
}

// Regions that were written to are looked at when some others were released, without anybody asking for them.
func TestReleasedRegionsBecomeQuiet(t *testing.T) {
	looked := make(chan NodeID, lookAfter)
	u := newUsers(func(NodeID) (bool, error) { return false, nil })
	u.written = func(n NodeID) { looked <- n }
	for n := NodeID(1); n <= lookAfter; n++ {
		u.opened(n, true)
		u.released(n, true)
	}
	for want := NodeID(1); want <= lookAfter; want++ {
		if got := <-looked; got != want {
			t.Fatalf("looked at %v, want %v", got, want)
		}
	}
	u.quiet(lookAfter) // waits for the last one
	if got := u.unseen(math.MaxInt); len(got) != 0 {
		t.Errorf("may have grown unseen: %v", got)
	}
}

// Of very many some are looked at at a time, and all of them in turn.
func TestUnseenTakesTurns(t *testing.T) {
	const all, most = 100 * shardCount, 300
	u := (&kernel{}).users()
	for n := NodeID(1); n <= all; n++ {
		u.opened(n, true)
	}
	met := map[NodeID]bool{}
	for range shardCount {
		some := u.unseen(most)
		if len(some) < most || len(some) > 2*most {
			t.Fatalf("%d at a time, want about %d", len(some), most)
		}
		for _, n := range some {
			met[n] = true
		}
	}
	if len(met) != all {
		t.Errorf("%d of %d were met", len(met), all)
	}
}

func TestUsersAtOnce(t *testing.T) {
	u := newUsers(func(NodeID) (bool, error) { return false, nil })
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 2000 {
				n := NodeID(i%7 + 1)
				u.opened(n, w%2 == 0)
				u.use(n)
				u.released(n, w%2 == 0)
			}
		})
	}
	all.Wait()
	if regions, opens := u.held(); regions != 0 || opens != 0 {
		t.Errorf("%d regions and %d descriptors left", regions, opens)
	}
}

// Regions that nobody has open are counted as in use while somebody has them mapped. Those that were found free are not
// asked for again, and are forgotten without another question; one that is opened again is.
func TestHeldAsksOnce(t *testing.T) {
	k := &kernel{held: map[NodeID]bool{7: true}}
	u := k.users()
	for n := range NodeID(20) {
		u.opened(n+1, false)
		u.released(n+1, false)
	}
	u.opened(3, false)
	count := func(wantRegions, wantOpens, wantProbes int) {
		t.Helper()
		k.calls = nil
		regions, opens := u.held()
		if regions != wantRegions || opens != wantOpens || len(k.calls) != wantProbes {
			t.Errorf("%d regions and %d descriptors in use after %d questions, want %d, %d and %d", regions, opens, len(k.calls),
				wantRegions, wantOpens, wantProbes)
		}
	}
	count(2, 1, 19)
	count(2, 1, 1) // the one that is mapped
	k.held[5] = true
	u.opened(5, false)
	u.released(5, false)
	u.released(3, false)
	count(2, 0, 3)
	u.doubt(1)
	count(2, 0, 3)
	k.calls = nil
	u.leaveIdle(2)
	if len(k.freed) != 1 || len(k.calls) != 0 {
		t.Errorf("freed %v after %q", k.freed, k.calls)
	}
}

// However many are mapped, asking for them ends: the rest counts as it was last found, and is found anew behind the answer.
func TestHeldEnds(t *testing.T) {
	const all = 3 * askLeast
	k := &kernel{held: map[NodeID]bool{}}
	u := k.users()
	for n := range NodeID(all) {
		k.held[n+1] = true
		u.opened(n+1, false)
		u.released(n+1, false)
		u.ask(n + 1)
	}
	var slow atomic.Bool
	ask := u.probe
	u.probe = func(n NodeID) (bool, error) {
		k.mu.Lock()
		many := len(k.calls) > askLeast
		k.mu.Unlock()
		if many && slow.Load() {
			time.Sleep(5 * time.Millisecond)
		}
		return ask(n)
	}
	slow.Store(true)
	k.calls = nil
	if got, _ := u.held(); got != all {
		t.Errorf("%d in use, want %d", got, all)
	}
	k.mu.Lock()
	if n := len(k.calls); n < askLeast || n >= all {
		t.Errorf("asked %d times, want %d at least and not %d", n, askLeast, all)
	}
	clear(k.held)
	k.mu.Unlock()
	slow.Store(false)
	for end := time.Now().Add(time.Minute); ; {
		if got, _ := u.held(); got == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("what is unmapped counts for a minute")
		}
	}
}
