package fs

import "github.com/shmfs/shmfs/regions"

// Getattr reads attributes.
func (t *Tree) Getattr(n regions.NodeID) (regions.Attr, error) {
	if n.Virtual() {
		return t.virtual.attr(n)
	}
	return t.arena.Getattr(n)
}

// Setattr sets attributes. With the handle of an open file (fh, else 0) the size is set through it, so that who has it
// open for writing may, whatever the mode has become.
func (t *Tree) Setattr(by Caller, n regions.NodeID, fh uint64, c regions.Change) (regions.Attr, error) {
	if n.Virtual() {
		return t.virtual.setattr(n, c)
	}
	sized := c.Set&regions.SetSize != 0
	if sized {
		if err := t.maySize(by, n, c.Size); err != nil {
			return regions.Attr{}, err
		}
	}
	if h := t.handles.get(fh); h != nil && h.file != nil && sized {
		if err := h.file.Truncate(c.Size); err != nil {
			return regions.Attr{}, err
		}
		c.Set &^= regions.SetSize
	}
	a, err := t.change(n, c)
	if err == nil && sized {
		t.sized(by, n, c.Size)
	}
	return a, err
}

func (t *Tree) change(n regions.NodeID, c regions.Change) (regions.Attr, error) {
	if c.Set == 0 {
		return t.arena.Getattr(n)
	}
	return t.arena.Setattr(n, c)
}

// Usage answers the size and use of the arena that holds a node.
func (t *Tree) Usage(n regions.NodeID) (regions.Usage, error) {
	if n.Virtual() {
		n = regions.RootNode
	}
	return t.arena.Usage(n)
}
