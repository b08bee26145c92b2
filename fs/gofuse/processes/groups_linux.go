//go:build linux

package processes

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Kind is which processes make a group.
type Kind uint8

// The kinds of groups.
const (
	ProcessGroup Kind = iota
	Session           // of setsid(2)
	memoryCgroup
)

// groupKey is what a group is known by.
type groupKey struct {
	kind Kind
	id   uint32
	path string // of a cgroup
}

// WatchGroup calls gone once, when the last process of a group has ended that was there at a time since boot. Conditions
// are those of Watch. However many ask for a group, one process of it is watched at a time: the kernel tells of its end,
// and then the next one is looked for, so nothing is asked in rounds.
func (w *Watcher) WatchGroup(kind Kind, id uint32, at time.Duration, gone func()) (cancel func(), err error) {
	started, err := startOf(int32(id))
	if err != nil {
		started = 0 // the first process has ended, and the others have its number still
	}
	if started > at {
		return nil, ErrGone // a later group of the number
	}
	return w.join(groupKey{kind: kind, id: id}, at, started, gone)
}

// join asks for a group, whose first process started at a time.
func (w *Watcher) join(key groupKey, at, started time.Duration, gone func()) (cancel func(), err error) {
	for {
		cancel, err = w.groupOf(key).join(at, started, gone)
		if !errors.Is(err, errOver) {
			return cancel, err
		}
	}
}

// errOver says that a group was gone before it could be asked for.
var errOver = errors.New("the group is not watched any more")

func (w *Watcher) groupOf(key groupKey) *group {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.groups[key]
	if g == nil {
		g = &group{watcher: w, key: key, gone: map[uint64]func(){}}
		w.groups[key] = g
	}
	return g
}

// group is a group that somebody asked for.
type group struct {
	watcher *Watcher
	key     groupKey

	mu      sync.Mutex // guards the rest; held over the search for a process. Above the watcher's
	gone    map[uint64]func()
	next    uint64
	at      time.Duration // the last time at which it was there
	found   []int32       // processes of it that are not looked at yet
	watched int32
	turn    int // of what is watched
	cancel  func()
	asking  *time.Timer
	over    bool
}

func (g *group) join(at, started time.Duration, gone func()) (cancel func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.over:
		return nil, errOver
	case len(g.gone) > 0 && started > g.at: // what was watched had the number before
		go tell(g.endLocked())
		return nil, errOver
	case len(g.gone) == 0:
		g.at = at
		if err := g.seek(); err != nil {
			g.endLocked()
			return nil, err
		}
	}
	g.at = max(g.at, at)
	g.next++
	id := g.next
	g.gone[id] = gone
	return func() { g.leave(id) }, nil
}

func (g *group) leave(id uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if delete(g.gone, id); len(g.gone) == 0 && !g.over {
		g.endLocked()
	}
}

// endLocked ends the watch, and answers who is to be told.
func (g *group) endLocked() []func() {
	g.over = true
	g.let()
	g.watcher.mu.Lock()
	if g.watcher.groups[g.key] == g {
		delete(g.watcher.groups, g.key)
	}
	g.watcher.mu.Unlock()
	all := make([]func(), 0, len(g.gone))
	for _, f := range g.gone {
		all = append(all, f)
	}
	clear(g.gone)
	return all
}

// let ends the watch of a process.
func (g *group) let() {
	g.turn++
	if g.cancel != nil {
		g.cancel()
	}
	g.cancel = nil
	if g.asking != nil {
		g.asking.Stop()
	}
}

// seek watches a living process of the group: ErrGone if there is none. That is so if two searches one after the other find
// the same: what ended just now may have made another process before.
func (g *group) seek() error {
	var before []int32
	for searched := false; ; searched = true {
		for len(g.found) > 0 {
			pid := g.found[0]
			g.found = g.found[1:]
			if err := g.watch(pid); !errors.Is(err, ErrGone) {
				return err
			}
		}
		if started, err := startOf(int32(g.key.id)); err == nil && started > g.at {
			return ErrGone // a later group of the number
		}
		all, err := g.key.members()
		if err != nil {
			return err
		}
		if searched && slices.Equal(all, before) {
			return ErrGone
		}
		g.found, before = all, all
	}
}

// watch watches a process, if it is of the group: ErrGone if it is not, or is a zombie.
func (g *group) watch(pid int32) error {
	if here, err := g.key.has(pid); err != nil || !here {
		return cmp.Or(err, ErrGone)
	}
	g.turn++
	turn := g.turn
	cancel, err := g.watcher.Watch(uint32(pid), Boot(), func() { go g.lost(turn) })
	if err != nil {
		return err
	}
	g.cancel, g.watched = cancel, pid
	g.ask(turn, firstAsk)
	return nil
}

// lost looks for the next process. Where none can be watched for want of descriptors, it is tried again.
func (g *group) lost(turn int) {
	const pause = time.Second
	for {
		g.mu.Lock()
		if g.over || g.turn != turn {
			g.mu.Unlock()
			return
		}
		g.let()
		err := g.seek()
		var all []func()
		if errors.Is(err, ErrGone) {
			all = g.endLocked()
		}
		turn = g.turn
		g.mu.Unlock()
		if err == nil || all != nil {
			tell(all)
			return
		}
		time.Sleep(pause)
	}
}

// A process can leave its group (setsid(2), setpgid(2), another cgroup), as a daemon does just after its parent has ended,
// and nobody tells. The first one of a group, whose number it is, hardly does. Of any other one that is watched it is asked,
// ever less often.
const (
	firstAsk = 20 * time.Millisecond
	lastAsk  = time.Minute
)

// ask asks in a while whether the process that is watched is still of the group.
func (g *group) ask(turn int, in time.Duration) {
	if g.watched == int32(g.key.id) {
		return
	}
	g.asking = time.AfterFunc(in, func() {
		g.mu.Lock()
		if g.over || g.turn != turn {
			g.mu.Unlock()
			return
		}
		if here, err := g.key.has(g.watched); here || err != nil {
			g.ask(turn, min(2*in, lastAsk))
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		g.lost(turn)
	})
}

// has reports whether a process is of the group, be it a zombie.
func (k groupKey) has(pid int32) (bool, error) {
	var n int
	var err error
	switch k.kind {
	case memoryCgroup:
		all, err := k.members()
		return slices.Contains(all, pid), err
	case Session:
		n, err = unix.Getsid(int(pid))
	default:
		n, err = unix.Getpgid(int(pid))
	}
	return err == nil && n == int(k.id), nil // an error says that there is no such process
}

// members lists the processes of a group, zombies among them, that which has its number first.
func (k groupKey) members() ([]int32, error) {
	if k.kind == memoryCgroup {
		return cgroupMembers(k.path)
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, full(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, full(err)
	}
	var found []int32
	for _, name := range names {
		pid, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			continue
		}
		if here, _ := k.has(int32(pid)); here {
			found = append(found, int32(pid))
		}
	}
	if i := slices.Index(found, int32(k.id)); i > 0 {
		found[0], found[i] = found[i], found[0]
	}
	return found, nil
}
