package fusemount

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Entry is a line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
type Entry struct {
	ID           int
	Major, Minor uint32 // of the device, as st_dev shows it
	Root         string // what of the file system is mounted
	Point        string
	Type         string
	Source       string
	Shared       bool // whether mounts below it are handed on to other namespaces
}

// Device is the device number as stat(2) gives it.
func (e Entry) Device() uint64 { return unix.Mkdev(e.Major, e.Minor) }

// Table reads this process's mounts, in the order in which they were mounted.
func Table() ([]Entry, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ParseTable(f)
}

// ParseTable reads mountinfo.
func ParseTable(r io.Reader) ([]Entry, error) {
	var all []Entry
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	lines.Split(splitLines)
	for lines.Scan() {
		e, err := parseEntry(lines.Text())
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, lines.Err()
}

// splitLines is bufio.ScanLines that leaves a carriage return at the end of a line where it is.
func splitLines(data []byte, atEOF bool) (advance int, line []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func parseEntry(line string) (Entry, error) {
	bad := fmt.Errorf("mountinfo line %q is not as expected", line)
	before, after, ok := strings.Cut(line, " - ")
	// The kernel escapes blanks, tabs, line ends and backslashes (fs/proc_namespace.c): a name may have any other blank.
	first, last := strings.Split(before, " "), strings.Split(after, " ")
	if !ok || len(first) < 6 || len(last) < 2 {
		return Entry{}, bad
	}
	major, minor, ok := strings.Cut(first[2], ":")
	id, err1 := strconv.Atoi(first[0])
	ma, err2 := strconv.ParseUint(major, 10, 32)
	mi, err3 := strconv.ParseUint(minor, 10, 32)
	if !ok || err1 != nil || err2 != nil || err3 != nil {
		return Entry{}, bad
	}
	return Entry{
		ID: id, Major: uint32(ma), Minor: uint32(mi), Root: unescape(first[3]), Point: unescape(first[4]),
		Type: last[0], Source: unescape(last[1]),
		Shared: strings.Contains(strings.Join(first[6:], " "), "shared:"),
	}, nil
}

// unescape reads the octal escapes of blanks, tabs, line ends and backslashes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// At answers the topmost mount at exactly this place, false if there is none. The place is compared as it is written:
// resolve symlinks before.
func At(table []Entry, point string) (Entry, bool) {
	for i := len(table) - 1; i >= 0; i-- {
		if table[i].Point == point {
			return table[i], true
		}
	}
	return Entry{}, false
}
