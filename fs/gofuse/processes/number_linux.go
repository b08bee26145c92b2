//go:build linux

package processes

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Number answers the number here of what a thread calls id in its own pid namespace: field is NSpid for a process, NSpgid for
// a process group, NSsid for a session (proc_pid_status(5)). It is 0 where there is none, or where the server does not see the
// thread. Where namespaces cannot be told, all numbers are taken for the server's.
func Number(tid uint32, field string, id uint32) uint32 {
	if tid == 0 {
		return 0 // it runs in a namespace that is not below the server's
	}
	here, err := os.Readlink("/proc/self/ns/pid")
	there, other := os.Readlink(procFile(int(tid), "ns/pid"))
	if self, _ := os.Readlink("/proc/self"); err != nil || other != nil || here == there || self != strconv.Itoa(os.Getpid()) {
		return id
	}
	var s unix.Stat_t
	if err := unix.Stat(procFile(int(tid), "ns/pid"), &s); err != nil {
		return 0
	}
	level := len(namespaced(int(tid), "NSpid")) - 1
	names, _ := os.ReadDir("/proc")
	for _, e := range names {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		numbers := namespaced(pid, field)
		if level < 0 || len(numbers) <= level || numbers[level] != id {
			continue
		}
		if below(pid, len(numbers)-1-level, s.Ino) {
			return numbers[0]
		}
	}
	return 0
}

func procFile(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// namespaced reads a field that has a number for each pid namespace, from the one of /proc to the process's own.
func namespaced(pid int, field string) (all []uint32) {
	for line := range strings.Lines(Facts(pid).file("status")) {
		values, ok := strings.CutPrefix(line, field+":")
		if !ok {
			continue
		}
		for _, v := range strings.Fields(values) {
			n, err := strconv.ParseUint(v, 10, 32)
			if err != nil {
				return nil
			}
			all = append(all, uint32(n))
		}
	}
	return all
}

// below reports whether the pid namespace of a process is so many levels below the one of an inode number.
func below(pid, levels int, namespace uint64) bool {
	fd, err := unix.Open(procFile(pid, "ns/pid"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for ; err == nil && levels > 0; levels-- {
		var above int
		above, err = unix.IoctlRetInt(fd, unix.NS_GET_PARENT)
		unix.Close(fd)
		fd = above
	}
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var s unix.Stat_t
	return unix.Fstat(fd, &s) == nil && s.Ino == namespace
}
