package fstest

import (
	"sync"
	"sync/atomic"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// caller is what a process and the kernel below it remember.
type caller struct {
	umask  atomic.Uint32
	append sync.Mutex // held over the end of a region and the write there; taken alone

	mu       sync.Mutex // guards the rest; taken alone
	held     map[regions.NodeID]*hold
	creating int                     // calls that may be about to hold a node which they made
	orphans  map[regions.NodeID]bool // nodes that lost their name while somebody was creating: maybe held in a moment
}

// hold is how often a node is open, and whether its last name is gone.
type hold struct {
	opens    int
	nameless bool
}

func (p *caller) id() fs.Caller { return fs.Caller{Umask: p.umask.Load()} }

// hold keeps a node from being forgotten.
func (p *caller) hold(n regions.NodeID, nameless bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.held[n]
	if h == nil {
		h = &hold{nameless: nameless || p.orphans[n]}
		p.held[n] = h
		delete(p.orphans, n)
	}
	h.opens++
}

// release ends a hold, and answers whether the node is to be forgotten.
func (p *caller) release(n regions.NodeID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.held[n]
	h.opens--
	if h.opens > 0 {
		return false
	}
	delete(p.held, n)
	return h.nameless
}

// setNameless takes note of a first or last name, and answers whether the node is to be forgotten.
func (p *caller) setNameless(n regions.NodeID, nameless bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.held[n]; h != nil {
		h.nameless = nameless
		return false
	}
	if nameless && p.creating > 0 {
		p.orphans[n] = true
		return false
	}
	return nameless
}

// beginCreate comes before a node is made that is to be held: the kernel locks the directory for as long.
func (p *caller) beginCreate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.creating++
}

// endCreate comes after the hold, and answers the nodes that are to be forgotten.
func (p *caller) endCreate() (forget []regions.NodeID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.creating--; p.creating > 0 {
		return nil
	}
	for n := range p.orphans {
		forget = append(forget, n)
	}
	clear(p.orphans)
	return forget
}
