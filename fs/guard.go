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
	return t.arena.MayLose(a, t.userOf(c), t.processOf(c.PID), verb)
}

// userOf answers who a caller is to guards: who serves the mount is root to it.
func (t *Tree) userOf(c Caller) uint32 {
	if c.UID == t.virtual.owner {
		return 0
	}
	return c.UID
}

// mayMove refuses to rename guarded regions, and to replace them.
func (t *Tree) mayMove(c Caller, r *regions.Rename) error {
	if err := t.mayLeave(c, r.Dir, r.Name); err != nil {
		return err
	}
	if r.Flags&regions.RenameExchange != 0 {
		return t.mayLeave(c, r.NewDir, r.NewName)
	}
	return t.mayLose(c, r.NewDir, r.NewName, "replace")
}

// mayLeave refuses that a guarded region is taken from its place, or a directory with all that is in it.
func (t *Tree) mayLeave(c Caller, dir regions.NodeID, name string) error {
	if !t.arena.Guards() {
		return nil
	}
	a, err := t.arena.Lookup(dir, name)
	switch {
	case err != nil:
		return nil
	case a.IsDir():
		return t.arena.MayMove(&a, t.userOf(c))
	}
	return t.guarded(c, &a, "rename")
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
