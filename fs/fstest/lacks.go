package fstest

import (
	"maps"
	"slices"
	"testing"
)

// Feature is something that not every tree under test can do.
type Feature string

// The features.
const (
	// Privilege is root's: other owners, device nodes, trusted and security xattrs.
	Privilege Feature = "privilege"
	// OtherUsers can reach the tree (allow_other).
	OtherUsers Feature = "other users"
	// ACLs are POSIX ones.
	ACLs Feature = "POSIX ACLs"
	// BirthTime is statx(2)'s stx_btime.
	BirthTime Feature = "birth time"
	// UserXattrs are those of the user namespace, which tmpfs stores since Linux 6.6.
	UserXattrs Feature = "user xattrs"
	// LongXattrNames are user attributes of names of up to 255 bytes.
	LongXattrNames Feature = "long names of user xattrs"
	// ZeroRange is FALLOC_FL_ZERO_RANGE, which tmpfs itself has not.
	ZeroRange Feature = "zero range"
	// Tmpfiles are O_TMPFILE.
	Tmpfiles Feature = "O_TMPFILE"
	// MappedHoles are found by SEEK_DATA right after a store through a mapping.
	MappedHoles Feature = "data of unflushed mapped pages"
	// SmallPages are memory, data and holes by the page; a mount with huge pages takes and tells more.
	SmallPages Feature = "small pages"
	// SharedMaps are MAP_SHARED for writing.
	SharedMaps Feature = "shared mappings"
	// NoDev is a mount on which a device cannot be opened.
	NoDev Feature = "nodev"
	// Control is `.ctl` at the root.
	Control Feature = ".ctl"
	// Records of regions are kept, and hidden.
	Records Feature = "hidden records"
	// Identity is a stable inode number of all nodes, hard links included.
	Identity Feature = "inode numbers"
	// OwnRoom is a size and a use that nobody else shares.
	OwnRoom Feature = "room of its own"
	// AllocatedPages are memory that is there as soon as fallocate has answered.
	AllocatedPages Feature = "memory by fallocate"
	// FreeHoles are holes of regions that count nothing: a region may be larger than the memory.
	FreeHoles Feature = "holes that count nothing"
	// DirectorySizes grow with what a directory holds.
	DirectorySizes Feature = "directory sizes"
)

// Lacks is what a tree cannot do, each with the reason.
type Lacks map[Feature]string

// And adds what is lacking as well.
func (l Lacks) And(more Lacks) Lacks {
	both := maps.Clone(l)
	if both == nil {
		both = Lacks{}
	}
	maps.Copy(both, more)
	return both
}

// Need skips a test that needs what is lacking.
func (l Lacks) Need(t *testing.T, features ...Feature) {
	t.Helper()
	for _, f := range features {
		if why, lacking := l[f]; lacking {
			skip(t, f, why)
		}
	}
}

// skip is the one place that skips, always with a reason.
func skip(t testing.TB, lacking Feature, why string) {
	t.Helper()
	t.Skipf("%s: %s", lacking, why)
}

// names lists what is lacking, for the log.
func (l Lacks) names() []Feature { return slices.Sorted(maps.Keys(l)) }

// TmpfsLacks is what a plain tmpfs directory lacks, which the cases were written against.
func TmpfsLacks() Lacks {
	return Lacks{
		ZeroRange: "tmpfs answers EOPNOTSUPP (Linux mm/shmem.c, shmem_fallocate)",
		Control:   "a plain tmpfs has no control files",
		Records:   "a plain tmpfs has no records of shmfs",
		NoDev:     "/dev/shm may be mounted without nodev",
	}
}

// PassthroughLacks is what a mount with FUSE passthrough lacks.
func PassthroughLacks() Lacks { return Lacks{AllocatedPages: promised} }

const promised = "fallocate promises memory, and does not get it but where pages=now is set"

// CachedLacks is what a mount without passthrough lacks.
func CachedLacks() Lacks {
	return Lacks{
		AllocatedPages: promised,
		MappedHoles:    "without passthrough, stores through a mapping stay in the FUSE page cache until they are flushed",
	}
}

// HugeLacks is what a mount lacks that gives regions huge pages, beside what its mode lacks.
func HugeLacks() Lacks {
	return Lacks{SmallPages: "a huge page counts as data as a whole"}
}

// LimitedLacks is what a mount lacks in which what is promised is kept.
func LimitedLacks() Lacks {
	return Lacks{FreeHoles: "a region is promised its size, and no more is promised than there is"}
}

// UnprivilegedLacks is what the mount of an ordinary user lacks.
func UnprivilegedLacks() Lacks {
	return CachedLacks().And(Lacks{
		Privilege:  "the server has no privilege: own files only",
		OtherUsers: "no allow_other for an ordinary user's mount",
		OwnRoom:    "the arena is a directory of /dev/shm, whose room it shares",
	})
}

// InProcessLacks is what a tree without a kernel above lacks.
func InProcessLacks() Lacks {
	return Lacks{
		OtherUsers: "in process: permissions are the kernel's to check",
		NoDev:      "in process: devices are the kernel's to open",
		SharedMaps: "in process: no mappings",
	}
}
