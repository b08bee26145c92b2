package regions

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmfs/shmfs/regions/accounts"
	"github.com/shmfs/shmfs/regions/events"
)

// wall is the size of the arena, which is all that stops a write that does not ask. The kernel cannot tell such a write
// from the first touch of a page that was promised: where the arena ends, either ends, one with ENOSPC and the other with
// SIGBUS. Therefore
//
//   - the arena is larger than what is promised, by more than can be taken before it is noticed (the headroom),
//   - what is noticed beyond the size of the mount moves the wall out, so that the headroom stays,
//   - and if that goes on, all memory that was promised and has not been touched is allocated. Nobody depends on what is
//     left in the arena then, and the wall is drawn in: who goes on writing gets ENOSPC.
//
// What is promised while the wall is drawn in, or gives memory back that it may want again, moves it out first.
type wall struct {
	m       *Manager
	most    func(used int64) int64 // how large the arena may be at most, if it holds so much
	told    func(Overrunning)
	mu      sync.Mutex              // guards at; held over a change of the arena's size. Nothing but accounts' lock is taken below it
	at      int64                   // bytes; 0 if it is not known
	drawn   atomic.Bool             // in; false again once it is out
	hollows atomic.Uint64           // counts what may make holes in what was promised, when it begins and when it ends
	digging atomic.Int64            // how many of them have not ended
	filling atomic.Bool             // memory is being allocated for all holes
	kept    map[accounts.Node]int64 // what is written down of what was not asked for

	// Whoever fills has these; as long as nobody does, who keeps the wall.
	again     time.Time // not before: it was in vain
	announced bool      // it was told that the mount is overrun
	failed    bool      // it was told that it is in vain
}

// Overrunning is what is told of a mount that is overrun by writes that did not ask.
type Overrunning struct {
	By     int64  // bytes beyond the size of the mount
	Region string // path of the one that grew the most without asking; "" if that cannot be told
	Filled bool   // all that is promised has memory now
	Err    error  // why it cannot be had
}

// tolerated is by how much a mount may be overrun before memory is allocated for all that is promised.
func tolerated(size int64) int64 { return max(size/16, 1<<20) }

// OnOverrun sets who is told when a mount is overrun, and what came of it. Set it before Watch.
func (m *Manager) OnOverrun(f func(Overrunning)) { m.wall.told = f }

// SetMost says how large the arena may become at most, in bytes, if it holds so much: what the memory of the machine allows.
// Set it before Watch.
func (m *Manager) SetMost(most func(used int64) int64) { m.wall.most = most }

// promised must be called when a region was promised to reach to end, before that is answered.
func (w *wall) promised(n accounts.Node, end int64) {
	if size, known := w.m.accounts.Size(n); !known || end > size {
		w.hollow()
	}
}

// hollow must be called when more was promised, before that is answered.
func (w *wall) hollow() {
	w.hollows.Add(1)
	if w.drawn.Load() {
		w.out()
	}
}

// dig must be called before memory is given back that stays promised, and end when that is done: who fills holes meanwhile
// may have come by too early.
func (w *wall) dig() (end func()) {
	w.digging.Add(1)
	w.hollow()
	return func() {
		w.hollows.Add(1)
		w.digging.Add(-1)
	}
}

// out moves the wall to where it must be while there may be holes.
func (w *wall) out() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.drawn.Load() {
		return
	}
	use, err := w.m.Physical()
	if err != nil {
		return
	}
	o, _ := w.m.accounts.Overrun()
	w.resize(w.far(o, int64(use.BytesUsed)), int64(use.BytesUsed))
	w.drawn.Store(false) // not before: others may go on then
	w.m.users.nudge()
}

// far is where the wall stands if nothing is known but that all that was asked for may be holes.
func (w *wall) far(o accounts.Overrun, used int64) int64 {
	return w.m.physical(max(o.Size+o.By, used+min(o.Asked+o.Kept, o.Size)))
}

