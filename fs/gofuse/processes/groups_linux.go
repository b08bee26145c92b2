//go:build linux

package processes

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Kind is which processes make a group: the fields of proc_pid_stat(5) that have its number.
type Kind int

// The kinds of groups.
const (
	ProcessGroup Kind = 5
	Session      Kind = 6
)

// WatchGroup calls gone once, when the last process of a group has ended that was there at a time since boot. Conditions
// are those of Watch. One process of the group is watched at a time: the kernel tells of its end, and then the next one is
// looked for, so nothing is asked in rounds.
func (w *Watcher) WatchGroup(kind Kind, id uint32, at time.Duration, gone func()) (cancel func(), err error) {
	g := &group{watcher: w, kind: kind, id: id, at: at, gone: gone}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.next(); err != nil {
		return nil, err
	}
	return g.end, nil
}

type group struct {
	watcher *Watcher
	kind    Kind
	id      uint32
	at      time.Duration
	gone    func()

	mu     sync.Mutex // guards the rest; held over the search for a process. Above the watcher's
	cancel func()
	over   bool
}

// next watches a living process of the group: ErrGone if there is none. The number of a group is that of its first process,
// and no other one gets it while there is one in the group.
func (g *group) next() error {
	if started, err := startOf(int32(g.id)); err == nil && started > g.at {
		return ErrGone // a later group of the number
	}
	for before := []int32(nil); ; {
		all := members(g.kind, g.id)
		for _, pid := range all {
			cancel, err := g.watcher.Watch(uint32(pid), Boot(), func() { go g.lost() })
			if errors.Is(err, ErrGone) {
				continue // it is a zombie, or went just now, and may have made another one before
			}
			g.cancel = cancel
			return err
		}
		if slices.Equal(all, before) {
			return ErrGone
		}
		before = all
	}
}

// lost looks for the next process. Where none can be watched for want of descriptors, it is tried again.
func (g *group) lost() {
	const pause = time.Second
	for {
		g.mu.Lock()
		if g.over {
			g.mu.Unlock()
			return
		}
		err := g.next()
		g.over = errors.Is(err, ErrGone)
		over := g.over
		g.mu.Unlock()
		switch {
		case over:
			g.gone()
			return
		case err == nil:
			return
		}
		time.Sleep(pause)
	}
}

func (g *group) end() {
	g.mu.Lock()
	g.over = true
	cancel := g.cancel
	g.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// members lists the processes of a group, zombies among them.
func members(kind Kind, id uint32) []int32 {
	all, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []int32
	for _, e := range all {
		pid, err := strconv.ParseInt(e.Name(), 10, 32)
		if err != nil {
			continue
		}
		if n, err := statNumber(int32(pid), int(kind)); err == nil && n == uint64(id) {
			found = append(found, int32(pid))
		}
	}
	return found
}

// statNumber reads a number of /proc/PID/stat by its field, counted from 1: ErrGone if there is no such process.
func statNumber(pid int32, field int) (uint64, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(int(pid)) + "/stat")
	if err != nil {
		return 0, ErrGone
	}
	const name = 2 // the field that ends with ')', and may have spaces and more of these
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if field -= name + 1; field >= len(fields) {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields)+name)
	}
	return strconv.ParseUint(fields[field], 10, 64)
}
