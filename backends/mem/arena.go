package mem

import (
	"sync"
	"time"

	"github.com/shmfs/shmfs/regions"
)

// Options are what an arena is made with. The zero value is one without limits, in Go's heap.
type Options struct {
	// Bytes limits allocated memory, rounded up to whole pages; 0 and regions.Unlimited are no limit.
	Bytes int64
	// Nodes limits how many nodes there are. The root counts, and so does each further name of a node, as in tmpfs.
	// Extended attributes take from it as well, 1 KiB a node. 0 and regions.Unlimited are no limit.
	Nodes int64
	// Mode, UID and GID are the root's. Mode 0 is 01777, as for tmpfs.
	Mode     uint32
	UID, GID uint32
	// Store gives memory to regions; nil is Go's heap. An arena never calls a Memory's methods at once, except
	// those that only read.
	Store regions.Store
	// Now is the clock; nil is the system's.
	Now func() time.Time
}

// Arena is a tree of nodes in memory.
type Arena struct {
	store  regions.Store
	clock  func() time.Time
	limits limits

	mu    sync.RWMutex     // guards the rest and every node's names; taken first
	nodes map[uint32]*node // by inode number
	last  regions.NodeID   // the last one handed out
}

var (
	_ regions.Arena   = (*Arena)(nil)
	_ regions.Copier  = (*Arena)(nil)
	_ regions.Resizer = (*Arena)(nil)
	_ regions.Pather  = (*Arena)(nil)
	// Left out: regions.Descriptor (no file of a kernel stands behind a region), regions.UseProber (nobody can map one).
)

// New makes an arena that holds an empty root.
func New(o Options) *Arena {
	a := &Arena{store: o.Store, clock: o.Now, nodes: map[uint32]*node{}, last: regions.MakeNodeID(1, 1)}
	if a.store == nil {
		a.store = heap{}
	}
	if a.clock == nil {
		a.clock = time.Now
	}
	if o.Mode == 0 {
		o.Mode = 0o1777
	}
	a.limits.bytes, a.limits.space = roundUp(o.Bytes), spaceOf(o.Nodes)
	a.limits.spaceUsed = nodeSpace
	a.nodes[regions.RootNode.Ino()] = a.newRoot(o)
	return a
}

func (a *Arena) newRoot(o Options) *node {
	root := &node{id: regions.RootNode, kind: regions.TypeDir, dir: &directory{last: regions.FirstPosition - 1}}
	root.dir.parent = root
	root.attr = a.newAttr(regions.RootNode, regions.Spec{
		Mode: regions.TypeDir | o.Mode&regions.ModePerm, UID: o.UID, GID: o.GID,
	})
	root.refs.Store(1)
	return root
}

func (a *Arena) now() regions.Timestamp { return regions.TimestampOf(a.clock()) }

// nextID answers a node id that was never used, with an inode number that is not in use. The generation counts the
// rounds through the inode numbers. The caller holds a.mu.
func (a *Arena) nextID() regions.NodeID {
	for {
		a.last++
		if a.last.Ino() <= regions.RootNode.Ino() {
			continue // 0 is for nodes that no arena holds
		}
		if _, used := a.nodes[a.last.Ino()]; !used {
			return a.last
		}
	}
}

// find answers a node: Stale if it is no more. The caller holds a.mu.
func (a *Arena) find(id regions.NodeID) (*node, error) {
	n := a.nodes[id.Ino()]
	if n == nil || n.id != id {
		return nil, regions.Stale
	}
	return n, nil
}

// findDir answers a directory. The caller holds a.mu.
func (a *Arena) findDir(id regions.NodeID) (*node, error) {
	n, err := a.find(id)
	if err != nil {
		return nil, err
	}
	if n.dir == nil {
		return nil, regions.NotDir
	}
	return n, nil
}

// get is find for those who do not hold a.mu.
func (a *Arena) get(id regions.NodeID) (*node, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.find(id)
}

// release ends one reference. With the last one the node's memory goes.
func (a *Arena) release(n *node) error {
	if n.refs.Add(-1) > 0 {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	space := int64(nodeSpace)
	for name, value := range n.xattrs {
		space += xattrSpace(name, value)
	}
	n.xattrs, n.gone = nil, true
	a.limits.giveSpace(space)
	a.limits.giveBytes(n.resident())
	if n.memory == nil {
		return nil
	}
	return n.memory.Close()
}
