package fs

import (
	"fmt"

	"github.com/shmfs/shmfs/regions"
)

// Pressure is the part of the time, in percent, in which programs waited for memory (Linux
// Documentation/accounting/psi.rst): some of them, and all of them, over the last 10 and 60 seconds.
type Pressure struct {
	Some10, Some60, Full10, Full60 float64
}

// CgroupMemory is the memory of a cgroup, with what is below it.
type CgroupMemory struct {
	Path     string
	Used     int64
	Limit    int64     // regions.Unlimited for none
	Pressure *Pressure // nil where the system does not tell
}

// MemoryReader tells what the system knows of memory. False is for what it does not tell.
type MemoryReader interface {
	// Cgroup tells of a cgroup by its path.
	Cgroup(path string) (CgroupMemory, bool)
	// Tightest tells of the one with the least room left, of a cgroup and those above it. False: none is limited.
	Tightest(path string) (CgroupMemory, bool)
	// Pressure tells of the whole system.
	Pressure() (Pressure, bool)
}

// NoMemoryReader is for a system that tells nothing.
type NoMemoryReader struct{}

// Cgroup is of none.
func (NoMemoryReader) Cgroup(string) (CgroupMemory, bool) { return CgroupMemory{}, false }

// Tightest is none.
func (NoMemoryReader) Tightest(string) (CgroupMemory, bool) { return CgroupMemory{}, false }

// Pressure is not known.
func (NoMemoryReader) Pressure() (Pressure, bool) { return Pressure{}, false }

// Memory is what the system knows of memory.
func (t *Tree) Memory() MemoryReader { return t.memory }

// describeMemory adds to a refusal for want of room how much memory the caller may have at all: more room here would be
// of no use beyond it.
func (t *Tree) describeMemory(x *Refused) {
	if x.Code != regions.NoSpace && x.Code != regions.Quota {
		return
	}
	path := t.groupsOf(x.PID).Cgroup
	if path == "" {
		return
	}
	if g, ok := t.memory.Tightest(path); ok {
		x.Reason += fmt.Sprintf("; the caller's cgroup %s has %s of its %s of memory in use", g.Path,
			regions.FormatSize(g.Used), regions.FormatSize(g.Limit))
	}
}
