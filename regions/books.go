package regions

import (
	"sync"
	"time"
)

// Totals are the sums of an arena. Bytes is the sum of the sizes of regions, holes included. A region without a name
// is not counted.
type Totals struct {
	Regions, Directories, Others, Bytes int64
}

// books knows of each named region what would otherwise be asked for: how it was used, and what it has not.
type books struct {
	shards [shardCount]bookShard
	begun  time.Time // with the clock that is not stepped
}

const shardCount = 64

// shardIndex spreads nodes: inode numbers are consecutive, generations random.
func shardIndex(n NodeID) uint64 { return (uint64(n) ^ uint64(n)>>32) % shardCount }

type bookShard struct {
	mu      sync.Mutex // guards entries; nothing is taken below it
	entries map[NodeID]bookEntry
}

type bookEntry struct {
	used  uint32 // seconds from begun, plus 1, to when it was last opened or closed; 0 is not since the server started
	setID bool   // whether its mode has bits that a write takes away
	plain bool   // known to have no extended attributes but system. ones and the arena's own
	free  bool   // known to be neither sealed nor a share
}

func newBooks(now time.Time) *books {
	b := &books{begun: now.Add(-time.Duration(now.Nanosecond()))}
	for i := range b.shards {
		b.shards[i].entries = make(map[NodeID]bookEntry)
	}
	return b
}

// made takes note of a region's first name. What is known of it stays.
func (b *books) made(a *Attr) {
	if !a.IsRegion() {
		return
	}
	s := &b.shards[shardIndex(a.Node)]
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[a.Node]
	e.setID = hasSetID(a)
	s.entries[a.Node] = e
}

// found takes note of a region that was there before, unless it is known.
func (b *books) found(a *Attr) {
	if !a.IsRegion() {
		return
	}
	s := &b.shards[shardIndex(a.Node)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.entries[a.Node]; !known {
		s.entries[a.Node] = bookEntry{setID: hasSetID(a)}
	}
}

func hasSetID(a *Attr) bool { return KilledMode(a.Mode) != a.Mode }

// seen takes note of a region's attributes. A region that is not in the books stays out of them: it has no name (any
// more), and attributes read before its last name went must not bring it back.
func (b *books) seen(a *Attr) { b.update(a.Node, func(e *bookEntry) { e.setID = hasSetID(a) }) }

// touched takes note that a region was used, and answers whether that is the first time in this second.
func (b *books) touched(n NodeID, now time.Time) bool {
	return b.update(n, func(e *bookEntry) { e.used = uint32(max(now.Sub(b.begun), 0)/time.Second) + 1 })
}

func (b *books) update(n NodeID, change func(*bookEntry)) (changed bool) {
	s := &b.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.entries[n]
	if !known {
		return false
	}
	old := e
	change(&e)
	if e == old {
		return false
	}
	s.entries[n] = e
	return true
}

// setID answers whether a region's mode has bits that a write takes away, and whether that is known.
func (b *books) setID(n NodeID) (set, known bool) {
	s := &b.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.entries[n]
	return e.setID, known
}

// isPlain answers whether a region is known to have no extended attributes.
func (b *books) isPlain(n NodeID) bool {
	s := &b.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[n].plain
}

// setPlain takes note whether a region has extended attributes.
func (b *books) setPlain(n NodeID, plain bool) { b.update(n, func(e *bookEntry) { e.plain = plain }) }

// lastUsed answers when a region was last opened or closed, the zero time if not since the server started.
func (b *books) lastUsed(n NodeID) time.Time {
	s := &b.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[n]; e.used != 0 {
		return b.begun.Add(time.Duration(e.used-1) * time.Second)
	}
	return time.Time{}
}

// isFree answers whether a region is known to be neither sealed nor a share.
func (b *books) isFree(n NodeID) bool {
	s := &b.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[n]
	return e.plain || e.free
}

func (b *books) setFree(n NodeID, free bool) { b.update(n, func(e *bookEntry) { e.free = free }) }

// removed takes note that a name is gone; a are the node's attributes afterwards.
func (b *books) removed(a *Attr) {
	if a.Node != NoNode && a.Nlink == 0 && a.IsRegion() {
		b.gone(a.Node)
	}
}

func (b *books) gone(n NodeID) {
	s := &b.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, n)
}
