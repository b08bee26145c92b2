package fs

import "github.com/shmfs/shmfs/regions"

// mayLose refuses that a name is taken from a region that is guarded. What is not there, the arena will tell.
func (t *Tree) mayLose(c Caller, dir regions.NodeID, name, verb string) error {
	if !t.arena.Guards() {
		return nil
	}
	a, err := t.arena.Lookup(dir, name)
	if err != nil {
		return nil
	}
	return t.guarded(c, &a, verb)
}

func (t *Tree) guarded(c Caller, a *regions.Attr, verb string) error {
	uid := c.UID
	if uid == t.virtual.owner {
		uid = 0 // who serves the mount
	}
	return t.arena.MayLose(a, uid, t.processOf(c.PID), verb)
}

// mayMove refuses to rename guarded regions, and to replace them.
func (t *Tree) mayMove(c Caller, r *regions.Rename) error {
	if err := t.mayLose(c, r.Dir, r.Name, "rename"); err != nil {
		return err
	}
	return t.mayLose(c, r.NewDir, r.NewName, "replace")
}

// maySize refuses to shrink a guarded region.
func (t *Tree) maySize(c Caller, n regions.NodeID, size int64) error {
	if !t.arena.Guards() {
		return nil
	}
	a, err := t.arena.Getattr(n)
	if err != nil || size >= a.Size {
		return err
	}
	return t.guarded(c, &a, "shrink")
}
