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
	adoption
}

const shardCount = 64

// shardIndex spreads nodes: inode numbers are consecutive, generations random.
func shardIndex(n NodeID) uint64 { return (uint64(n) ^ uint64(n)>>32) % shardCount }

type bookShard struct {
	mu      sync.Mutex // guards entries and news; nothing is taken below it
	entries map[NodeID]bookEntry
	news    map[NodeID]news // what happened while the arena is walked; nil when it is not
}

type bookEntry struct {
	size  int64
	used  uint32 // seconds since 1970 when it was last opened or closed; 0 is not since the server started
	setID bool   // whether its mode has bits that a write takes away
	plain bool   // known to have no extended attributes but system. ones and the arena's own
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
		s.entries[a.Node] = bookEntry{size: a.Size, used: old.used, setID: hasSetID(a), plain: old.plain}
		s.tell(a.Node, isThere)
		s.mu.Unlock()
		if !known {
			b.regions.Add(1)
		}
		b.bytes.Add(a.Size - old.size)
	default:
		b.count(a, 1)
	}
}

// count takes note that a node that is no region came or went.
func (b *books) count(a *Attr, by int64) {
	s := &b.shards[shardIndex(a.Node)]
	s.mu.Lock()
	there := s.news[a.Node] == isThere
	counted := by > 0 && there                  // the walk was faster than who tells of it
	unseen := by < 0 && s.news != nil && !there // the walk has not counted it, and will not
	if by > 0 {
		s.tell(a.Node, isThere)
	} else {
		s.tell(a.Node, isGone)
	}
	s.mu.Unlock()
	switch {
	case counted, unseen:
	case a.IsDir():
		b.directories.Add(by)
	default:
		b.others.Add(by)
	}
}

func hasSetID(a *Attr) bool { return KilledMode(a.Mode) != a.Mode }

// seen takes note of a region's attributes. A region that is not in the books stays out of them: it has no name (any
// more), and attributes read before its last name went must not bring it back.
func (b *books) seen(a *Attr) {
	b.update(a.Node, func(e *bookEntry) { e.size, e.setID = a.Size, hasSetID(a) })
}

// resized takes note of a region's size.
func (b *books) resized(n NodeID, size int64) { b.update(n, func(e *bookEntry) { e.size = size }) }

// grown takes note that a region reaches at least to end.
func (b *books) grown(n NodeID, end int64) {
	b.update(n, func(e *bookEntry) { e.size = max(e.size, end) })
}

// touched takes note that a region was used.
func (b *books) touched(n NodeID, now time.Time) {
	b.update(n, func(e *bookEntry) { e.used = uint32(now.Unix()) })
}

func (b *books) update(n NodeID, change func(*bookEntry)) {
	s := &b.shards[shardIndex(n)]
	s.mu.Lock()
	e, known := s.entries[n]
	if !known {
		if s.news != nil && s.news[n] == 0 {
			s.news[n] = hasChanged
		}
		s.mu.Unlock()
		return
	}
	old := e
	change(&e)
	if e != old {
		s.entries[n] = e
	}
	s.mu.Unlock()
	if e.size != old.size {
		b.bytes.Add(e.size - old.size)
	}
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
		return time.Unix(int64(e.used), 0)
	}
	return time.Time{}
}

// removed takes note that a name is gone; a are the node's attributes afterwards.
func (b *books) removed(a *Attr) {
	switch {
	case a.Node == NoNode || a.Nlink > 0:
	case a.IsRegion():
		b.forget(a.Node)
	default:
		b.count(a, -1)
	}
}

// forget takes a region out of the sums.
func (b *books) forget(n NodeID) {
	s := &b.shards[shardIndex(n)]
	s.mu.Lock()
	e, known := s.entries[n]
	delete(s.entries, n)
	s.tell(n, isGone)
	s.mu.Unlock()
	if known {
		b.regions.Add(-1)
		b.bytes.Add(-e.size)
	}
}

// totals answers the sums, as soon as they are known.
func (b *books) totals() Totals {
	b.wait()
	return Totals{
		Regions:     b.regions.Load(),
		Directories: b.directories.Load(),
		Others:      b.others.Load(),
		Bytes:       b.bytes.Load(),
	}
}
