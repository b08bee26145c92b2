package regions

import (
	"sync"
	"sync/atomic"
	"time"
)

// Totals are the sums of an arena. Bytes is the sum of the sizes of regions, holes included. A region without a name
// is not counted.
type Totals struct {
	Regions, Directories, Others, Bytes int64
}

// books knows each named region's last seen size and use, so that sums are exact without walking: whoever sees an
// attribute tells it here. It costs some 50 bytes a region (a map of three words, in shards).
type books struct {
	regions, directories, others, bytes atomic.Int64
	shards                              [shardCount]bookShard
}

const shardCount = 64

// shardIndex spreads nodes: inode numbers are consecutive, generations random.
func shardIndex(n NodeID) uint64 { return (uint64(n) ^ uint64(n)>>32) % shardCount }

type bookShard struct {
	mu      sync.Mutex // guards entries; taken alone
	entries map[NodeID]bookEntry
}

type bookEntry struct {
	size int64
	used uint32 // seconds since 1970 when it was last opened or closed; 0 is not since the server started
}

func newBooks() *books {
	b := &books{}
	for i := range b.shards {
		b.shards[i].entries = make(map[NodeID]bookEntry)
	}
	return b
}

// made takes note of a node's first name.
func (b *books) made(a *Attr) {
	switch {
	case a.IsRegion():
		s := &b.shards[shardIndex(a.Node)]
		s.mu.Lock()
		old, known := s.entries[a.Node]
		s.entries[a.Node] = bookEntry{a.Size, old.used}
		s.mu.Unlock()
		if !known {
			b.regions.Add(1)
		}
		b.bytes.Add(a.Size - old.size)
	case a.IsDir():
		b.directories.Add(1)
	default:
		b.others.Add(1)
	}
}

// resized takes note of a region's size. A region that is not in the books stays out of them: it has no name (any
// more), and an attribute read before its last name went must not bring it back.
func (b *books) resized(n NodeID, size int64) { b.update(n, func(int64) int64 { return size }) }

// grown takes note that a region reaches at least to end.
func (b *books) grown(n NodeID, end int64) {
	b.update(n, func(size int64) int64 { return max(size, end) })
}

func (b *books) update(n NodeID, size func(old int64) int64) {
	s := &b.shards[shardIndex(n)]
	s.mu.Lock()
	e, known := s.entries[n]
	delta := int64(0)
	if known {
		now := size(e.size)
		delta = now - e.size
		if delta != 0 {
			s.entries[n] = bookEntry{now, e.used}
		}
	}
	s.mu.Unlock()
	if delta != 0 {
		b.bytes.Add(delta)
	}
}

// touched takes note that a region was used.
func (b *books) touched(n NodeID, now time.Time) {
	s := &b.shards[shardIndex(n)]
	s.mu.Lock()
	if e, known := s.entries[n]; known {
		s.entries[n] = bookEntry{e.size, uint32(now.Unix())}
	}
	s.mu.Unlock()
}

// lastUsed answers when a region was last opened or closed, the zero time if not since the server started.
func (b *books) lastUsed(n NodeID) time.Time {
	s := &b.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[n]; e.used != 0 {
		return time.Unix(int64(e.used), 0)
	}
	return time.Time{}
}

// removed takes note that a name is gone; a are the node's attributes afterwards.
func (b *books) removed(a *Attr) {
	switch {
	case a.Node == NoNode || a.Nlink > 0:
	case a.IsDir():
		b.directories.Add(-1)
	case a.IsRegion():
		b.forget(a.Node)
	default:
		b.others.Add(-1)
	}
}

// forget takes a region out of the sums.
func (b *books) forget(n NodeID) {
	s := &b.shards[shardIndex(n)]
	s.mu.Lock()
	e, known := s.entries[n]
	delete(s.entries, n)
	s.mu.Unlock()
	if known {
		b.regions.Add(-1)
		b.bytes.Add(-e.size)
	}
}

func (b *books) totals() Totals {
	return Totals{
		Regions:     b.regions.Load(),
		Directories: b.directories.Load(),
		Others:      b.others.Load(),
		Bytes:       b.bytes.Load(),
	}
}
