package fs

import "github.com/shmfs/shmfs/regions"

// OpenDir opens a directory for Readdir.
func (t *Tree) OpenDir(c Caller, n regions.NodeID) (uint64, error) {
	d, err := t.openDir(n)
	if err != nil {
		return 0, err
	}
	return t.handles.add(c.Request, &handle{kind: DirHandle, node: n, dir: d})
}

func (t *Tree) openDir(n regions.NodeID) (regions.Dir, error) {
	if n.Virtual() {
		return t.virtual.openDir(n)
	}
	return t.arena.OpenDir(n)
}

// Readdir calls emit for each entry after position off until it answers false: ".", "..", in the root `.ctl`, and what
// the arena holds.
//
// Positions: 0 is before ".", 1 before "..", 2 before the rest. After `.ctl` it is regions.PositionTaken; all others
// are the arena's own.
func (t *Tree) Readdir(fh, off uint64, attrs bool, emit func(regions.Entry) bool) error {
	h, d, err := t.dirOf(fh)
	if err != nil {
		return err
	}
	if off < 2 {
		more, err := emitDots(d, off, emit)
		if err != nil || !more {
			return err
		}
		off = 2
	}
	if h.node != regions.RootNode || t.virtual.root == nil {
		return d.Read(off, attrs, emit)
	}
	if off == 2 {
		e := regions.Entry{Name: ControlName, Off: regions.PositionTaken, Ino: uint64(controlNode), Type: regions.TypeDir}
		if attrs {
			e.Attr, _ = t.virtual.attr(controlNode)
		}
		if !emit(e) {
			return nil
		}
	}
	if off == regions.PositionTaken {
		off = 2
	}
	return d.Read(off, attrs, func(e regions.Entry) bool {
		return e.Name == ControlName || emit(e) // the arena's own of that name is hidden by ours
	})
}

// emitDots lists "." and "..", and answers whether there is room for more.
func emitDots(d regions.Dir, off uint64, emit func(regions.Entry) bool) (bool, error) {
	self, parent, err := d.Dots()
	if err != nil {
		return false, err
	}
	if off == 0 && !emit(regions.Entry{Name: ".", Off: 1, Ino: self, Type: regions.TypeDir}) {
		return false, nil
	}
	return emit(regions.Entry{Name: "..", Off: 2, Ino: parent, Type: regions.TypeDir}), nil
}
