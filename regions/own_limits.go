package regions

import (
	"slices"
	"strconv"
)

// LimitByXattr, of a directory, tells who set its limits: the number of a user who set his own. Where there is none, who may
// set all limits did. It comes and goes with them, and is not listed, so that copies do not carry it.
const LimitByXattr = "user.shmfs.limit_by"

// whoLimits is who sets a limit: the number of a user, or 0 for who may set all.
type whoLimits uint32

const anyLimits whoLimits = 0

// SetOwnLimit sets the limits of a directory for a user who may not set all, value nil takes them away. He may where nobody
// else set some; those that directories have by a pattern hold beside his.
func (m *Manager) SetOwnLimit(node NodeID, user uint32, value []byte, flags XattrFlags) error {
	store := func() error { return m.Arena.Removexattr(node, LimitXattr) }
	if value != nil {
		value = slices.Clone(value)
		store = func() error { return m.Arena.Setxattr(node, LimitXattr, value, flags) }
	}
	return m.set(node, LimitXattr, value, whoLimits(user), store)
}

// limitedBy answers who set the limits that a directory has; false if it has none of its own.
func (m *Manager) limitedBy(dir NodeID) (who whoLimits, limited bool) {
	if _, err := m.Arena.Getxattr(dir, LimitXattr); err != nil {
		return anyLimits, false
	}
	return m.signature(dir), true
}

func (m *Manager) signature(dir NodeID) whoLimits {
	value, err := m.Arena.Getxattr(dir, LimitByXattr)
	if err != nil {
		return anyLimits
	}
	n, err := strconv.ParseUint(string(value), 10, 32)
	if err != nil {
		return anyLimits
	}
	return whoLimits(n)
}

// mayLimit refuses to change limits that others set who may set all.
func (m *Manager) mayLimit(dir NodeID, who whoLimits) error {
	if who == anyLimits {
		return nil
	}
	if by, limited := m.limitedBy(dir); limited && by == anyLimits {
		return &Refusal{Code: NotPermitted, Reason: "the limits of this directory were set by root, or who mounted it",
			Remedy: "ask them (shmfs limits set); a directory in it takes lower ones from you"}
	}
	return nil
}

// signed stores limits, or takes them away, with who set them. Limits that are somebody's own are so before they are there,
// and until they are not: who is killed in between and asks again is not refused.
func (m *Manager) signed(dir NodeID, who whoLimits, remove bool, store func() error) error {
	if remove {
		if err := store(); err != nil {
			return err
		}
		return m.sign(dir, anyLimits)
	}
	was := m.signature(dir)
	if err := m.sign(dir, who); err != nil {
		return err
	}
	err := store()
	if err != nil {
		m.sign(dir, was)
	}
	return err
}

func (m *Manager) sign(dir NodeID, who whoLimits) error {
	if m.signature(dir) == who {
		return nil
	}
	if who == anyLimits {
		return m.Arena.Removexattr(dir, LimitByXattr)
	}
	return m.Arena.Setxattr(dir, LimitByXattr, strconv.AppendUint(nil, uint64(who), 10), 0)
}

// Listxattr lists what was set.
func (m *Manager) Listxattr(node NodeID) ([]string, error) {
	names, err := m.Arena.Listxattr(node)
	if i := slices.Index(names, LimitByXattr); i >= 0 {
		names = slices.Delete(names, i, i+1)
	}
	return names, err
}

// ownLimits answers limits that somebody set, with those that the directory has by a pattern beside them unless who set
// them may set all: the smaller of both.
func (m *Manager) ownLimits(dir NodeID, l Limits, who whoLimits) Limits {
	if who == anyLimits {
		return l
	}
	others := m.defaultLimits(dir)
	for _, k := range limitKeys {
		if mine, other := k.of(&l), *k.of(&others); other != 0 && (*mine == 0 || other < *mine) {
			*mine = other
		}
	}
	return l
}
