package mem

import (
	"math"
	"sync/atomic"

	"github.com/shmfs/shmfs/regions"
)

// file is an open region.
type file struct {
	arena  *Arena
	node   *node
	access regions.Access
	closed atomic.Bool
}

var _ regions.File = (*file)(nil)

// Open opens a region: IsDir for a directory, NoDevice for what has no data here.
func (a *Arena) Open(id regions.NodeID, access regions.Access) (regions.File, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	n, err := a.find(id)
	switch {
	case err != nil:
		return nil, err
	case n.dir != nil:
		return nil, regions.IsDir
	case n.kind == regions.TypeSymlink:
		return nil, regions.Loop
	case !n.isRegion():
		return nil, regions.NoDevice
	}
	n.refs.Add(1)
	return &file{arena: a, node: n, access: access}, nil
}

func (f *file) Close() error {
	if f.closed.Swap(true) {
		return regions.BadHandle
	}
	return f.arena.release(f.node)
}

// check asks whether the file is open for what is wanted.
func (f *file) check(wanted regions.Access) error {
	if f.closed.Load() || f.access&wanted != wanted {
		return regions.BadHandle
	}
	return nil
}

// outside reports whether a range is not one of a file: offsets reach to 2^63-1.
func outside(off, length int64) bool { return off < 0 || length < 0 || off > math.MaxInt64-length }

// checkRange is check for reading and writing (Linux fs/read_write.c, ksys_pread64 to rw_verify_area).
func (f *file) checkRange(wanted regions.Access, off int64, length int) error {
	if off < 0 {
		return regions.Invalid
	}
	if err := f.check(wanted); err != nil {
		return err
	}
	if outside(off, int64(length)) {
		return regions.Invalid
	}
	return nil
}

// ReadAt reads; holes are zeros.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.checkRange(regions.ReadAccess, off, len(p)); err != nil || len(p) == 0 {
		return 0, err
	}
	f.node.accessed(f.arena.now())
	f.node.mu.RLock()
	defer f.node.mu.RUnlock()
	return f.node.memory.ReadAt(p, off)
}

// WriteAt writes as much as the arena has memory for.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if err := f.checkRange(regions.WriteAccess, off, len(p)); err != nil || len(p) == 0 {
		return 0, err
	}
	n := f.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone {
		return 0, regions.BadHandle
	}
	n.written(f.arena.now())
	fits, granted := f.arena.fit(n, off, int64(len(p)))
	var done int
	err := f.arena.settle(n, granted, func() (err error) {
		done, err = n.memory.WriteAt(p[:fits], off)
		return err
	})
	if done > 0 {
		n.attr.Size = max(n.attr.Size, off+int64(done))
	}
	if err == nil && done < len(p) {
		err = f.arena.limits.refuse(int64(len(p) - done))
	}
	return done, err
}

// Truncate sets the size. What is cut off is freed, and reads as zeros if the region grows again. On a file that is not
// open for writing it is Invalid, as ftruncate(2).
func (f *file) Truncate(size int64) error {
	if err := f.check(0); err != nil {
		return err
	}
	if f.access&regions.WriteAccess == 0 || size < 0 {
		return regions.Invalid
	}
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	return f.arena.truncate(f.node, size, f.arena.now())
}

// truncate sets the size. The caller holds n.mu.
func (a *Arena) truncate(n *node, size int64, now regions.Timestamp) error {
	err := a.settle(n, 0, func() error { return n.memory.Truncate(size) })
	if err == nil {
		n.attr.Size = size
		n.written(now)
	}
	return err
}

// Allocate is fallocate(2). It takes all that is wanted or, if the arena has less, nothing.
func (f *file) Allocate(off, length int64, mode regions.AllocateMode) error {
	if err := f.checkAllocate(off, length, mode); err != nil {
		return err
	}
	n := f.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone {
		return regions.BadHandle
	}
	granted := int64(0)
	if mode&regions.AllocatePunchHole == 0 {
		granted = n.memory.Missing(off, length)
		if err := f.arena.limits.takeBytes(granted); err != nil {
			return err
		}
	}
	err := f.arena.settle(n, granted, func() error { return n.memory.Allocate(off, length, mode) })
	if err != nil {
		return err
	}
	if mode&regions.AllocateKeepSize == 0 {
		n.attr.Size = max(n.attr.Size, off+length)
	}
	n.written(f.arena.now())
	return nil
}

// checkAllocate is Linux fs/open.c, vfs_fallocate.
func (f *file) checkAllocate(off, length int64, mode regions.AllocateMode) error {
	const kinds = regions.AllocatePunchHole | regions.AllocateZeroRange
	switch {
	case off < 0 || length <= 0:
		return regions.Invalid
	case mode&^(kinds|regions.AllocateKeepSize) != 0 || mode&kinds == kinds,
		mode&(regions.AllocatePunchHole|regions.AllocateKeepSize) == regions.AllocatePunchHole:
		return regions.NotSupported
	}
	if err := f.check(regions.WriteAccess); err != nil {
		return err
	}
	if outside(off, length) {
		return regions.FileTooBig
	}
	return nil
}

// SeekExtent finds the next data or the next hole: NoDevice if off is not within the region. Memory that is allocated
// and was never written is a hole.
func (f *file) SeekExtent(off int64, hole bool) (int64, error) {
	if err := f.check(0); err != nil {
		return 0, err
	}
	f.node.mu.RLock()
	defer f.node.mu.RUnlock()
	return f.node.memory.SeekExtent(off, hole)
}

// fit takes memory for a write of length bytes at off, and answers how many of them it is enough for.
func (a *Arena) fit(n *node, off, length int64) (fits, granted int64) {
	missing := n.memory.Missing(off, length)
	granted = a.limits.takeUpTo(missing)
	if granted == missing {
		return length, granted
	}
	left := granted
	for end := off; ; {
		step := pageSize - end%pageSize
		if left -= n.memory.Missing(end, step); left < 0 {
			return end - off, granted
		}
		end += step
	}
}

// settle runs what may change how much memory a node has, with so much taken for it from the limits before, and gives
// back what was not used, or freed. The caller holds n.mu.
func (a *Arena) settle(n *node, granted int64, act func() error) error {
	before := n.memory.Resident()
	err := act()
	a.limits.giveBytes(granted - (n.memory.Resident() - before))
	return err
}
