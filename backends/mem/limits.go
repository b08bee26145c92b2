package mem

import (
	"fmt"
	"math"
	"sync"

	"github.com/shmfs/shmfs/regions"
)

// limits counts memory and nodes against what is allowed, in the way of tmpfs (Linux mm/shmem.c): bytes are those of
// pages, and nodes are counted as space, of which extended attributes take a part.
type limits struct {
	mu               sync.Mutex // guards the rest; taken last
	bytes, bytesUsed int64      // a limit of 0 is none
	space, spaceUsed int64
}

const (
	nodeSpace     = 1024 // of a node or of a further name (BOGO_INODE_SIZE)
	xattrOverhead = 40   // of an extended attribute (fs/xattr.c, simple_xattr_space)
)

func xattrSpace(name string, value []byte) int64 {
	return int64(len(name)) + int64(len(value)) + xattrOverhead
}

// spaceOf is the space of so many nodes; 0 is no limit.
func spaceOf(nodes int64) int64 {
	if nodes > math.MaxInt64/nodeSpace {
		return 0
	}
	return nodes * nodeSpace
}

// roundUp rounds a limit to whole pages; 0 is none.
func roundUp(bytes int64) int64 {
	if bytes > math.MaxInt64-pageSize {
		return 0
	}
	return (bytes + pageSize - 1) &^ (pageSize - 1)
}

// takeBytes takes memory, all or nothing.
func (l *limits) takeBytes(n int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > l.freeBytes() {
		return l.full(n)
	}
	l.bytesUsed += n
	return nil
}

// full is why n bytes cannot be had. The caller holds l.mu.
func (l *limits) full(n int64) error {
	return &regions.Refusal{
		Code: regions.NoSpace,
		Reason: fmt.Sprintf("%s more wanted, %s of %s free",
			regions.FormatSize(n), regions.FormatSize(l.freeBytes()), regions.FormatSize(l.bytes)),
		Remedy: "remove regions, or give the arena a larger size",
	}
}

// refuse is full for those who do not hold l.mu.
func (l *limits) refuse(n int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.full(n)
}

// takeUpTo takes as much of n bytes as there is.
func (l *limits) takeUpTo(n int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, l.freeBytes())
	l.bytesUsed += n
	return n
}

func (l *limits) freeBytes() int64 {
	if l.bytes == 0 {
		return math.MaxInt64 - l.bytesUsed
	}
	return max(0, l.bytes-l.bytesUsed)
}

func (l *limits) giveBytes(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytesUsed -= n
}

// takeSpace takes space for a node, a name or an extended attribute.
func (l *limits) takeSpace(n int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.space > 0 && n > l.space-l.spaceUsed {
		return &regions.Refusal{
			Code:   regions.NoSpace,
			Reason: fmt.Sprintf("the arena's %d nodes are all in use", l.space/nodeSpace),
			Remedy: "remove regions, or give the arena more nodes",
		}
	}
	l.spaceUsed += n
	return nil
}

func (l *limits) giveSpace(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spaceUsed -= n
}

// resize sets limits; one of zero stays. One below what is in use is refused, as tmpfs does at a remount
// (shmem_reconfigure).
func (l *limits) resize(bytes, nodes int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := roundUp(bytes); b > 0 && b < l.bytesUsed {
		return belowUse("size", regions.FormatSize(bytes), regions.FormatSize(l.bytesUsed))
	}
	if s := spaceOf(nodes); s > 0 && s < l.spaceUsed {
		return belowUse("number of nodes", fmt.Sprint(nodes), fmt.Sprint(nodesOf(l.spaceUsed)))
	}
	if bytes > 0 {
		l.bytes = roundUp(bytes)
	}
	if nodes > 0 {
		l.space = spaceOf(nodes)
	}
	return nil
}

func belowUse(what, wanted, used string) error {
	return &regions.Refusal{
		Code:   regions.Invalid,
		Reason: fmt.Sprintf("a %s of %s is less than the %s in use", what, wanted, used),
		Remedy: "remove regions first",
	}
}

// nodesOf is how many nodes a space takes, rounded up.
func nodesOf(space int64) int64 { return (space + nodeSpace - 1) / nodeSpace }

func (l *limits) usage() regions.Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return regions.Usage{
		Bytes: uint64(l.bytes), BytesUsed: uint64(l.bytesUsed),
		Nodes: uint64(l.space / nodeSpace), NodesUsed: uint64(nodesOf(l.spaceUsed)),
		BlockSize: pageSize, NameMax: nameMax,
	}
}
