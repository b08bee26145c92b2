package accounts

import "math"

// Node names a node of an arena.
type Node uint64

// Type is what a node is, as far as it matters here.
type Type uint8

const (
	Region Type = iota
	Directory
	Other // a symlink, a FIFO, ...
)

// Amount is what an account holds. Bytes are promised, Size is the sum of the sizes of regions with a name, Resident the
// memory that is there, Unlinked what of Bytes belongs to regions without a name. Copies are the second ones of regions that
// somebody may have mapped through a cache; they count against the mount's limit only. Nodes counts regions, directories and
// others.
type Amount struct {
	Bytes, Size                 int64
	Resident, Unlinked, Copies  int64
	Regions, Directories, Nodes int64
}

func (a *Amount) add(b Amount) {
	a.Bytes += b.Bytes
	a.Size += b.Size
	a.Resident += b.Resident
	a.Unlinked += b.Unlinked
	a.Copies += b.Copies
	a.Regions += b.Regions
	a.Directories += b.Directories
	a.Nodes += b.Nodes
}

func (a Amount) minus() Amount {
	return Amount{-a.Bytes, -a.Size, -a.Resident, -a.Unlinked, -a.Copies, -a.Regions, -a.Directories, -a.Nodes}
}

// Limits are an account's. None is 0.
type Limits struct {
	Bytes   int64 // promised in all
	Regions int64
	Nodes   int64
	Largest int64 // of one region
	// Above the soft ones nothing is refused, and somebody hears of it.
	SoftBytes   int64
	SoftRegions int64
	// Reserve is how many bytes are kept for a directory, whatever others do.
	Reserve int64
	// Throttle is the part of Bytes, in percent, from which on growth in a directory is slowed down; 0 is none.
	Throttle int64
}

// Writes is how a write past the end of a region is met.
type Writes uint8

const (
	WritesInherit Writes = iota
	WritesAuto           // where it cannot be avoided it is noticed afterwards
	WritesStrict         // it asks first
	WritesFast           // it is noticed afterwards
)

// Overcommit is whether holes of regions count.
type Overcommit uint8

const (
	OvercommitInherit Overcommit = iota
	OvercommitOff
	OvercommitOn
)

// Pages is when what fallocate asks for gets its memory.
type Pages uint8

const (
	PagesInherit Pages = iota
	PagesLater         // when it is touched: it is promised
	PagesNow           // at once
)

// Settings are a directory's.
type Settings struct {
	Limits
	Writes     Writes
	Overcommit Overcommit
	Pages      Pages
}

// Kind is whose account it is. An owner is the process that made a region, a cgroup the one that it was in. A region counts
// for each of its labels.
type Kind uint8

const (
	Mount Kind = iota
	OfDirectory
	OfUser
	OfGroup
	OfOwner
	OfCgroup
	OfLabel
	kinds
)

var kindNames = [kinds]string{"mount", "directory", "user", "group", "owner", "cgroup", "label"}

func (k Kind) String() string { return kindNames[k] }

// ParseKind reads what String writes.
func ParseKind(s string) (Kind, bool) {
	for k, name := range kindNames {
		if s == name {
			return Kind(k), true
		}
	}
	return 0, false
}

// Exceeded says which limit stands in the way of what.
type Exceeded struct {
	Kind  Kind
	ID    uint64 // a directory's node, a user's number, ...
	Name  string // of one that is told by it
	What  What
	Limit int64
	Used  int64 // with what is reserved and not used
	Kept  int64 // of Used: reserved and not used
	Twice int64 // of Used and Asked: second copies
	Asked int64 // more
}

// What is which of the limits it is.
type What uint8

const (
	Bytes What = iota
	Regions
	Nodes
	Largest
	Apart // not a limit: two directories of which only one counts in a reservation
	Holes // not a limit: two directories of which holes count in one only
)

var whatNames = [...]string{"bytes", "regions", "nodes", "largest", "reserve", "overcommit"}

func (w What) String() string { return whatNames[w] }

func (e *Exceeded) Error() string { return e.Kind.String() + " limit of " + e.What.String() }

// A region may be 8 EiB long where holes cost nothing, and the sum of two such is negative. So one counts at most, and
// all of them together, in bytes:
const (
	mostOfOne = 1 << 59
	mostOfAll = 1 << 60 // second copies may come on top
)

// rounded answers what a region of a size counts.
func (b *Book) rounded(size int64) int64 { return min(roundUp(size, b.unit), mostOfOne) }

// countable answers how much of what a file is promised counts.
func (b *Book) countable(f *file, bytes int64) int64 {
	return min(bytes, f.promised+max(mostOfAll-max(b.root.used.Bytes, b.root.found.Bytes), 0))
}

// roundUp rounds to a multiple of unit, a power of two.
func roundUp(n, unit int64) int64 {
	if n > math.MaxInt64-unit {
		return math.MaxInt64 &^ (unit - 1)
	}
	return (n + unit - 1) &^ (unit - 1)
}
