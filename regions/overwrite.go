package regions

import (
	"context"
	"errors"
)

// zeros is what is written at a time.
const zeros = 1 << 20

// overwriteAll overwrites a region, and answers its size.
func (m *Manager) overwriteAll(node NodeID) (size int64, err error) {
	a, err := m.Arena.Getattr(node)
	if err != nil {
		return 0, err
	}
	return a.Size, m.overwrite(node, 0, a.Size)
}

// overwrite writes zeros wherever a region has memory between two offsets, by calls of the system: nothing can leave them
// out, as a compiler may leave out stores to memory that is not read again. Holes have no memory.
func (m *Manager) overwrite(node NodeID, from, to int64) error {
	f, err := m.Arena.Open(node, ReadAccess|WriteAccess)
	if err != nil {
		return err
	}
	defer f.Close()
	nothing := make([]byte, min(to-from, zeros))
	for off := from; off < to; {
		start, err := f.SeekExtent(off, false)
		if errors.Is(err, NoDevice) {
			return nil // holes only, from here on
		}
		if err != nil {
			return err
		}
		end, err := f.SeekExtent(start, true)
		if err != nil {
			return err
		}
		for off = start; off < min(end, to); {
			n, err := f.WriteAt(nothing[:min(zeros, end-off, to-off)], off)
			if err != nil {
				return err
			}
			off += int64(n)
		}
		off = end
	}
	return nil
}

// beforeLoss overwrites what a region is about to give back between two offsets, if it is to be overwritten at its end.
// Who gives it back waits for that, and holds no directory.
func (m *Manager) beforeLoss(node NodeID, from, to int64) error {
	if !m.zeroes(node) {
		return nil
	}
	a, err := m.Arena.Getattr(node)
	if err != nil || !a.IsRegion() || a.Source != NoNode || from >= a.Size {
		return err
	}
	return m.overwrite(node, max(from, 0), min(to, a.Size))
}

// WipeLeft overwrites all regions that are to be overwritten at their end and that nobody has: those that still have a
// name when the arena ends. It answers the first failure.
func (m *Manager) WipeLeft(ctx context.Context) error {
	if !m.lives.any.Load() {
		return nil
	}
	var failed error
	err := m.Arena.Walk(ctx, RootNode, func(it Item) error {
		n := it.Attr.Node
		if !it.Attr.IsRegion() || it.Attr.Source != NoNode || m.hasUser(n) || !m.zeroes(n) {
			return ctx.Err()
		}
		if _, err := m.overwriteAll(n); err != nil && failed == nil {
			failed = err
		}
		return ctx.Err()
	})
	return errors.Join(err, failed)
}

// hasUser asks the kernel, whatever is known of descriptors that are open: the mount is gone.
func (m *Manager) hasUser(node NodeID) bool {
	if p, ok := m.Arena.(UseProber); ok {
		held, err := p.InUse(node)
		return err != nil || held
	}
	return m.users.isOpen(node)
}
