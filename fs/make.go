package fs

import "github.com/shmfs/shmfs/regions"

// NewNode is what a caller wants made: mode with type bits (the umask not applied), a device's number, a symlink's
// target.
type NewNode struct {
	Mode   uint32
	Rdev   uint32
	Target string
}

// Make makes a node and names it: Exists if the name is taken.
func (t *Tree) Make(c Caller, dir regions.NodeID, name string, n NewNode) (regions.Attr, error) {
	if dir.Virtual() {
		return regions.Attr{}, regions.NotPermitted
	}
	if t.reserved(dir, name) {
		return regions.Attr{}, regions.Exists
	}
	spec := t.spec(c, n)
	a, err := t.arena.Make(dir, name, spec)
	if err == nil {
		t.created(c, &a, dir, name, spec.Record.PID)
	}
	return a, err
}

// Create makes a region and opens it: whatever its mode says, because open(2) with O_CREAT asks for no permission on
// the file that it makes.
func (t *Tree) Create(c Caller, dir regions.NodeID, name string, mode uint32, access regions.Access) (regions.Attr, uint64, error) {
	switch {
	case dir.Virtual():
		return regions.Attr{}, 0, regions.NotPermitted
	case t.reserved(dir, name):
		return regions.Attr{}, 0, regions.Exists
	}
	return t.makeOpen(c, dir, name, mode, access)
}

// Tmpfile makes a region without a name and opens it. It ends when nobody holds it, unless it is linked before.
func (t *Tree) Tmpfile(c Caller, dir regions.NodeID, mode uint32, access regions.Access) (regions.Attr, uint64, error) {
	if dir.Virtual() {
		return regions.Attr{}, 0, regions.NotSupported
	}
	return t.makeOpen(c, dir, "", mode, access)
}

func (t *Tree) makeOpen(c Caller, dir regions.NodeID, name string, mode uint32, access regions.Access) (regions.Attr, uint64, error) {
	spec := t.spec(c, NewNode{Mode: mode&regions.ModePerm | regions.TypeRegular})
	a, f, err := t.arena.MakeOpen(dir, name, spec)
	if err != nil {
		return regions.Attr{}, 0, err
	}
	t.created(c, &a, dir, name, spec.Record.PID)
	fh, err := t.opened(c, &handle{node: a.Node, access: access, file: f})
	return a, fh, err
}

// Link gives a node one more name.
func (t *Tree) Link(n, dir regions.NodeID, name string) (regions.Attr, error) {
	if n.Virtual() || dir.Virtual() {
		return regions.Attr{}, regions.NotPermitted
	}
	if t.reserved(dir, name) {
		return regions.Attr{}, regions.Exists
	}
	return t.arena.Link(n, dir, name)
}

func (t *Tree) spec(c Caller, n NewNode) regions.Spec {
	s := regions.Spec{Mode: n.Mode, Umask: c.Umask, UID: c.UID, GID: c.GID, Rdev: n.Rdev, Target: n.Target}
	if n.Mode&regions.TypeMask == regions.TypeRegular {
		g := t.groupsOf(c.PID)
		s.Record.PID, s.Record.Cgroup = t.processOf(c.PID), g.Cgroup
		s.Record.Group, s.Record.Session, s.Record.Unified = g.Group, g.Session, g.Unified
	}
	return s
}
