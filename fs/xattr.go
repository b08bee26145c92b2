package fs

import (
	"fmt"

	"github.com/shmfs/shmfs/regions"
)

// Getxattr reads an extended attribute: NoData if it is not set.
func (t *Tree) Getxattr(n regions.NodeID, name string) ([]byte, error) {
	if n.Virtual() {
		return nil, regions.NoData
	}
	return t.arena.Getxattr(n, name)
}

// Setxattr sets an extended attribute. Those that are settings of a directory take effect with it, and only those may
// set them who may.
func (t *Tree) Setxattr(c Caller, n regions.NodeID, name string, value []byte, flags regions.XattrFlags) error {
	if n.Virtual() {
		return noneOfControl(name)
	}
	own, err := t.maySet(c, n, name, value)
	switch {
	case err != nil:
		return err
	case own:
		return t.arena.SetOwnLimit(n, c.UID, append([]byte{}, value...), flags)
	}
	if name == regions.OwnerXattr {
		if value, err = t.ownerOf(c, value); err != nil {
			return err
		}
	}
	return t.arena.Setxattr(n, name, value, flags)
}

// Removexattr removes an extended attribute: NoData if it is not set.
func (t *Tree) Removexattr(c Caller, n regions.NodeID, name string) error {
	if n.Virtual() {
		return noneOfControl(name)
	}
	own, err := t.maySet(c, n, name, nil)
	switch {
	case err != nil:
		return err
	case own:
		return t.arena.SetOwnLimit(n, c.UID, nil, 0)
	}
	return t.arena.Removexattr(n, name)
}

// noneOfControl refuses an attribute of a control file. Of those that say something of regions a person may have meant another path.
func noneOfControl(name string) error {
	if !regions.LifeXattr(name) && !regions.SettingXattr(name) {
		return regions.NotSupported
	}
	return &regions.Refusal{Code: regions.NotSupported, Reason: "control files and their directory have no " + name,
		Remedy: "set it on a region or a directory of the mount"}
}

// Listxattr lists the names of extended attributes. It lists those of the trusted namespace to everybody: a front end
// hides them from callers without CAP_SYS_ADMIN (xattr(7)), which only it can ask for.
func (t *Tree) Listxattr(n regions.NodeID) ([]string, error) {
	if n.Virtual() {
		return nil, nil
	}
	return t.arena.Listxattr(n)
}

// maySet refuses settings to those who may not make them. Who serves the mount may make all. Others may limit what they
// have divided themselves: a directory of theirs in a directory of theirs, if nobody who may set all did. Own says that it is
// that. So nobody lifts a limit that another one set.
func (t *Tree) maySet(c Caller, n regions.NodeID, name string, value []byte) (own bool, err error) {
	if regions.LifeXattr(name) {
		return false, t.mayEnd(c, n, name)
	}
	if !regions.SettingXattr(name) || c.UID == t.virtual.owner || c.UID == 0 {
		return false, nil
	}
	no := &regions.Refusal{Code: regions.NotPermitted,
		Reason: fmt.Sprintf("user %d may not set %s here", c.UID, name),
		Remedy: "ask who mounted it; a directory of yours in a directory of yours takes limits from you"}
	if name != regions.LimitXattr {
		return false, no
	}
	if l, err := regions.ParseLimits(regions.Limits{}, string(value)); err == nil && l.Reserve != 0 {
		no.Reason = fmt.Sprintf("user %d may not reserve anything", c.UID)
		no.Remedy = "ask who mounted it, or set limits without reserve"
		return false, no
	}
	t.arena.Settled() // until then not all directories are known
	for _, dir := range []regions.NodeID{n, t.arena.Parent(n)} {
		a, err := t.arena.Getattr(dir)
		if err != nil || a.UID != c.UID {
			return false, no
		}
	}
	return true, nil
}

// mayEnd refuses to say when something ends to those who do not own it: who may write to a region may not remove it.
func (t *Tree) mayEnd(c Caller, n regions.NodeID, name string) error {
	if c.UID == t.virtual.owner || c.UID == 0 {
		return nil
	}
	if a, err := t.arena.Getattr(n); err != nil || a.UID == c.UID && (name != regions.LabelsXattr || a.IsDir()) {
		return err
	}
	return &regions.Refusal{Code: regions.NotPermitted, Reason: fmt.Sprintf("user %d may not set %s here", c.UID, name),
		Remedy: "have it set by who owns it, or by root"}
}
