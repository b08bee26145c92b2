//go:build linux

package gofuse

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ProcessOf answers the process (thread group) of a thread that waits for an answer; 0 if it cannot be named from the
// server's pid namespace. Signal 0 to a thread of a group tells whether it is one (tgkill(2)), which answers for the
// group's leader, most callers, without reading /proc.
func ProcessOf(tid uint32) uint32 {
	if tid == 0 {
		return 0
	}
	if err := unix.Tgkill(int(tid), int(tid), 0); err == nil || err == unix.EPERM {
		return tid
	}
	n, err := strconv.ParseUint(statusField(tid, "Tgid"), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// hasCapability reports whether a waiting thread has a capability (linux/capability.h) in the server's own user
// namespace: whoever makes a new one has all of them there.
func hasCapability(tid uint32, capability int) bool {
	if tid == 0 || userNamespace(strconv.Itoa(int(tid))) != userNamespace("self") {
		return false
	}
	caps, err := strconv.ParseUint(statusField(tid, "CapEff"), 16, 64)
	return err == nil && caps&(1<<capability) != 0
}

// userNamespace names the user namespace of a process (user_namespaces(7)), "" if it cannot be told.
func userNamespace(pid string) string {
	name, err := os.Readlink("/proc/" + pid + "/ns/user")
	if err != nil {
		return ""
	}
	return name
}

// statusField reads a line of /proc/TID/status (proc_pid_status(5)), "" if there is none.
func statusField(tid uint32, key string) string {
	f, err := os.Open("/proc/" + strconv.Itoa(int(tid)) + "/status")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if k, v, ok := strings.Cut(lines.Text(), ":"); ok && k == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