// resize moves the wall. Callers hold mu.
func (w *wall) resize(bytes, used int64) error {
	if w.most != nil && bytes > w.at {
		bytes = max(min(bytes, w.most(used)), w.at)
	}
	if bytes == w.at {
		return nil
	}
	r, ok := w.m.Arena.(Resizer)
	if !ok {
		return NotSupported
	}
	err := r.Resize(bytes, 0)
	if err == nil {
		w.at = bytes
	}
	return err
}

// set moves the wall because the size of the mount is another one; zero leaves it where it is.
func (w *wall) set(r Resizer, bytes, nodes int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := r.Resize(bytes, nodes)
	if err == nil && bytes > 0 {
		w.at = bytes
		w.drawn.Store(false)
		w.hollows.Add(1)
	}
	return err
}

// move moves the wall to where it stands as long as there is room.
func (w *wall) move(bytes, used int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resize(bytes, used)
	w.drawn.Store(false)
}

// begin finds where the wall stands. The server before this one may have drawn it in. So it is moved out before anybody is
// answered: what he does may make a hole.
func (w *wall) begin() {
	use, err := w.m.Physical()
	if err != nil {
		return
	}
	w.mu.Lock()
	if w.at == 0 {
		w.at = int64(use.Bytes)
	}
	w.mu.Unlock()
	if o, _ := w.m.accounts.Overrun(); o.Size > 0 {
		w.outwards(w.far(o, int64(use.BytesUsed)), int64(use.BytesUsed))
	}
}

// keep moves the wall to where it must be; used is what the arena has given out, and what grew up to then is known. It
// answers whether it must be asked again soon, and whether memory should be allocated for all holes.
func (w *wall) keep(used int64) (soon, fill bool) {
	unasked := w.m.accounts.Unasked()
	o, known := w.m.accounts.Overrun()
	if !known {
		w.outwards(w.far(o, used), used)
		return true, false
	}
	w.keepUnasked(unasked)
	switch {
	case o.Size == 0:
		return false, false
	case o.By <= tolerated(o.Size):
		w.move(w.m.physical(o.Size+o.By), used)
		if !w.filling.Load() {
			w.announced, w.failed = false, false
		}
		return false, false
	case w.drawn.Load():
		return false, false
	}
	w.outwards(w.far(o, used), used)
	if w.filling.Load() || time.Now().Before(w.again) {
		return true, false
	}
	w.filling.Store(true)
	return true, true
}

func (w *wall) outwards(bytes, used int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if bytes > w.at {
		w.resize(bytes, used)
	}
}

// keepUnasked writes down what was not asked for, for who serves the arena next; before is what that was a moment ago.
func (w *wall) keepUnasked(before map[accounts.Node]int64) {
	if w.kept == nil {
		w.kept = before
	}
	now := w.m.accounts.Unasked()
	for n, by := range now {
		if w.kept[n] != by {
			w.m.keepUnasked(NodeID(n), by)
		}
	}
	for n := range w.kept {
		if now[n] == 0 {
			w.m.keepUnasked(NodeID(n), 0)
		}
	}
	w.kept = now
}

func (m *Manager) keepUnasked(node NodeID, bytes int64) {
	w, ok := m.Arena.(Recorder)
	if !ok {
		return
	}
	m.records.Lock()
	defer m.records.Unlock()
	if r, err := m.Arena.Record(node); err == nil && r.Unasked != bytes {
		r.Unasked = bytes
		w.SetRecord(node, r)
	}
}

// fill allocates what is promised, and draws the wall in. It is given up when ends is closed.
func (w *wall) fill(ends <-chan struct{}) {
	defer w.filling.Store(false)
	before := w.hollows.Load()
	o, _ := w.m.accounts.Overrun()
	if !w.announced {
		w.announced = true
		w.tell(&o, Overrunning{})
	}
	err := w.fillAll(ends, o.Size)
	if err == nil {
		w.drawn.Store(true)
		if w.hollows.Load() != before || w.digging.Load() > 0 {
			w.drawn.Store(false)
			return
		}
		err = w.in()
	}
	switch {
	case err == nil:
		w.failed = false
		w.tell(&o, Overrunning{Filled: true})
	case !errors.Is(err, errEnded):
		w.again = time.Now().Add(fillAgain)
		if !w.failed {
			w.failed = true
			w.tell(&o, Overrunning{Err: err})
		}
	}
}

