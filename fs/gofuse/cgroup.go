//go:build linux

package gofuse

import (
	"os"
	"strconv"
	"strings"
)

// CgroupOf answers the path of the cgroup of a thread that waits for an answer, as the server sees it; "" if it cannot be
// told. It is the one that memory is counted in: of cgroup v1's memory controller where that is mounted, else of v2.
// That costs some 9 µs, of the 60 and more that making a region takes. It is not remembered: a process goes to another
// cgroup as it likes.
func CgroupOf(tid uint32) string {
	if tid == 0 {
		return ""
	}
	b, err := os.ReadFile("/proc/" + strconv.FormatUint(uint64(tid), 10) + "/cgroup")
	if err != nil {
		return ""
	}
	return memoryCgroup(string(b))
}

// memoryCgroup reads /proc/PID/cgroup (cgroups(7)): lines of hierarchy-ID:controllers:path. A name has no newline
// (Linux kernel/cgroup/cgroup.c, cgroup_mkdir).
func memoryCgroup(text string) string {
	unified := ""
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		switch {
		case !ok || !strings.HasPrefix(path, "/"):
		case id == "0" && controllers == "":
			unified = path
		case hasWord(controllers, "memory"):
			return path
		}
	}
	return unified
}

func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}
