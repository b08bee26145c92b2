package mem

import (
	"errors"
	"math"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

func TestCopyKeepsHoles(t *testing.T) {
	a := New(Options{Bytes: 4 * pageSize})
	from, src := make1(t, a, "src")
	to, dst := make1(t, a, "dst")
	src.WriteAt([]byte("data"), 1<<30)
	src.Truncate(1<<30 + 10*pageSize)
	src.WriteAt([]byte("end"), 1<<30+9*pageSize)
	n, err := a.CopyRange(src, 0, dst, 0, math.MaxInt64)
	one, _ := a.Getattr(from.Node)
	other, _ := a.Getattr(to.Node)
	if n != one.Size || err != nil || other.Size != one.Size || other.Blocks != one.Blocks {
		t.Errorf("copied %d (%v): %+v, want the size and blocks of %+v", n, err, other, one)
	}
	if n, err = a.CopyRange(src, 1<<30, dst, 1<<40, 100); n != 0 || !errors.Is(err, regions.NoSpace) {
		t.Errorf("copy into a full arena: %d, %v", n, err)
	}
	dst.Truncate(1 << 30)
	if n, err = a.CopyRange(src, 1<<30, dst, 1<<30-pageSize, 10*pageSize); n == 0 || err != nil {
		t.Errorf("copy of which a part fits: %d, %v", n, err)
	}
	stranger, f := New(Options{}), regions.File(nil)
	_, f = make1(t, stranger, "f")
	for _, files := range [][2]regions.File{{f, dst}, {src, f}, {nil, dst}} {
		if _, err := a.CopyRange(files[0], 0, files[1], 0, 1); !errors.Is(err, regions.NotSupported) {
			t.Errorf("copy between arenas: %v", err)
		}
	}
	if _, err := a.CopyRange(src, 0, dst, math.MaxInt64, 1); !errors.Is(err, regions.FileTooBig) {
		t.Errorf("copy to the largest offset: %v", err)
	}
}

func TestHeapAtTheLargestOffset(t *testing.T) {
	m := &heapMemory{}
	m.WriteAt([]byte("z"), math.MaxInt64-1)
	if at, err := m.SeekExtent(math.MaxInt64-2, true); at != math.MaxInt64 || err != nil {
		t.Errorf("the hole at the end: %d, %v", at, err)
	}
	if at, err := m.SeekExtent(0, false); at != math.MaxInt64&^(pageSize-1) || err != nil {
		t.Errorf("data: %d, %v", at, err)
	}
	if got := m.Missing(0, math.MaxInt64); got < math.MaxInt64-2*pageSize {
		t.Errorf("missing: %d", got)
	}
	if got := m.Missing(5, 0); got != 0 {
		t.Errorf("missing for nothing: %d", got)
	}
	m.Truncate(math.MaxInt64 - 1)
	if err := m.Allocate(math.MaxInt64-2, 2, regions.AllocateZeroRange|regions.AllocateKeepSize); err != nil || m.Resident() != pageSize {
		t.Errorf("zeroing the end: %v, resident %d", err, m.Resident())
	}
	m.Truncate(0)
	if m.Resident() != 0 || len(m.chunks) != 0 {
		t.Errorf("after truncating: %d resident in %d chunks", m.Resident(), len(m.chunks))
	}
}
