package probe

import (
	"fmt"
	"strconv"
	"strings"
)

// release is a kernel's version.
type release struct{ major, minor int }

func (r release) atLeast(major, minor int) bool {
	return r.major > major || r.major == major && r.minor >= minor
}

// parseRelease reads the first two numbers of uname(2)'s release, such as 6.12.9-arch1-1.
func parseRelease(s string) (release, error) {
	first, rest, _ := strings.Cut(s, ".")
	second := rest
	if i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		second = rest[:i]
	}
	major, err1 := strconv.Atoi(first)
	minor, err2 := strconv.Atoi(second)
	if err1 != nil || err2 != nil {
		return release{}, fmt.Errorf("kernel release %q: want two numbers", s)
	}
	return release{major, minor}, nil
}

// kernel judges by version what the trials cannot see. The oldest that tests run on is 6.1.
func (m Machine) kernel() Fact {
	text := m.line("proc/sys/kernel/osrelease")
	f := Fact{Name: "kernel", State: Less, Found: "Linux " + text}
	r, err := parseRelease(text)
	switch {
	case err != nil:
		f.Found, f.Why = "unknown", "what it can do is tried below"
	case !r.atLeast(5, 2):
		f.State, f.Why, f.Remedy = Missing, "the mount API that arenas are made with came with Linux 5.2", "use a newer kernel"
	case !r.atLeast(6, 1):
		f.Why, f.Remedy = "shmfs is tested on Linux 6.1 and later", "use a newer kernel"
	case !r.atLeast(6, 9):
		f.Why, f.Remedy = "FUSE passthrough came with Linux 6.9", "use a newer kernel"
	case !r.atLeast(6, 12):
		f.Why, f.Remedy = "before Linux 6.12, the size of a region that grows by write(2) can be seen too late", "use a newer kernel"
	default:
		f.State = OK
	}
	return f
}

// The capabilities that a server needs for all that shmfs does, by their numbers in linux/capability.h.
var capabilities = []struct {
	bit  uint
	name string
}{
	{0, "CAP_CHOWN"}, {1, "CAP_DAC_OVERRIDE"}, {2, "CAP_DAC_READ_SEARCH"}, {3, "CAP_FOWNER"}, {4, "CAP_FSETID"},
	{21, "CAP_SYS_ADMIN"}, {27, "CAP_MKNOD"},
}

// privileges looks at what the process may do, which is not the same as being root: containers take some away.
func (m Machine) privileges() Fact {
	f := Fact{Name: "privileges", State: Less, Found: "none", Remedy: "sudo shmfs ..."}
	text := m.field("proc/self/status", "CapEff:")
	effective, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		f.Found, f.Why = "unknown", "/proc/self/status does not tell"
		return f
	}
	var lacking []string
	for _, c := range capabilities {
		if effective&(1<<c.bit) == 0 {
			lacking = append(lacking, c.name)
		}
	}
	f.Found = "all that are needed"
	switch {
	case len(lacking) == 0 && m.ownNamespace():
		f.Why = "they hold in a user namespace only: no passthrough, no device nodes"
	case len(lacking) == 0:
		f.State, f.Remedy = OK, ""
	case m.UID == 0:
		f.Found = "root, without " + strings.Join(lacking, ", ")
		f.Why, f.Remedy = "what those are for is refused", "docker run --cap-add SYS_ADMIN ..., or the like"
	default:
		f.Found = fmt.Sprintf("user %d", m.UID)
		f.Why = "passthrough, other users, limits on memory"
	}
	return f
}

// ownNamespace reports whether this is a user namespace below the first: its map is not the whole range of ids.
func (m Machine) ownNamespace() bool {
	fields := strings.Fields(m.line("proc/self/uid_map"))
	return len(fields) == 3 && fields[2] != "4294967295"
}

// field reads what stands behind a name in a file of lines.
func (m Machine) field(path, name string) string {
	for line := range strings.Lines(m.text(path)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
