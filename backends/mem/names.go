package mem

import (
	"strings"
	"sync/atomic"

	"github.com/shmfs/shmfs/regions"
)

const nameMax = 255

// checkName refuses what no entry can be called.
func checkName(name string) error {
	switch {
	case name == "":
		return regions.NotFound
	case name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		return regions.Invalid
	case len(name) > nameMax:
		return regions.NameTooLong
	}
	return nil
}

// lookup answers a directory's entry of a name, nil if there is none. In a removed directory every name is NotFound,
// even one that is too long. The caller holds Arena.mu.
func (n *node) lookup(name string) (*entry, error) {
	if n.dir.dead {
		return nil, regions.NotFound
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	return n.dir.byName[name], nil
}

// Lookup resolves a name.
func (a *Arena) Lookup(dir regions.NodeID, name string) (regions.Attr, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	d, err := a.findDir(dir)
	if err != nil {
		return regions.Attr{}, err
	}
	e, err := d.lookup(name)
	if err != nil {
		return regions.Attr{}, err
	}
	if e == nil {
		return regions.Attr{}, regions.NotFound
	}
	return e.node.stat(), nil
}

// Readlink answers what a symlink points to: Invalid for anything else.
func (a *Arena) Readlink(id regions.NodeID) (string, error) {
	n, err := a.get(id)
	if err != nil {
		return "", err
	}
	if n.kind != regions.TypeSymlink {
		return "", regions.Invalid
	}
	n.accessed(a.now())
	return n.target, nil
}

// Path answers where a node stands: NotFound if it has no name. Of several names it is the last one given.
func (a *Arena) Path(id regions.NodeID) (string, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	n, err := a.find(id)
	if err != nil {
		return "", err
	}
	path := ""
	for n.id != regions.RootNode {
		if n.names == nil {
			return "", regions.NotFound
		}
		path = n.names.name + "/" + path
		n = n.names.dir
	}
	return strings.TrimSuffix(path, "/"), nil
}

// OpenDir opens a directory.
func (a *Arena) OpenDir(id regions.NodeID) (regions.Dir, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	n, err := a.findDir(id)
	if err != nil {
		return nil, err
	}
	return &listing{arena: a, node: n}, nil
}

// listing is an open directory.
type listing struct {
	arena  *Arena
	node   *node
	closed atomic.Bool
}

var _ regions.Dir = (*listing)(nil)

// Sizes of the portions in which a listing is read: they grow, so that a small reply does not pay for a large one.
const (
	firstPortion = 16
	lastPortion  = 1024
)

// Read lists in portions, so that emit runs without a lock.
func (l *listing) Read(off uint64, attrs bool, emit func(regions.Entry) bool) error {
	if l.closed.Load() {
		return regions.BadHandle
	}
	l.node.accessed(l.arena.now())
	for size := firstPortion; ; size = min(2*size, lastPortion) {
		items, err := l.arena.portion(l.node, off, size)
		if err != nil {
			return err
		}
		for _, it := range items {
			if !attrs {
				it.entry.Attr = regions.Attr{}
			}
			if !emit(it.entry) {
				return nil
			}
			off = it.entry.Off
		}
		if len(items) < size {
			return nil
		}
	}
}

// listed is an entry as a listing meets it.
type listed struct {
	entry regions.Entry
	node  *node
}

// portion answers the next entries after a position. A removed directory is NotFound, as for getdents(2).
func (a *Arena) portion(n *node, off uint64, size int) ([]listed, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if n.dir.dead {
		return nil, regions.NotFound
	}
	found := n.dir.before(off, size)
	items := make([]listed, len(found))
	for i, e := range found {
		at := e.node.stat()
		items[i] = listed{regions.Entry{Name: e.name, Off: e.pos, Ino: at.Ino, Type: e.node.kind, Attr: at}, e.node}
	}
	return items, nil
}

// Dots answers the inode numbers of the directory and of its parent.
func (l *listing) Dots() (self, parent uint64, err error) {
	if l.closed.Load() {
		return 0, 0, regions.BadHandle
	}
	l.arena.mu.RLock()
	defer l.arena.mu.RUnlock()
	return uint64(l.node.id.Ino()), uint64(l.node.dir.parent.id.Ino()), nil
}

func (l *listing) Close() error {
	if l.closed.Swap(true) {
		return regions.BadHandle
	}
	return nil
}
