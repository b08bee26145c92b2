package regions

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Whether a region is mapped that nobody has open, only the kernel knows, at some 3 µs for each. What was found free is free
// until it is opened again; who has mapped one is asked for each time, because the end of a mapping is told by nobody.

func (u *users) quietAll(nodes []NodeID) {
	for _, n := range nodes {
		u.quiet(n)
	}
}

// quiet looks at a region for the last time if nobody has it who could write to it, and answers whether that is so. It
// stays idle.
func (u *users) quiet(n NodeID) bool {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.users[n]
	if x == nil || !x.wrote {
		return true
	}
	if x.opens > 0 || u.probe == nil {
		return false
	}
	held, err := u.askLocked(n, x)
	return err == nil && !held
}

// remember makes a region idle that nobody has open, and that was open for writing before: so that it is registered still, and
// asked for later.
func (u *users) remember(n NodeID) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	known := s.users[n] != nil
	if !known && u.probe != nil {
		s.users[n] = &user{wrote: true, idle: true}
	}
	s.mu.Unlock()
	if !known && u.probe != nil {
		oldest, _ := u.makeIdle(n)
		u.leaveIdle(oldest)
	}
}

// ask answers whether somebody has a region. One that nobody has stays idle.
func (u *users) ask(n NodeID) (held bool) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.users[n]
	switch {
	case x == nil || x.free || x.let:
		return false
	case x.opens > 0:
		return true
	}
	held, err := u.askLocked(n, x)
	switch {
	case cannotTell(err):
		return true
	case err != nil: // it is gone
		u.freeLocked(s, n)
	}
	return held
}

// askLocked asks the kernel for a region that is not open.
func (u *users) askLocked(n NodeID, x *user) (held bool, err error) {
	held, err = u.probe(n)
	if err != nil {
		return false, err
	}
	x.held, x.free = held, !held
	if x.free && x.wrote {
		u.written(n)
		x.wrote = false
	}
	return held, nil
}

// doubt takes note that somebody is about to have a region who has not opened it: a share of it is opened, by the kernel, behind
// our answer. Whoever asks before that finds nobody. So from the first time on, what was let go of is asked for again before it ends.
func (u *users) doubt(n NodeID) {
	u.shared.Store(true)
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.users[n]; x != nil {
		x.let, x.free = false, false
	}
}

const (
	// askLeast is how many regions are always asked for.
	askLeast = 2048
	// askTime bounds how long it is asked for others.
	askTime = 40 * time.Millisecond
	// askPause lets requests go first, where nobody waits for the answers.
	askPause = 100 * time.Microsecond
)

// held answers how many regions are in use and how many descriptors are open. Of those that may be mapped and are not open
// it asks for askLeast, and for more as far as it comes in askTime, first for those that nobody has asked for yet. The rest
// counts as when it was last asked for, and is asked for behind the answer.
func (u *users) held() (regions, opens int) {
	var unknown, mapped []NodeID
	for i := range u.shards {
		s := &u.shards[i]
		s.mu.Lock()
		for n, x := range s.users {
			switch {
			case x.opens > 0:
				regions++
				opens += int(x.opens)
			case x.free || x.let || u.probe == nil:
			case x.held:
				mapped = append(mapped, n)
			default:
				unknown = append(unknown, n)
			}
		}
		s.mu.Unlock()
	}
	known := len(mapped)
	all := append(unknown, mapped...)
	held, asked := u.askAll(all)
	rest := all[asked:]
	u.askBehind(rest)
	return regions + held + min(len(rest), known), opens
}

// askAll asks for regions in their order, as far as it comes, and answers how many of those that it came to are held.
func (u *users) askAll(all []NodeID) (held, asked int) {
	end := time.Now().Add(askTime)
	var next, count atomic.Int64
	var asking sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(all)/refreshLeast+1) {
		asking.Go(func() {
			for next.Load() < askLeast || time.Now().Before(end) {
				from := int(next.Add(refreshLeast)) - refreshLeast
				if from >= len(all) {
					return
				}
				for _, n := range all[from:min(from+refreshLeast, len(all))] {
					if u.ask(n) {
						count.Add(1)
					}
				}
			}
		})
	}
	asking.Wait()
	return int(count.Load()), min(int(next.Load()), len(all))
}

// askBehind asks for regions, unless somebody does.
func (u *users) askBehind(all []NodeID) {
	if len(all) == 0 || u.asking.Swap(true) {
		return
	}
	go func() {
		defer u.asking.Store(false)
		for i, n := range all {
			u.ask(n)
			if i%refreshLeast == 0 {
				time.Sleep(askPause)
			}
		}
	}()
}
