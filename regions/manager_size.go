package regions

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmfs/shmfs/regions/accounts"
	"github.com/shmfs/shmfs/regions/events"
)

// Totals answers the sums, after reading the size of every region that may have grown unseen: a write through FUSE
// passthrough does not come by here.
func (m *Manager) Totals() Totals {
	m.Refresh()
	used := m.accounts.Mount().Used
	return Totals{Regions: used.Regions, Directories: used.Directories,
		Others: used.Nodes - used.Regions - used.Directories - m.accounts.Unnamed(), Bytes: used.Size}
}

// Refresh makes the accounts tell what is: after what was there before is counted, it looks at what may have changed
// unseen, because it is open for writing or mapped, or has no name. Of very many it looks at some thousands, at others
// the next time: that takes some tens of milliseconds at most.
func (m *Manager) Refresh() {
	m.Settled()
	all := m.users.unseen(refreshMost)
	var looking sync.WaitGroup
	for part := range slices.Chunk(all, max(refreshLeast, len(all)/runtime.GOMAXPROCS(0)+1)) {
		looking.Go(func() {
			for _, n := range part {
				if !m.users.quiet(n) {
					m.Getattr(n)
				}
			}
		})
	}
	looking.Wait()
	m.sweep(refreshMost)
}

const (
	refreshLeast = 64   // regions, of some 4 to 8 µs each, that are worth a goroutine
	refreshMost  = 4096 // regions
)

// headroom is memory beside the limit: for what grows before anybody can be asked.
type headroom struct {
	bytes atomic.Pointer[func(size int64) int64] // nil for none
}

// SetUnit says in which units memory is given, in bytes.
func (m *Manager) SetUnit(bytes int64) { m.accounts.SetUnit(bytes) }

// SetHeadroom says how much more memory the arena has than may be promised, for each size. Call it before SetSize.
func (m *Manager) SetHeadroom(of func(size int64) int64) { m.size.bytes.Store(&of) }

// physical is how large an arena must be to hold what may be promised.
func (m *Manager) physical(size int64) int64 {
	of := m.size.bytes.Load()
	if of == nil || size <= 0 || size == Unlimited {
		return size
	}
	return size + min((*of)(size), Unlimited-1-size)
}

// SetSize takes over the limit of an arena that has its size already.
func (m *Manager) SetSize(bytes int64) { m.accounts.SetSize(limited(bytes), true) }

func limited(bytes int64) int64 {
	if bytes == Unlimited {
		return 0
	}
	return bytes
}

// Resize changes the arena's limits while it lives, NotSupported if they are fixed. Zero leaves one as it is. A size
// below what is promised is refused.
func (m *Manager) Resize(bytes, nodes int64) error {
	r, ok := m.Arena.(Resizer)
	if !ok {
		return NotSupported
	}
	m.Settled()
	m.settings.Lock()
	defer m.settings.Unlock()
	old := m.accounts.Mount().Settings.Bytes
	if bytes > 0 {
		if err := m.ask(func() *accounts.Exceeded { return m.accounts.SetSize(limited(bytes), false) }); err != nil {
			return m.tooSmall(bytes, err)
		}
	}
	err := m.wall.set(r, m.physical(bytes), nodes)
	if err != nil && bytes > 0 {
		m.accounts.SetSize(old, true)
	}
	m.users.nudge()
	return err
}

// tooSmall says why a size is refused.
func (m *Manager) tooSmall(bytes int64, err error) error {
	s := m.accounts.Mount()
	reason := fmt.Sprintf("a size of %s is less than the %s that are promised", FormatSize(bytes), FormatSize(s.Used.Bytes+s.Kept))
	if s.Kept > 0 {
		reason += fmt.Sprintf(", %s of them reserved", FormatSize(s.Kept))
	}
	var r *Refusal
	if errors.As(err, &r) {
		return &Refusal{Code: Invalid, Reason: reason, Remedy: "remove regions (shmfs ls --sort size), or ask for more"}
	}
	return err
}

// Usage answers the size and use of the mount at a node: of the nearest directory above it that is limited.
func (m *Manager) Usage(node NodeID) (Usage, error) {
	u, err := m.Arena.Usage(node)
	if err != nil {
		return u, err
	}
	m.lookedUp(node)
	r := m.accounts.RoomAt(accounts.Node(node))
	if !r.Own && m.accounts.Overcommits(accounts.Node(RootNode)) {
		return u, nil // the arena itself is the limit
	}
	if r.HasBytes {
		u.Bytes, u.BytesUsed = full(r.Bytes, r.BytesUsed, pageSize)
	}
	if r.HasNodes {
		u.Nodes, u.NodesUsed = full(r.Nodes, r.NodesUsed, 1)
	}
	return u, nil
}

// full answers a size and its use. A size of nothing would be no limit: it is shown as one unit that is in use.
func full(size, used, unit int64) (uint64, uint64) {
	if size == 0 {
		return uint64(unit), uint64(unit)
	}
	return uint64(size), uint64(used)
}

// Physical answers what the arena itself says of its size and use.
func (m *Manager) Physical() (Usage, error) { return m.Arena.Usage(RootNode) }

// Crossing is a soft limit that was passed, or a limit that will be reached soon.
type Crossing struct {
	Subject string // "the directory models"
	What    string // "bytes", "regions"
	Limit   int64
	Used    int64
	In      time.Duration // until the limit is reached; 0 for a soft one, which was passed
}

// OnCrossing sets who is told when a soft limit is passed, and when a limit will be reached soon. He is called while a
// request is answered, and must not wait. Set it before the first request.
func (m *Manager) OnCrossing(f func(Crossing)) { m.crossed = f }

func (m *Manager) tellCrossings() {
	for _, c := range m.accounts.Crossings() {
		name, _ := m.whose(&accounts.Exceeded{Kind: c.Kind, ID: c.ID, Name: c.Name})
		e := events.Event{Kind: events.LimitWarning, Time: m.now(), Reason: warning(name, &c)}
		if c.Kind == accounts.OfDirectory {
			e.Node = c.ID
		}
		m.events.Add(e)
		m.crossed(Crossing{Subject: name, What: c.What.String(), Limit: c.Limit, Used: c.Used, In: c.In})
	}
}

// warning says what a crossing is.
func warning(whose string, c *accounts.Crossing) string {
	if c.In > 0 {
		return fmt.Sprintf("%s: %d of its limit of %d %s; it will be reached in %s if it goes on like this", whose, c.Used, c.Limit,
			c.What, c.In.Round(time.Second))
	}
	return fmt.Sprintf("%s: %d %s are more than its soft limit of %d", whose, c.Used, c.What, c.Limit)
}

// longestThrottle is how long a request that grows a region is held back where it takes the last that is left. It is no
// longer than a refusal takes.
const longestThrottle = 50 * time.Millisecond

// Throttle answers how long growing a region to end should be put off. It is for front ends, which know when somebody
// does not wait any more: before they ask for anything, and before they take a lock.
func (m *Manager) Throttle(node NodeID, end int64) time.Duration {
	return time.Duration(m.accounts.Throttle(accounts.Node(node), end) * float64(longestThrottle))
}

// paceSlot is how often it is asked how fast accounts grow, while they change. Nothing wakes up where nothing changes.
const paceSlot = 10 * time.Second

func (m *Manager) beginPace() time.Time {
	time.AfterFunc(paceSlot, m.pace)
	return m.now()
}

func (m *Manager) pace() {
	if m.accounts.Tick(m.now()) {
		time.AfterFunc(paceSlot, m.pace)
	}
	m.tellCrossings()
}
