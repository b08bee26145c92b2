package mem

import (
	"cmp"
	"io"
	"math"
	"math/bits"
	"slices"

	"github.com/shmfs/shmfs/regions"
)

// heap is the store that takes memory from Go's heap, a page at a time, when it is written.
type heap struct{}

var _ regions.Store = heap{}

// Allocate makes an empty object.
func (heap) Allocate() (regions.Memory, error) { return &heapMemory{}, nil }

const (
	pageSize   = 4096 // bytes: what Linux allocates and punches
	chunkPages = 64   // as many as a uint64 has bits
	chunkSize  = chunkPages * pageSize

	// allocateMax is the most bytes that one Allocate takes: pages that were never written cost no memory here, but
	// their chunks do, half a kilobyte each.
	allocateMax = 1 << 40
)

type page = [pageSize]byte

// chunk is a run of pages at a multiple of chunkSize. One without allocated pages is not kept.
type chunk struct {
	index     int64             // of the first byte, in units of chunkSize
	allocated uint64            // a bit a page
	written   uint64            // a bit a page that counts as data; the others of those allocated are holes still
	pages     [chunkPages]*page // nil for one that reads as zeros
}

// heapMemory is a sparse object: chunks sorted by index. Bytes past the size are zeros always, so that growing needs
// no clearing.
type heapMemory struct {
	chunks   []*chunk
	size     int64
	resident int64
}

var _ regions.Memory = (*heapMemory)(nil)

// at answers where the chunk of an index is, or belongs.
func (m *heapMemory) at(index int64) (int, bool) {
	if n := len(m.chunks); n == 0 || m.chunks[n-1].index < index {
		return n, false // growing at the end is the usual way
	}
	return slices.BinarySearchFunc(m.chunks, index, func(c *chunk, index int64) int { return cmp.Compare(c.index, index) })
}

// make answers the chunk of an index, a new one if there is none.
func (m *heapMemory) make(index int64) *chunk {
	i, found := m.at(index)
	if !found {
		m.chunks = slices.Insert(m.chunks, i, &chunk{index: index})
	}
	return m.chunks[i]
}

// page answers a page, nil if it reads as zeros.
func (m *heapMemory) page(number int64) *page {
	if i, found := m.at(number / chunkPages); found {
		return m.chunks[i].pages[number%chunkPages]
	}
	return nil
}

// newPage answers a page to write to.
func (m *heapMemory) newPage(number int64) *page {
	c := m.make(number / chunkPages)
	i := number % chunkPages
	if c.pages[i] == nil {
		c.pages[i] = new(page)
	}
	c.written |= 1 << i
	m.allocate(c, 1<<i)
	return c.pages[i]
}

// allocate marks pages of a chunk as allocated.
func (m *heapMemory) allocate(c *chunk, mask uint64) {
	m.resident += int64(bits.OnesCount64(mask&^c.allocated)) * pageSize
	c.allocated |= mask
}

// eachPage calls fn for each piece of p with the page that it belongs to and the place in it.
func eachPage(p []byte, off int64, fn func(number, from int64, piece []byte)) {
	for len(p) > 0 {
		from := off % pageSize
		n := min(int64(len(p)), pageSize-from)
		fn(off/pageSize, from, p[:n])
		p, off = p[n:], off+n
	}
}

