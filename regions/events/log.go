package events

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is what happened. Kinds are words of an interface: they are never changed.
type Kind string

// The kinds.
const (
	Created         Kind = "created"
	Sized           Kind = "sized"
	Opened          Kind = "opened"
	Released        Kind = "released"
	Deleted         Kind = "deleted"
	Refused         Kind = "refused"
	LimitWarning    Kind = "limit_warning"
	ServerRestarted Kind = "server_restarted"
	OwnerGone       Kind = "owner_gone"
	Orphaned        Kind = "orphaned"
	Expired         Kind = "expired"
	InUse           Kind = "in_use"
	EndFailed       Kind = "end_failed"
	Zeroed          Kind = "zeroed"
	SessionEnded    Kind = "session_ended"
	MemoryPressure  Kind = "memory_pressure"
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{Created, Sized, Opened, Released, Deleted, Refused, LimitWarning, ServerRestarted, OwnerGone, Orphaned, Expired, InUse,
		EndFailed, Zeroed, SessionEnded, MemoryPressure}
}

// Event is one thing that happened. What is not known, or means nothing, is zero.
type Event struct {
	Seq    uint64
	Time   time.Time
	Kind   Kind
	Node   uint64
	Dir    uint64 // the directory in which it had Name
	Name   string
	Path   string // where it was; "" to find out from Dir and Name, or Node
	ID     uint64
	PID    uint32
	UID    uint32
	Caller bool // whether PID and UID are known: a process asked for it
	Size   int64
	Sized  bool  // whether Size is known
	Code   uint8 // of a refusal, a regions.Code
	Op     string
	Reason string
	Remedy string
}

// Kept is how many events a log keeps.
const Kept = 8192

// Log keeps the last events. All methods may be called at once.
type Log struct {
	followers atomic.Int32
	observe   func(Event) // nil for nobody

	mu    sync.Mutex // guards the rest; taken alone
	ring  []Event    // event s stands at s % Kept, as far as it has grown
	first uint64     // number of the first event of this log
	last  uint64     // number of the last one
	wake  chan struct{}
	note  func(last uint64)
}

// New makes a log whose first event has the number last+1. Note is told of every number that is given out, for the next
// server; nil for nobody.
func New(last uint64, note func(last uint64)) *Log {
	if note == nil {
		note = func(uint64) {}
	}
	return &Log{first: last + 1, last: last, note: note}
}

// longest is how much is kept of a text, in bytes: of a path, what a system call takes (PATH_MAX). Paths may be longer, and
// what a user wrote may be 64 KiB; with that he would fill the server's memory.
const longest = 4096

// Brief answers a text as it is kept.
func Brief(s string) string {
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "..."
}

// Add keeps an event, and gives it its number.
func (l *Log) Add(e Event) {
	e.Path, e.Reason, e.Remedy = Brief(e.Path), Brief(e.Reason), Brief(e.Remedy)
	l.mu.Lock()
	l.last++
	e.Seq = l.last
	if i := e.Seq - l.first; i < Kept {
		l.ring = append(l.ring, e)
	} else {
		l.ring[i%Kept] = e
	}
	l.note(l.last)
	wake := l.wake
	l.wake = nil
	l.mu.Unlock()
	if wake != nil {
		close(wake)
	}
	if l.observe != nil {
		l.observe(e)
	}
}

// Observe sets who is told of every event, by whoever tells it. Call it before the first.
func (l *Log) Observe(f func(Event)) { l.observe = f }

// Followed reports whether somebody waits for events.
func (l *Log) Followed() bool { return l.Followers() > 0 }

// Followers answers how many wait.
func (l *Log) Followers() int { return int(l.followers.Load()) }

// Last answers the number of the last event.
func (l *Log) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Since answers at most `most` events after number after, oldest first, and how many that are no longer kept it left
// out. Numbers of an earlier server are no loss of this one's.
func (l *Log) Since(after uint64, most int) (all []Event, missed uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := max(after+1, l.first)
	if kept := l.last - uint64(len(l.ring)) + 1; next < kept {
		missed, next = kept-next, kept
	}
	for ; next <= l.last && len(all) < most; next++ {
		all = append(all, l.ring[(next-l.first)%Kept])
	}
	return all, missed
}

// Follower waits for events.
type Follower struct {
	log   *Log
	after uint64
}

// Follow begins to wait for what happens from now on. Close must follow.
func (l *Log) Follow() *Follower {
	l.followers.Add(1)
	return &Follower{log: l, after: l.Last()}
}

// FollowAll is Follow from the first event of this log on.
func (l *Log) FollowAll() *Follower {
	l.followers.Add(1)
	return &Follower{log: l, after: l.first - 1}
}

// Close ends it.
func (f *Follower) Close() { f.log.followers.Add(-1) }

// Next answers at most `most` events that were not answered before, and how many were missed; it waits until there is
// one, or ctx ends.
func (f *Follower) Next(ctx context.Context, most int) (all []Event, missed uint64, err error) {
	for {
		changed := f.log.changed(f.after)
		all, missed = f.log.Since(f.after, most)
		if len(all) > 0 {
			f.after = all[len(all)-1].Seq
			return all, missed, nil
		}
		if changed == nil {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// Ready reports whether Next would not wait.
func (f *Follower) Ready() bool { return f.log.Last() > f.after }

// changed answers what is closed with the next event; nil if there is one after number after already.
func (l *Log) changed(after uint64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last > after {
		return nil
	}
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return l.wake
}
