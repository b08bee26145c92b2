package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// memory tells how much there is, and whether there is swap: with none, an arena that is larger than what is free ends
// in the kernel's killing processes.
func (m Machine) memory() Fact {
	total, available, swap := m.meminfo("MemTotal:"), m.meminfo("MemAvailable:"), m.meminfo("SwapTotal:")
	f := Fact{Name: "memory", State: OK, Found: fmt.Sprintf("%s, %s available, %s swap",
		regions.FormatSize(total), regions.FormatSize(available), regions.FormatSize(swap))}
	switch {
	case total == 0:
		f.State, f.Found, f.Why = Less, "unknown", "/proc/meminfo does not tell; percentages of it cannot be used"
	case available < total/2:
		f.State, f.Why = Less, "the default size of a mount, half of the memory, is more than is available"
		f.Remedy = "mount with --size " + regions.FormatSize(available)
	}
	return f
}

// pressure tells whether regions can end before their time when memory is short.
func (m Machine) pressure() Fact {
	f := Fact{Name: "memory_pressure", State: OK, Found: "the kernel tells when programs wait for memory"}
	err := m.Trials.Pressure()
	if err == nil {
		return f
	}
	f.State, f.Found = Less, "unknown"
	f.Why = "regions do not end before their time when memory is short: " + err.Error()
	f.Remedy = "boot with psi=1, if the kernel has CONFIG_PSI"
	if errors.Is(err, fs.ErrPermission) {
		f.Remedy = "a newer kernel, or CAP_SYS_RESOURCE"
	}
	return f
}

// meminfo answers bytes (proc_meminfo(5)), 0 for what is not there.
func (m Machine) meminfo(name string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(m.field("proc/meminfo", name), " kB"), 10, 53)
	if err != nil {
		return 0
	}
	return n << 10
}

// cgroup tells of a limit that comes before the arena's: pages are charged to the one who touches them first.
func (m Machine) cgroup() Fact {
	f := Fact{Name: "cgroup_memory", State: OK, Found: "no limit below the memory of the machine"}
	limit := m.cgroupLimit()
	if total := m.meminfo("MemTotal:"); total > 0 && limit >= total || limit == math.MaxInt64 {
		return f
	}
	f.State, f.Found = Less, "a limit of "+regions.FormatSize(limit)
	f.Why = "whoever touches more pages than that is killed, though the mount has room"
	f.Remedy = "mount with a smaller --size, or raise memory.max"
	return f
}

// cgroupLimit is the smallest limit from this process's cgroup up to the root, in either version of cgroups.
func (m Machine) cgroupLimit() int64 {
	least := int64(math.MaxInt64)
	for line := range strings.Lines(m.text("proc/self/cgroup")) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, dir, ok := strings.Cut(rest, ":")
		switch {
		case !ok:
		case id == "0" && controllers == "":
			least = min(least, m.limitUpwards("sys/fs/cgroup", dir, "memory.max"))
			least = min(least, m.limitUpwards("sys/fs/cgroup/unified", dir, "memory.max"))
		case strings.Contains(","+controllers+",", ",memory,"):
			least = min(least, m.limitUpwards("sys/fs/cgroup/memory", dir, "memory.limit_in_bytes"))
		}
	}
	return least
}

func (m Machine) limitUpwards(root, dir, file string) int64 {
	least := int64(math.MaxInt64)
	for dir = path.Clean("/" + dir); ; dir = path.Dir(dir) {
		n, err := strconv.ParseInt(m.line(path.Join(root, dir, file)), 10, 64) // "max" is no number, and no limit
		if err == nil && n > 0 {
			least = min(least, n)
		}
		if dir == "/" {
			return least
		}
	}
}

// descriptors looks at RLIMIT_NOFILE. A server without privileges keeps one for every open file of its clients.
func (m Machine) descriptors() Fact {
	const enough = 4096
	f := Fact{Name: "descriptors", State: OK, Found: "unknown"}
	fields := strings.Fields(m.field("proc/self/limits", "Max open files"))
	if len(fields) < 2 {
		return f
	}
	f.Found = fmt.Sprintf("%s, at most %s", fields[0], fields[1])
	if n, err := strconv.Atoi(fields[1]); err == nil && n < enough {
		f.State, f.Why = Less, "a server without privileges keeps one for every file that its clients have open"
		f.Remedy = fmt.Sprintf("ulimit -Hn %d as root, or LimitNOFILE= of the service", enough)
	}
	return f
}

func (m Machine) text(path string) string {
	data, err := fs.ReadFile(m.Root, path)
	if err != nil {
		return ""
	}
	return string(data)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(line)
}