// ReadAt reads; holes are zeros.
func (m *heapMemory) ReadAt(p []byte, off int64) (int, error) {
	n := int(max(0, min(int64(len(p)), m.size-off)))
	eachPage(p[:n], off, func(number, from int64, piece []byte) {
		if pg := m.page(number); pg != nil {
			copy(piece, pg[from:])
		} else {
			clear(piece)
		}
	})
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes, and grows the object if it ends before.
func (m *heapMemory) WriteAt(p []byte, off int64) (int, error) {
	eachPage(p, off, func(number, from int64, piece []byte) { copy(m.newPage(number)[from:], piece) })
	if len(p) > 0 {
		m.size = max(m.size, off+int64(len(p)))
	}
	return len(p), nil
}

// Truncate sets the size. Pages beyond it are freed unless the object grows.
func (m *heapMemory) Truncate(size int64) error {
	if size <= m.size {
		m.clear(size, math.MaxInt64, false)
	}
	m.size = size
	return nil
}

// Allocate takes, frees or clears pages; the flags are checked before.
func (m *heapMemory) Allocate(off, length int64, mode regions.AllocateMode) error {
	switch {
	case mode&regions.AllocatePunchHole != 0:
		m.clear(off, off+length, false)
		return nil
	case m.Missing(off, length) > allocateMax:
		return regions.NoMemory
	case mode&regions.AllocateZeroRange != 0:
		m.clear(off, off+length, true)
	}
	first, end := pages(off, length)
	for index := first / chunkPages; index*chunkPages < end; index++ {
		c, mask := m.make(index), maskOf(index, first, end)
		c.written |= c.allocated & mask // what is allocated twice is data (Linux mm/shmem.c, shmem_get_folio_gfp)
		m.allocate(c, mask)
	}
	if mode&regions.AllocateKeepSize == 0 {
		m.size = max(m.size, off+length)
	}
	return nil
}

// SeekExtent finds the next data or the next hole.
func (m *heapMemory) SeekExtent(off int64, hole bool) (int64, error) {
	if off < 0 || off >= m.size {
		return 0, regions.NoDevice
	}
	if hole {
		number := m.nextHole(off / pageSize)
		if number > (m.size-1)/pageSize {
			return m.size, nil // also where the hole's own offset would be past 2^63-1
		}
		return max(off, number*pageSize), nil
	}
	number, found := m.nextData(off / pageSize)
	if !found {
		return 0, regions.NoDevice
	}
	return max(off, number*pageSize), nil
}

// nextData answers the first page from number on that was written.
func (m *heapMemory) nextData(number int64) (int64, bool) {
	i, _ := m.at(number / chunkPages)
	for ; i < len(m.chunks); i++ {
		c := m.chunks[i]
		if w := c.written & maskOf(c.index, number, math.MaxInt64); w != 0 {
			return c.index*chunkPages + int64(bits.TrailingZeros64(w)), true
		}
	}
	return 0, false
}

// nextHole answers the first page from number on that was not written.
func (m *heapMemory) nextHole(number int64) int64 {
	index := number / chunkPages
	i, found := m.at(index)
	for ; found; index++ {
		if w := ^m.chunks[i].written & maskOf(index, number, math.MaxInt64); w != 0 {
			return index*chunkPages + int64(bits.TrailingZeros64(w))
		}
		i++
		found = i < len(m.chunks) && m.chunks[i].index == index+1
	}
	return max(number, index*chunkPages)
}

// Missing is how many bytes writing to a range would allocate.
func (m *heapMemory) Missing(off, length int64) int64 {
	first, end := pages(off, length)
	missing := end - first
	i, _ := m.at(first / chunkPages)
	for ; i < len(m.chunks) && m.chunks[i].index*chunkPages < end; i++ {
		c := m.chunks[i]
		missing -= int64(bits.OnesCount64(c.allocated & maskOf(c.index, first, end)))
	}
	if missing > math.MaxInt64/pageSize {
		return math.MaxInt64
	}
	return missing * pageSize
}

// Resident is what is allocated, in bytes.
func (m *heapMemory) Resident() int64 { return m.resident }

// Close frees all.
func (m *heapMemory) Close() error {
	*m = heapMemory{}
	return nil
}

// pages answers the pages that a range touches: the first, and the one after the last.
func pages(off, length int64) (first, end int64) {
	if length == 0 {
		return off / pageSize, off / pageSize
	}
	return off / pageSize, (off+length-1)/pageSize + 1
}

// maskOf answers the bits of a chunk's pages that are from first on and before end.
func maskOf(index, first, end int64) uint64 {
	low := min(max(first-index*chunkPages, 0), chunkPages)
	high := min(max(end-index*chunkPages, 0), chunkPages)
	if high <= low {
		return 0
	}
	return ^uint64(0) << low & (^uint64(0) >> (chunkPages - high))
}

// clear lets bytes from one offset to another read as zeros, and frees whole pages; with keep they stay allocated.
func (m *heapMemory) clear(from, to int64, keep bool) {
	first, end := from/pageSize, to/pageSize
	if in := from % pageSize; in != 0 {
		first++
		m.clearPart(from, from+min(to-from, pageSize-in))
	}
	if to%pageSize != 0 && end >= first {
		m.clearPart(end*pageSize, to)
	}
	if to == math.MaxInt64 {
		end = to
	}
	m.free(first, end, keep)
}

// clearPart clears a range within one page.
func (m *heapMemory) clearPart(from, to int64) {
	if pg := m.page(from / pageSize); pg != nil {
		clear(pg[from%pageSize:][:to-from])
	}
}

// free drops the data of pages, and the pages unless keep.
func (m *heapMemory) free(first, end int64, keep bool) {
	if first >= end {
		return
	}
	emptied := false
	i, _ := m.at(first / chunkPages)
	for ; i < len(m.chunks) && m.chunks[i].index < end/chunkPages+1; i++ {
		c := m.chunks[i]
		mask := maskOf(c.index, first, end)
		for w := c.written & mask; w != 0; w &= w - 1 {
			c.pages[bits.TrailingZeros64(w)] = nil
		}
		c.written &^= mask
		if !keep {
			m.resident -= int64(bits.OnesCount64(c.allocated&mask)) * pageSize
			c.allocated &^= mask
		}
		emptied = emptied || c.allocated == 0
	}
	if emptied {
		m.chunks = slices.DeleteFunc(m.chunks, func(c *chunk) bool { return c.allocated == 0 })
	}
}
