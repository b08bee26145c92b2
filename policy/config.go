// Package policy decides: from a configuration to yes or no and why.
//
// # Structure
//
// One table of keys (keys.go) drives everything that reads or writes a configuration: the TOML file (toml.go), the
// options of mount(8) (options.go), the flags of the command line, and what is written to `.ctl/config` (current.go).
// A key is added there and nowhere else.
//
// # Errors
//
// A configuration is refused with all that is wrong with it, as [Problems]; a change of a mounted file system with a
// [regions.Refusal].
//
// The package reads no clock and asks the system nothing: who knows how much memory there is passes it in.
package policy

import (
	"fmt"
	"log/slog"

	"github.com/shmfs/shmfs/regions"
)

// Config is everything that a mount takes. It is comparable.
type Config struct {
	MemoryMax  Size // what Size may be at most; regions.Unlimited for as much as is said
	Size       Size
	Inodes     int64 // nodes that fit in; InodesAuto or regions.Unlimited too
	Huge       Huge
	NUMA       string // a memory policy as tmpfs's mpol= takes it
	IO         IO
	AllowOther Choice // whether users other than the one who mounts have access
	Ephemeral  bool   // the arena ends with its server, however that ends
	Keep       bool   // the arena outlives the unmount
	Mode       uint32 // of the root directory
	LogLevel   slog.Level
	LogFormat  LogFormat

	Writes     Writes
	Overcommit bool   // holes of regions do not count
	UserLimit  string // of each user, as regions.ParseLimits reads it
	GroupLimit string
	OwnerLimit string
	// CgroupLimit is what cgroups may hold that have no limits of their own, as ParsePatterns reads it.
	CgroupLimit string
	// LabelLimit is the same of labels.
	LabelLimit string
	// DirectoryLimit is what directories may hold that have no limits of their own, as ParsePatterns reads it.
	DirectoryLimit string

	Guard       regions.Guard // where no directory says it
	Labels      string        // as ParseLabelRules reads them
	Lifetimes   string        // of directories that have none of their own, as ParseDirectoryLifetimes reads them
	Owners      string        // what of its maker's owns a region, as ParseDirectoryOwners reads it
	History     int           // regions that are remembered after their end
	CollectRuns bool          // what is left of runs whose processes are gone ends

	Zero     bool   // regions are overwritten at their end, where no directory says it
	EndEarly string // lifetimes that are cut short where room is wanted, as regions.ParseOrder reads it
	Pressure string // from when on they are cut short because memory is, as ParsePressure reads it

	OnCrashLoop CrashLoop
}

// InodesAuto leaves the number of nodes to the arena.
const InodesAuto int64 = 0

// Huge is when a region gets huge pages (Linux Documentation/admin-guide/mm/transhuge.rst, "huge=").
type Huge string

const (
	HugeNever      Huge = "never"
	HugeWithinSize Huge = "within_size" // where a huge page lies wholly within the region's size
	HugeAdvise     Huge = "advise"      // where a program asks by madvise(2)
	HugeAlways     Huge = "always"      // everywhere: a region of one byte takes a huge page
)

// IO is how bytes travel between a program and its region.
type IO string

const (
	IOAuto        IO = "auto" // passthrough where the kernel can, else cached
	IOPassthrough IO = "passthrough"
	IOCached      IO = "cached"
)

// Writes is how a write past the end of a region is met, where no directory says anything and none is limited.
type Writes string

const (
	WritesAuto   Writes = "auto"   // by write-only descriptors it asks first, by others it is noticed afterwards
	WritesStrict Writes = "strict" // it asks first
	WritesFast   Writes = "fast"   // it is noticed afterwards
)

// NoLimit is the text of a limit that limits nothing.
const NoLimit = "max"

// Headroom answers how much larger the arena is than what may be promised, in bytes, on a machine with so much memory: for
// what grows before anybody can be asked. It is more than two processors write while a server that was killed is replaced.
// Where holes count nothing the arena itself is the limit.
func (c *Config) Headroom(ram int64) func(size int64) int64 {
	if c.Overcommit {
		return func(int64) int64 { return 0 }
	}
	return func(size int64) int64 {
		least := max(size/16, 1<<20)
		return min(max(size/4, 1<<30), max(ram/8, least), max(c.MemoryMax.Of(ram)-size, least))
	}
}

