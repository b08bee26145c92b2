package fs

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmfs/shmfs/regions"
)

func TestOperationNames(t *testing.T) {
	seen := map[string]Op{}
	for op := range NumOps {
		name := op.String()
		if other, twice := seen[name]; twice || name == "" {
			t.Errorf("operations %d and %d are both called %q", other, op, name)
		}
		seen[name] = op
	}
}

// Counters outlive their server, which may be of another release: what counts what must not change.
func TestCountersKeepTheirPlaces(t *testing.T) {
	const first = "lookup getattr setattr create tmpfile mkdir mknod symlink link unlink rmdir rename readlink open release " +
		"read write fallocate lseek copy_file_range fsync opendir readdir releasedir getxattr setxattr listxattr " +
		"removexattr statfs"
	if got := strings.Join(opNames[:], " "); !strings.HasPrefix(got, first) {
		t.Errorf("operations are counted in the order %s, which was\n%s", got, first)
	}
	if regions.NumCodes > maxCodes || regions.NoSuchDevice != 35 || histogramCells != 306 {
		t.Errorf("%d codes, the last of the first release is %d, histograms of %d: want at most %d, 35 and 306",
			regions.NumCodes, regions.NoSuchDevice, histogramCells, maxCodes)
	}
	cells := make([]atomic.Uint64, OperationCells)
	NewOperations(cells).Observe(OpStatfs, time.Millisecond, regions.NoSpace)
	next := NewOperations(cells)
	if l := next.Latency(OpStatfs); l.Count != 1 || l.Sum != time.Millisecond || next.Errors(regions.NoSpace) != 1 {
		t.Errorf("the next one goes on from %+v and %d errors", l, next.Errors(regions.NoSpace))
	}
	if l := NewOperations(cells[:10]).Latency(OpStatfs); l.Count != 0 {
		t.Errorf("too few cells were used: %+v", l)
	}
}

// TestBuckets holds each bucket against its neighbours: none overlap, none is missed, and none is wider than an eighth.
func TestBuckets(t *testing.T) {
	for i := range bucketCount - 1 {
		top := bucketTop(i)
		if got := bucketOf(top); got != i {
			t.Fatalf("%d ns, the top of bucket %d, falls into %d", top, i, got)
		}
		if got := bucketOf(top + 1); got != i+1 {
			t.Fatalf("%d ns, after the top of bucket %d, falls into %d", top+1, i, got)
		}
		if width := bucketTop(i+1) - top; width > 1 && width*8 > top+1 {
			t.Errorf("bucket %d, from %d ns on, is %d ns wide", i+1, top+1, width)
		}
	}
	if got := bucketOf(1 << 62); got != bucketCount-1 {
		t.Errorf("the longest time falls into bucket %d of %d", got, bucketCount)
	}
}

func TestLatency(t *testing.T) {
	o := NewOperations(nil)
	if got := o.Latency(OpRead); got != (Latency{}) {
		t.Errorf("before anything: %+v", got)
	}
	for i := range 100 {
		o.Observe(OpRead, time.Duration(i+1)*time.Microsecond, regions.OK)
	}
	got := o.Latency(OpRead)
	if got.Count != 100 || got.Sum != 5050*time.Microsecond || got.Max != 100*time.Microsecond {
		t.Errorf("count, sum and maximum: %+v", got)
	}
	above := func(what string, got, exact time.Duration) {
		if got < exact || got > exact+exact/8 {
			t.Errorf("%s: %v for %v", what, got, exact)
		}
	}
	above("median", got.P50, 50*time.Microsecond)
	above("99th percentile", got.P99, 99*time.Microsecond)
	if got := o.Latency(OpWrite); got.Count != 0 {
		t.Errorf("another operation: %+v", got)
	}
}

// TestLatencyOutside: clocks step back, and servers are suspended.
func TestLatencyOutside(t *testing.T) {
	o := NewOperations(nil)
	o.Observe(OpRead, -time.Second, regions.OK)
	if got := o.Latency(OpRead); got.Count != 1 || got.Max != 0 || got.P99 != 0 {
		t.Errorf("after a time below zero: %+v", got)
	}
	o.Observe(OpWrite, time.Hour, regions.OK)
	if got := o.Latency(OpWrite); got.P50 != time.Hour || got.P99 != time.Hour {
		t.Errorf("after an hour: %+v", got)
	}
}

func TestErrorsCounted(t *testing.T) {
	o := NewOperations(nil)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for code := range regions.NumCodes {
				o.Observe(OpLookup, time.Microsecond, code)
			}
		})
	}
	all.Wait()
	for code := range regions.NumCodes {
		want := uint64(4)
		if code == regions.OK {
			want = 0
		}
		if got := o.Errors(code); got != want {
			t.Errorf("%v: %d, want %d", code, got, want)
		}
	}
	if got, want := o.Latency(OpLookup).Count, uint64(4*regions.NumCodes); got != want {
		t.Errorf("counted %d, want %d", got, want)
	}
}
