package mem

import (
	"sync"
	"sync/atomic"

	"github.com/shmfs/shmfs/regions"
)

// node is a region, a directory, a symlink or a special file.
type node struct {
	// Fixed when the node is made.
	id     regions.NodeID
	kind   uint32 // type bits
	target string // of a symlink
	record regions.Record

	dir *directory // nil for all but directories; guarded by Arena.mu, but for the pointer

	// Guarded by Arena.mu.
	names    *entry // the last one given; the others follow by entry.next
	linkable bool   // made without a name, and none given yet (the kernel's I_LINKABLE)

	refs atomic.Int32 // the tree's and one for each open File

	mu         sync.RWMutex // guards the rest; below Arena.mu; nobody holds two nodes' at once
	attr       regions.Attr // but for Blocks of a region
	access     acl          // nil if the mode says it all
	defaultACL acl          // of a directory, for what is made in it
	xattrs     map[string][]byte
	memory     regions.Memory // nil for all but regions
	gone       bool           // nobody refers to the node any more: nothing is taken for it
}

// Sizes that tmpfs gives to directories (Linux mm/shmem.c, BOGO_DIRENT_SIZE).
const (
	entrySize    = 20
	emptyDirSize = 2 * entrySize
)

// shortTarget is the longest symlink target that costs no page (Linux mm/shmem.c, SHORT_SYMLINK_LEN, which counts
// the NUL).
const shortTarget = 127

// newAttr makes the attributes of a new node without names.
func (a *Arena) newAttr(id regions.NodeID, s regions.Spec) regions.Attr {
	now := a.now()
	at := regions.Attr{
		Node: id, Ino: uint64(id.Ino()), Mode: s.Mode, UID: s.UID, GID: s.GID, Blksize: pageSize,
		Atime: now, Mtime: now, Ctime: now, Btime: now,
	}
	switch s.Mode & regions.TypeMask {
	case regions.TypeDir:
		at.Size, at.Nlink = emptyDirSize, 2
	case regions.TypeSymlink:
		at.Size = int64(len(s.Target))
		at.Blocks = uint64(targetBytes(s.Target)) / 512
	case regions.TypeChar, regions.TypeBlock:
		at.Rdev = s.Rdev
	}
	return at
}

// targetBytes is what a symlink's target takes from the arena.
func targetBytes(target string) int64 {
	if len(target) > shortTarget {
		return pageSize
	}
	return 0
}

func (n *node) isRegion() bool { return n.kind == regions.TypeRegular }

// resident is the memory that the node takes, in bytes. The caller holds n.mu.
func (n *node) resident() int64 {
	if n.memory != nil {
		return n.memory.Resident()
	}
	return n.attr.Resident()
}

// stat answers the attributes.
func (n *node) stat() regions.Attr {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.statLocked()
}

func (n *node) statLocked() regions.Attr {
	a := n.attr
	a.Blocks = uint64(n.resident()) / 512
	return a
}

// linked takes note of delta more names, now.
func (n *node) linked(delta int, now regions.Timestamp) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.attr.Nlink += uint32(delta)
	n.attr.Ctime = now
}

// changedEntries takes note that a directory has so many more entries and subdirectories, now.
func (n *node) changedEntries(entries, dirs int, now regions.Timestamp) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.attr.Size += int64(entries) * entrySize
	n.attr.Nlink += uint32(dirs)
	n.attr.Mtime, n.attr.Ctime = now, now
}

// written takes note that the content changed. The caller holds n.mu.
func (n *node) written(now regions.Timestamp) { n.attr.Mtime, n.attr.Ctime = now, now }

// accessed takes note that the content was read, as often as relatime does: mount(8) and Linux fs/inode.c,
// relatime_need_update.
func (n *node) accessed(now regions.Timestamp) {
	n.mu.RLock()
	stale := accessStale(&n.attr, now)
	n.mu.RUnlock()
	if !stale {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.attr.Atime = now
}

func accessStale(a *regions.Attr, now regions.Timestamp) bool {
	const day = 24 * 60 * 60
	return !a.Mtime.Before(a.Atime) || !a.Ctime.Before(a.Atime) || now.Sec-a.Atime.Sec >= day
}
