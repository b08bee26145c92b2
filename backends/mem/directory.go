package mem

import (
	"math"
	"slices"

	"github.com/shmfs/shmfs/regions"
)

// directory holds the entries of one directory. Arena.mu guards it.
//
// A listing runs from the newest entry to the oldest, as in tmpfs (Linux fs/libfs.c, offset_iterate_dir): what is made
// while somebody lists is behind him, so that every listing ends. An entry keeps its position as long as it is there.
type directory struct {
	parent *node // the root's is the root
	dead   bool  // removed: nothing can be made in it any more
	byName map[string]*entry
	order  []*entry // by position, with gaps where entry.node is nil
	gaps   int
	last   uint64 // the highest position so far
}

// entry is a name.
type entry struct {
	name       string
	pos        uint64
	dir        *node
	node       *node  // nil once the name is gone
	prev, next *entry // the other names of the node
}

// isEmpty reports whether a directory has no entries.
func (d *directory) isEmpty() bool { return len(d.byName) == 0 }

// enter makes an entry.
func (n *node) enter(name string, target *node) {
	d := n.dir
	if d.byName == nil {
		d.byName = map[string]*entry{}
	}
	d.last++
	e := &entry{name: name, pos: d.last, dir: n}
	d.byName[name] = e
	d.order = append(d.order, e)
	e.point(target)
}

// point lets an entry name target.
func (e *entry) point(target *node) {
	e.node, e.prev, e.next = target, nil, target.names
	if e.next != nil {
		e.next.prev = e
	}
	target.names = e
	if target.dir != nil {
		target.dir.parent = e.dir
	}
}

// unpoint takes the entry from the names of its node.
func (e *entry) unpoint() {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		e.node.names = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	e.node, e.prev, e.next = nil, nil, nil
}

// leave takes an entry away.
func (n *node) leave(e *entry) {
	e.unpoint()
	d := n.dir
	delete(d.byName, e.name)
	d.gaps++
	for len(d.order) > 0 && d.order[len(d.order)-1].node == nil {
		d.order = d.order[:len(d.order)-1]
		d.gaps--
	}
	if d.gaps > len(d.order)/2 {
		d.order = slices.DeleteFunc(d.order, func(e *entry) bool { return e.node == nil })
		d.gaps = 0
	}
}

// before answers at most n entries that stand below a position, the highest first. Positions below FirstPosition mean
// the start.
func (d *directory) before(pos uint64, n int) []*entry {
	if pos < regions.FirstPosition {
		pos = math.MaxUint64
	}
	i, _ := slices.BinarySearchFunc(d.order, pos, func(e *entry, pos uint64) int {
		if e.pos < pos {
			return -1
		}
		return 1
	})
	found := make([]*entry, 0, min(n, i))
	for i--; i >= 0 && len(found) < n; i-- {
		if d.order[i].node != nil {
			found = append(found, d.order[i])
		}
	}
	return found
}
