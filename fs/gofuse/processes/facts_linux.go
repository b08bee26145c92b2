//go:build linux

package processes

import (
	"os"
	"strconv"
	"strings"
)

// Facts tells about a process what can be read of it (proc_pid_cmdline(5), proc_pid_environ(5), proc_pid_exe(5),
// cgroups(7)). Nothing is read that is not asked for.
type Facts uint32

func (p Facts) file(name string) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(int(p)) + "/" + name)
	if err != nil {
		return ""
	}
	return string(b)
}

// Arguments answers the command line.
func (p Facts) Arguments() []string {
	return strings.Split(strings.TrimSuffix(p.file("cmdline"), "\x00"), "\x00")
}

// Executable answers the path of the program that it runs, also if another file stands there by now: the kernel says so behind it.
func (p Facts) Executable() string {
	path, err := os.Readlink("/proc/" + strconv.Itoa(int(p)) + "/exe")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(path, " (deleted)")
}

// Variable answers a variable of the environment that the process was started with, "" if there is none.
func (p Facts) Variable(name string) string {
	for entry := range strings.SplitSeq(p.file("environ"), "\x00") {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// Cgroup answers the path of the control group: of the unified hierarchy, or where the process is at its root or nowhere in
// it, of the first other one that has a path.
func (p Facts) Cgroup() string {
	other := ""
	for line := range strings.Lines(p.file("cgroup")) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		switch {
		case path == "" || path == "/":
		case controllers == "":
			return path
		case other == "":
			other = path
		}
	}
	return other
}
