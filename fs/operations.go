package fs

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/shmfs/shmfs/regions"
)

// Op is a kind of operation, as it is counted.
type Op uint8

// The operations. Their names are parts of metric names: do not change them. Their order is that of counters that outlive
// a server: new ones come at the end.
const (
	OpLookup Op = iota
	OpGetattr
	OpSetattr
	OpCreate
	OpTmpfile
	OpMkdir
	OpMknod
	OpSymlink
	OpLink
	OpUnlink
	OpRmdir
	OpRename
	OpReadlink
	OpOpen
	OpRelease
	OpRead
	OpWrite
	OpFallocate
	OpLseek
	OpCopyFileRange
	OpFsync
	OpOpendir
	OpReaddir
	OpReleasedir
	OpGetxattr
	OpSetxattr
	OpListxattr
	OpRemovexattr
	OpStatfs
	NumOps // how many there are; not an operation
)

var opNames = [NumOps]string{
	"lookup", "getattr", "setattr", "create", "tmpfile", "mkdir", "mknod", "symlink", "link", "unlink", "rmdir", "rename",
	"readlink", "open", "release", "read", "write", "fallocate", "lseek", "copy_file_range", "fsync", "opendir",
	"readdir", "releasedir", "getxattr", "setxattr", "listxattr", "removexattr", "statfs",
}

func (o Op) String() string { return opNames[o] }

// Operations counts operations, how long they took in the server, and what they answered. All methods may be called
// at once.
type Operations struct {
	cells []atomic.Uint64 // counts of codes, then a histogram for each operation
}

const (
	maxCodes = 64
	// OperationCells is how many numbers an Operations keeps.
	OperationCells = maxCodes + int(NumOps)*histogramCells
)

// NewOperations counts on in cells, which another process may have begun; in memory of its own if they are too few.
func NewOperations(cells []atomic.Uint64) *Operations {
	if len(cells) < OperationCells {
		cells = make([]atomic.Uint64, OperationCells)
	}
	return &Operations{cells}
}

// Observe takes note of one operation.
func (o *Operations) Observe(op Op, took time.Duration, code regions.Code) {
	o.of(op).observe(took)
	if code != regions.OK {
		o.cells[code].Add(1)
	}
}

func (o *Operations) of(op Op) histogram {
	at := maxCodes + int(op)*histogramCells
	return histogram(o.cells[at : at+histogramCells])
}

// Latency sums up one kind of operation. The quantiles are upper bounds, at most an eighth too high.
type Latency struct {
	Count         uint64
	Sum           time.Duration
	P50, P99, Max time.Duration
}

// Latency answers what is known of op.
func (o *Operations) Latency(op Op) Latency { return o.of(op).latency() }

// Errors answers how many operations ended with code.
func (o *Operations) Errors(code regions.Code) uint64 { return o.cells[code].Load() }

// histogram counts durations in buckets of an eighth of a power of two of nanoseconds, up to some 18 minutes. Behind the
// buckets stand the sum and the longest.
type histogram []atomic.Uint64

const (
	bucketBits  = 3
	bucketCount = (40 - bucketBits + 1) << bucketBits

	sumCell        = bucketCount
	maxCell        = bucketCount + 1
	histogramCells = bucketCount + 2
)

func bucketOf(ns uint64) int {
	if ns < 1<<bucketBits {
		return int(ns)
	}
	shift := bits.Len64(ns) - bucketBits - 1
	return min(bucketCount-1, (shift+1)<<bucketBits+int(ns>>shift)&(1<<bucketBits-1))
}

// bucketTop is the largest duration, in nanoseconds, that falls into bucket i.
func bucketTop(i int) uint64 {
	if i < 1<<bucketBits {
		return uint64(i)
	}
	shift := i>>bucketBits - 1
	return (uint64(1<<bucketBits+i&(1<<bucketBits-1))+1)<<shift - 1
}

func (h histogram) observe(d time.Duration) {
	ns := uint64(max(d, 0))
	h[bucketOf(ns)].Add(1)
	h[sumCell].Add(ns)
	for old := h[maxCell].Load(); ns > old && !h[maxCell].CompareAndSwap(old, ns); old = h[maxCell].Load() {
	}
}

func (h histogram) latency() Latency {
	var counts [bucketCount]uint64
	var l Latency
	for i := range counts {
		counts[i] = h[i].Load()
		l.Count += counts[i]
	}
	l.Sum, l.Max = time.Duration(h[sumCell].Load()), time.Duration(h[maxCell].Load())
	quantile := func(num, den uint64) time.Duration {
		rank, seen := (l.Count*num+den-1)/den, uint64(0)
		for i, n := range counts {
			if seen += n; n == 0 || seen < rank {
				continue
			}
			if i == bucketCount-1 { // which has no top
				return l.Max
			}
			return min(time.Duration(bucketTop(i)), l.Max)
		}
		return 0
	}
	l.P50, l.P99 = quantile(1, 2), quantile(99, 100)
	return l
}
