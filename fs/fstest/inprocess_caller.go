package fstest

import (
	"sync"
	"sync/atomic"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// caller is what a process and the kernel below it remember.
type caller struct {
	tree   *fs.Tree
	umask  atomic.Uint32
	append sync.Mutex // held over the end of a region and the write there; below directories

	directories [64]sync.Mutex // by node; taken first, two in order of their index

	// mu guards held. It is held over Forget, so that nobody can hold a node that is just being forgotten.
	mu   sync.Mutex
	held map[regions.NodeID]*hold
}

// hold is how often a node is open, and whether its last name is gone.
type hold struct {
	opens    int
	nameless bool
}

func (p *caller) id() fs.Caller { return fs.Caller{Umask: p.umask.Load()} }

// lock keeps the names in two directories, or in one, as they are for everybody else, as the kernel does for as long as
// a call changes one of them (lock_rename, Linux fs/namei.c).
func (p *caller) lock(a, b regions.NodeID) (unlock func()) {
	low, high := uint64(a)%64, uint64(b)%64
	low, high = min(low, high), max(low, high)
	p.directories[low].Lock()
	if low == high {
		return p.directories[low].Unlock
	}
	p.directories[high].Lock()
	return func() {
		p.directories[high].Unlock()
		p.directories[low].Unlock()
	}
}

// hold keeps a node from being forgotten.
func (p *caller) hold(n regions.NodeID, nameless bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.held[n]
	if h == nil {
		h = &hold{nameless: nameless}
		p.held[n] = h
	}
	h.opens++
}

// release ends a hold. A node without a name that nobody holds is forgotten, as the kernel does with its inode.
func (p *caller) release(n regions.NodeID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.held[n]
	h.opens--
	if h.opens > 0 {
		return
	}
	delete(p.held, n)
	if h.nameless {
		p.tree.Forget(n)
	}
}

// setNameless takes note of a first or last name.
func (p *caller) setNameless(n regions.NodeID, nameless bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.held[n]; h != nil {
		h.nameless = nameless
	} else if nameless {
		p.tree.Forget(n)
	}
}
