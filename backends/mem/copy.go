package mem

import (
	"errors"
	"io"
	"math"

	"github.com/shmfs/shmfs/regions"
)

// CopyRange copies between regions of this arena, as copy_file_range(2) does, but for holes: they stay holes.
func (a *Arena) CopyRange(src regions.File, srcOff int64, dst regions.File, dstOff, length int64) (int64, error) {
	s, ok1 := src.(*file)
	d, ok2 := dst.(*file)
	if !ok1 || !ok2 || s.arena != a || d.arena != a {
		return 0, regions.NotSupported
	}
	length, err := checkCopy(s, srcOff, d, dstOff, length)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, min(length, copyBuffer))
	for done := int64(0); done < length; {
		n, err := copyExtent(s, srcOff+done, d, dstOff+done, length-done, buf)
		done += n
		if n == 0 || err != nil {
			return shortCopy(done, err)
		}
	}
	return length, nil
}

const copyBuffer = 256 << 10 // bytes

// checkCopy answers how many bytes there are to copy. Its order is the kernel's (Linux fs/read_write.c,
// generic_copy_file_checks, then rw_verify_area), which adds offsets and lengths unsigned.
func checkCopy(s *file, srcOff int64, d *file, dstOff, length int64) (int64, error) {
	if err := s.check(regions.ReadAccess); err != nil {
		return 0, err
	}
	if err := d.check(regions.WriteAccess); err != nil {
		return 0, err
	}
	wraps := func(off int64) bool { return uint64(off)+uint64(length) < uint64(off) }
	switch {
	case wraps(srcOff) || wraps(dstOff):
		return 0, regions.Overflow
	case dstOff == math.MaxInt64:
		return 0, regions.FileTooBig
	case length < 0:
		return 0, regions.Invalid
	}
	size := s.node.stat().Size
	switch {
	case srcOff >= size:
		length = 0
	case srcOff >= 0:
		length = min(length, size-srcOff)
	}
	length = min(length, math.MaxInt64-max(dstOff, 0))
	if s.node == d.node && dstOff+length > srcOff && dstOff < srcOff+length || srcOff < 0 || dstOff < 0 {
		return 0, regions.Invalid
	}
	return length, nil
}

// copyExtent copies the hole, or a buffer of the data, that begins at srcOff.
func copyExtent(s *file, srcOff int64, d *file, dstOff, length int64, buf []byte) (int64, error) {
	data, err := s.SeekExtent(srcOff, false)
	if errors.Is(err, regions.NoDevice) {
		data, err = srcOff+length, nil
	}
	if err != nil {
		return 0, err
	}
	if hole := min(data-srcOff, length); hole > 0 {
		if err := d.makeHole(dstOff, hole); err != nil {
			return 0, err
		}
		return hole, nil
	}
	end, err := s.SeekExtent(srcOff, true)
	if err != nil {
		return 0, nil // cut off meanwhile
	}
	n, err := s.ReadAt(buf[:min(end-srcOff, length, int64(len(buf)))], srcOff)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	n, err = d.WriteAt(buf[:n], dstOff)
	return int64(n), err
}

// makeHole lets a range read as zeros, growing the region if it ends before.
func (f *file) makeHole(off, length int64) error {
	err := f.Allocate(off, length, regions.AllocatePunchHole|regions.AllocateKeepSize)
	if err != nil {
		return err
	}
	n := f.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.attr.Size >= off+length {
		return nil
	}
	return f.arena.truncate(n, off+length, f.arena.now())
}

// shortCopy answers what was copied; an error only if that is nothing.
func shortCopy(done int64, err error) (int64, error) {
	if done > 0 {
		err = nil
	}
	return done, err
}