// LogFormat is how a line of the log is written.
type LogFormat string

const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// CrashLoop is what becomes of requests while servers die one after the other.
type CrashLoop string

const (
	CrashLoopEIO   CrashLoop = "eio"   // they fail, until a server stays alive
	CrashLoopAbort CrashLoop = "abort" // the mount is given up
)

// Choice is a yes or no that may be left open.
type Choice string

const (
	Auto Choice = "auto"
	Yes  Choice = "true"
	No   Choice = "false"
)

// Or answers the choice, open where it is left open.
func (c Choice) Or(open bool) bool {
	if c == Yes || c == No {
		return c == Yes
	}
	return open
}

// Default is the configuration of who says nothing: half of the memory, as tmpfs gives.
func Default() Config {
	return Config{
		MemoryMax:  Size{Bytes: regions.Unlimited},
		Size:       Size{Percent: 50},
		Inodes:     InodesAuto,
		Huge:       HugeWithinSize,
		NUMA:       "default",
		IO:         IOAuto,
		AllowOther: Auto,
		Mode:       0o1777,
		LogLevel:   slog.LevelInfo,
		LogFormat:  LogText,

		Writes:     WritesAuto,
		UserLimit:  NoLimit,
		GroupLimit: NoLimit,
		OwnerLimit: NoLimit,

		CgroupLimit:    NoLimit,
		LabelLimit:     NoLimit,
		DirectoryLimit: NoLimit,

		History:   regions.UsualHistory,
		Labels:    NoLabels,
		Lifetimes: NoLifetimes,
		Owners:    NoLifetimes,
		EndEarly:  regions.FormatOrder(regions.DefaultOrder()),
		Pressure:  usualPressure,

		OnCrashLoop: CrashLoopEIO,
	}
}

// Validate answers what is wrong with a configuration, as Problems, nil if nothing is.
func (c *Config) Validate() error {
	var all Problems
	for _, k := range Keys() {
		scratch := *c
		if err := k.set(&scratch, k.get(c)); err != nil {
			all = append(all, Problem{Key: k.Name, Message: err.Error()})
		}
	}
	return append(all, c.conflicts()...).orNil()
}

// conflicts answers which keys contradict each other.
func (c *Config) conflicts() Problems {
	if c.Ephemeral && c.Keep {
		return Problems{{Key: "keep", Message: "keep and ephemeral contradict each other: an ephemeral arena cannot be kept"}}
	}
	return nil
}

// Fits refuses a size that is more than memory_max allows on a machine with that much memory, in bytes.
func (c *Config) Fits(totalRAM int64) error {
	size, most := c.Size.Of(totalRAM), c.MemoryMax.Of(totalRAM)
	if size <= most {
		return nil
	}
	figures := func(s Size, bytes int64) string {
		if s.Percent == 0 {
			return s.String()
		}
		return fmt.Sprintf("%s (%s)", s, regions.FormatSize(bytes))
	}
	return &regions.Refusal{Code: regions.Invalid,
		Reason: fmt.Sprintf("size %s is more than memory_max allows, %s of the %s of this machine", figures(c.Size, size),
			figures(c.MemoryMax, most), regions.FormatSize(totalRAM)),
		Remedy: "ask for less, or allow more: memory_max=200%, or max for whatever is asked"}
}

// Warnings answers what is allowed and probably not meant, a line each. totalRAM is the machine's memory in bytes.
func (c *Config) Warnings(totalRAM int64) []string {
	switch size := c.Size.Of(totalRAM); {
	case size == regions.Unlimited:
		return []string{"size max: nothing keeps regions from filling the memory, and a program that touches a page too " +
			"many is killed instead of refused"}
	case size > totalRAM:
		return []string{fmt.Sprintf("size %s is more than the memory of this machine (%s): regions that fill it are swapped "+
			"out, or programs are killed", c.Size, regions.FormatSize(totalRAM))}
	}
	return nil
}

// Diff answers which keys differ: those that can change while mounted, and those that need a new mount.
func Diff(old, next Config) (live, fixed []string) {
	for _, k := range Keys() {
		switch {
		case k.get(&old) == k.get(&next):
		case k.Live:
			live = append(live, k.Name)
		default:
			fixed = append(fixed, k.Name)
		}
	}
	return live, fixed
}
