package regions

import (
	"context"
	"sync"
	"time"
)

// An arena that held something before is walked once, and requests may change it meanwhile. So for as long as the walk
// takes, what requests do is also kept by node, and the walk counts only what no request has told of.

// news is what a request did to a node while the arena is walked.
type news uint8

const (
	isThere    news = iota + 1 // counted: by a request, or by the walk
	isGone                     // not to be counted, whatever the walk found
	hasChanged                 // not counted yet, and what the walk found of it may be old
)

// adoption is the state of the walk.
type adoption struct {
	mu    sync.Mutex    // guards the rest; the shards' locks are taken below it
	done  chan struct{} // closed at the end of the walk; nil if there is none to come
	walks int           // that were expected
}

// lateNews is for how long what requests do is kept after the end of the walk: one that made a directory before the
// end may tell of it a moment later.
const lateNews = 5 * time.Second

// expect begins to keep what requests do.
func (b *books) expect() {
	b.adoption.mu.Lock()
	defer b.adoption.mu.Unlock()
	if b.done != nil {
		return
	}
	b.done = make(chan struct{})
	b.walks++
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		s.news = make(map[NodeID]news)
		s.mu.Unlock()
	}
}

// complete ends the walk.
func (b *books) complete() {
	b.adoption.mu.Lock()
	defer b.adoption.mu.Unlock()
	close(b.done)
	b.done = nil
	walk := b.walks
	time.AfterFunc(lateNews, func() { b.forgetNews(walk) })
}

func (b *books) forgetNews(walk int) {
	b.adoption.mu.Lock()
	defer b.adoption.mu.Unlock()
	if walk != b.walks {
		return // there was another one since
	}
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		s.news = nil
		s.mu.Unlock()
	}
}

// wait waits for the end of a walk.
func (b *books) wait() {
	b.adoption.mu.Lock()
	done := b.done
	b.adoption.mu.Unlock()
	if done != nil {
		<-done
	}
}

// tell keeps what happened to a node. The shard's lock is held.
func (s *bookShard) tell(n NodeID, what news) {
	if s.news != nil {
		s.news[n] = what
	}
}

// found counts what the walk found. It answers whether the attributes must be read again.
func (b *books) found(a *Attr) (again bool) {
	s := &b.shards[shardIndex(a.Node)]
	s.mu.Lock()
	what := s.news[a.Node]
	_, known := s.entries[a.Node] // under another name, or moved since
	if known || what == isThere || what == isGone {
		s.mu.Unlock()
		return false
	}
	if a.IsRegion() {
		s.entries[a.Node] = bookEntry{size: a.Size, setID: hasSetID(a)}
	} else {
		s.tell(a.Node, isThere)
	}
	s.mu.Unlock()
	switch {
	case a.IsRegion():
		b.regions.Add(1)
		b.bytes.Add(a.Size)
	case a.IsDir():
		b.directories.Add(1)
	default:
		b.others.Add(1)
	}
	return what == hasChanged
}

// Expect says that Adopt is to follow, in the background: from here on requests may be served. Sums are answered when
// Adopt is done.
func (m *Manager) Expect() { m.books.expect() }

// Adopt counts what the arena holds already, and answers the sums.
func (m *Manager) Adopt(ctx context.Context) (Totals, error) {
	return m.adopt(ctx, func(NodeID) {})
}

// AdoptUsed adopts an arena that others served before: who maps its regions opened them there. So it also asks the kernel
// for every region whether somebody has it, and keeps those that are in use. That costs some 5 µs a region.
func (m *Manager) AdoptUsed(ctx context.Context) (Totals, error) {
	p, ok := m.Arena.(UseProber)
	if !ok {
		return m.Adopt(ctx)
	}
	return m.adopt(ctx, func(n NodeID) {
		if held, err := p.InUse(n); err == nil && held {
			m.users.found(n)
		}
	})
}

// adopt walks once, and calls fn for every region.
func (m *Manager) adopt(ctx context.Context, fn func(NodeID)) (Totals, error) {
	m.books.expect()
	err := m.survey(ctx, func(it Item) error {
		if m.books.found(&it.Attr) {
			m.Getattr(it.Attr.Node)
		}
		if it.Attr.IsRegion() {
			fn(it.Attr.Node)
		}
		return nil
	})
	m.books.complete()
	return m.books.totals(), err
}

// survey calls fn for every node, several at once where the arena can.
func (m *Manager) survey(ctx context.Context, fn func(Item) error) error {
	if s, ok := m.Arena.(Surveyor); ok {
		return s.Survey(ctx, false, fn)
	}
	return m.Arena.Walk(ctx, RootNode, fn)
}