// fillAgain is how long it takes until it is tried again what was in vain.
const fillAgain = 5 * time.Second

var (
	errEnded  = errors.New("ended")
	errHollow = errors.New("more holes count than the mount has room for: they were free before, or in a larger mount")
)

// fillAll allocates memory for all holes, which are no more than the size of the mount if they were promised as such. A
// region with a larger one got it in the moment when a server died.
func (w *wall) fillAll(ends <-chan struct{}, size int64) error {
	var hollow []accounts.Node
	sum := int64(0)
	w.m.accounts.Regions(func(n accounts.Node) bool {
		a, err := w.m.Getattr(NodeID(n))
		if err != nil {
			return true // it is gone
		}
		asked := w.m.accounts.Asked(n)
		holes := max(asked-a.Resident(), 0)
		// One that has more than was asked for may have it elsewhere: behind its holes, or past its end.
		if asked > 0 && asked != a.Resident() && holes <= size {
			sum += holes
			hollow = append(hollow, n)
		}
		return true
	})
	if sum > size {
		return errHollow
	}
	for _, n := range hollow {
		err := w.fillOne(n, ends)
		if err != nil && !errors.Is(err, Stale) && !errors.Is(err, NotFound) {
			return err
		}
	}
	return nil
}

// fillStep is how much is allocated at once, in bytes: writes to the region wait for it, some milliseconds.
const fillStep = 4 << 20

// fillOne allocates what a region was promised, also past its end: it may be about to become longer.
func (w *wall) fillOne(n accounts.Node, ends <-chan struct{}) error {
	f, err := w.m.Arena.Open(NodeID(n), WriteAccess)
	if err != nil {
		return err
	}
	defer f.Close()
	for off := int64(0); ; off += fillStep {
		select {
		case <-ends:
			return errEnded
		default:
		}
		step := min(w.m.accounts.Asked(n)-off, fillStep)
		if step <= 0 {
			return nil
		}
		if use, err := w.m.Physical(); err == nil && w.most != nil && w.most(int64(use.BytesUsed)) < int64(use.BytesUsed)+step {
			return NoMemory
		}
		if err := f.Allocate(off, step, AllocateKeepSize); err != nil {
			return err
		}
	}
}

// in draws the wall in to what is used. Somebody may write meanwhile: then a bit more is left.
func (w *wall) in() error {
	const most = 1 << 34
	for left := int64(0); ; left = max(2*left, 1<<20) {
		if err := w.drawIn(left); !errors.Is(err, Invalid) || left > most {
			return err
		}
	}
}

func (w *wall) drawIn(left int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	use, err := w.m.Physical()
	if err != nil || !w.drawn.Load() {
		return err
	}
	o, _ := w.m.accounts.Overrun()
	return w.resize(max(int64(use.BytesUsed)+left, o.Size-o.Kept), int64(use.BytesUsed))
}

// tell says that the mount is overrun, and by whom.
func (w *wall) tell(o *accounts.Overrun, x Overrunning) {
	most := accounts.Node(0)
	unasked := w.m.accounts.Unasked()
	for n, by := range unasked {
		if by > unasked[most] {
			most = n
		}
	}
	x.By = o.By
	if most != 0 {
		x.Region = w.m.Path(NodeID(most))
	}
	if !x.Filled && x.Err == nil {
		w.m.events.Add(events.Event{Kind: events.LimitWarning, Time: w.m.now(), Node: uint64(most), Reason: fmt.Sprintf(
			"the mount: %d bytes more than its size of %d were taken by writes that did not ask", o.By, o.Size)})
	}
	w.told(x)
}
