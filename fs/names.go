package fs

import "github.com/shmfs/shmfs/regions"

// ControlName is the directory of control files in the root. Nothing of that name can be made, renamed or removed.
const ControlName = ".ctl"

// reserved reports whether a name belongs to the tree itself.
func (t *Tree) reserved(dir regions.NodeID, name string) bool {
	return dir == regions.RootNode && name == ControlName && t.virtual.root != nil
}

// Lookup resolves a name: NotFound if it is not there.
func (t *Tree) Lookup(dir regions.NodeID, name string) (regions.Attr, error) {
	if dir.Virtual() {
		return t.virtual.lookup(dir, name)
	}
	if t.reserved(dir, name) {
		return t.virtual.attr(controlNode)
	}
	return t.arena.Lookup(dir, name)
}

// Readlink answers what a symlink points to.
func (t *Tree) Readlink(n regions.NodeID) (string, error) {
	if n.Virtual() {
		return "", regions.Invalid
	}
	return t.arena.Readlink(n)
}

// Unlink takes a name of anything but a directory away.
func (t *Tree) Unlink(c Caller, dir regions.NodeID, name string) (regions.Attr, error) {
	if err := t.mayLose(c, dir, name, "remove"); err != nil {
		return regions.Attr{}, err
	}
	a, err := t.remove(dir, name, false)
	if err == nil {
		t.deleted(c, &a, dir, name, "unlinked")
	}
	return a, err
}

// Rmdir takes an empty directory away.
func (t *Tree) Rmdir(dir regions.NodeID, name string) (regions.Attr, error) {
	return t.remove(dir, name, true)
}

func (t *Tree) remove(dir regions.NodeID, name string, isDir bool) (regions.Attr, error) {
	if dir.Virtual() || t.reserved(dir, name) {
		return regions.Attr{}, regions.NotPermitted
	}
	return t.arena.Remove(dir, name, isDir)
}

// Rename moves a name. It answers what the new name stood for before, as it is afterwards; Node is NoNode if nothing.
func (t *Tree) Rename(c Caller, r regions.Rename) (regions.Attr, error) {
	if r.Dir.Virtual() || r.NewDir.Virtual() || t.reserved(r.Dir, r.Name) || t.reserved(r.NewDir, r.NewName) {
		return regions.Attr{}, regions.NotPermitted
	}
	if err := t.mayMove(c, &r); err != nil {
		return regions.Attr{}, err
	}
	a, err := t.arena.Rename(r)
	if err == nil {
		t.deleted(c, &a, r.NewDir, r.NewName, "replaced by a rename")
	}
	return a, err
}

// Forget takes note that the kernel does not know a node any more.
func (t *Tree) Forget(n regions.NodeID) {
	if n.Virtual() {
		t.virtual.forget(n)
		return
	}
	t.arena.Forgotten(n)
}
