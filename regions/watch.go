package regions

import (
	"sync"
	"time"

	"github.com/shmfs/shmfs/regions/accounts"
)

// A write that goes past the server costs it nothing, and tells it nothing. But one that makes a region longer takes
// memory, and how much the arena has given out is one system call. So as long as somebody has a region open for writing,
// that is asked for again and again, and only if it changed, the regions that are open for writing are looked at.
// (fanotify(7) would tell of every write, and makes each of 4 KiB dearer by two thirds.)
const (
	watchLeast = 5 * time.Millisecond  // between two questions when something changes
	watchMost  = 20 * time.Millisecond // when nothing does
	// watchIdle is when nobody writes and nothing changes, but holes count nothing somewhere: a mapping needs no descriptor.
	watchIdle = 250 * time.Millisecond
	// watchShare keeps the looking below a twentieth of the time, however many regions there are.
	watchShare = 20
)

// watch notices what grows without asking.
type watch struct {
	m      *Manager
	begins chan struct{} // a region was opened for writing
	ends   chan struct{} // closed at the end
	done   sync.WaitGroup
	used   uint64 // bytes that the arena had given out before regions were last looked at
}

// Watch begins to notice what grows without asking, where writes go past the server. It lasts until end is called. Without
// it everything asks.
func (m *Manager) Watch() (end func()) {
	w := &watch{m: m, begins: m.users.begins, ends: make(chan struct{})}
	m.watching.Store(true)
	m.wall.begin()
	m.users.nudge()
	w.done.Go(w.run)
	return sync.OnceFunc(func() {
		close(w.ends)
		w.done.Wait()
	})
}

func (w *watch) run() {
	pause := watchLeast
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for soon := true; ; {
		if !soon && w.m.users.writing.Load() == 0 && !w.m.accounts.HolesAreFree() {
			select {
			case <-w.begins:
			case <-w.ends:
				return
			}
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-w.ends:
			return
		}
		took, changed := w.look()
		var fill bool
		if soon, fill = w.m.wall.keep(int64(w.used)); fill {
			w.done.Go(func() { w.m.wall.fill(w.ends) })
		}
		switch {
		case changed:
			pause = max(watchLeast, watchShare*took)
		case w.m.users.writing.Load() > 0 || soon:
			pause = min(2*pause, watchMost)
		default:
			pause = min(2*pause, watchIdle)
		}
	}
}

// look looks at what may have grown, if something did, and answers how long that took.
func (w *watch) look() (took time.Duration, changed bool) {
	use, err := w.m.Physical()
	if err != nil || use.BytesUsed == w.used {
		return 0, false
	}
	w.used = use.BytesUsed // before the look: what grows during it changes it again
	begun := time.Now()
	which := w.m.users.writable
	if w.m.accounts.HolesAreFree() {
		which = w.m.users.unsettled // mappings take memory there that nobody was promised
	}
	for _, n := range which() {
		w.m.Getattr(n)
	}
	return time.Since(begun), true
}

// WritesAsk reports whether a write to an open region must come by here, because it may grow it.
func (m *Manager) WritesAsk(node NodeID, access Access) bool {
	if access&WriteAccess == 0 {
		return false
	}
	if !m.lookedUp(node) {
		return true // it may be limited
	}
	switch m.accounts.WritesAt(accounts.Node(node)) {
	case accounts.WritesStrict:
		return true
	case accounts.WritesFast:
		return false
	}
	return access&ReadAccess == 0 || !m.watching.Load()
}
