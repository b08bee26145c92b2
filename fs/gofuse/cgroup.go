//go:build linux

package gofuse

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs"
)

// Cgroups tells the cgroups of threads. It keeps the files that it read last: opening one takes longer than reading it.
// Such a file belongs to its thread for ever, not to whoever gets the number later (Linux fs/proc/base.c,
// proc_single_show: ESRCH when the thread is gone).
type Cgroups struct {
	mu   sync.RWMutex // guards open; read-held while one of the files is read
	open map[uint32]*cgroupFile
}

// cgroupFile is a file /proc/TID/cgroup.
type cgroupFile struct {
	fd   int
	last atomic.Pointer[cgroupText]
}

type cgroupText struct{ text, memory, unified string }

// cgroupFiles is how many files are kept.
const cgroupFiles = 64

// NewCgroups makes one that has read nothing yet.
func NewCgroups() *Cgroups { return &Cgroups{open: map[uint32]*cgroupFile{}} }

// Of answers the path of the cgroup of a thread that waits for an answer, as the server sees it; "" if it cannot be told.
// It is the one that memory is counted in: of cgroup v1's memory controller where that is mounted, else of v2. It is read
// each time: a process goes to another cgroup as it likes.
func (c *Cgroups) Of(tid uint32) string {
	memory, _ := c.of(tid)
	return memory
}

// Groups answers all that a thread that waits for an answer belongs to.
func (c *Cgroups) Groups(tid uint32) (g fs.Groups) {
	if tid == 0 {
		return g
	}
	g.Cgroup, g.Unified = c.of(tid)
	g.Group, g.Session = groupNumber(unix.Getpgid(int(tid))), groupNumber(unix.Getsid(int(tid)))
	return g
}

// groupNumber is 0 also where the group is of a pid namespace that is not below the server's (Linux kernel/sys.c,
// do_getpgid).
func groupNumber(n int, err error) uint32 {
	if err != nil {
		return 0
	}
	return uint32(n)
}

// of answers the cgroup in which memory is counted, and the one in the unified hierarchy.
func (c *Cgroups) of(tid uint32) (memory, unified string) {
	if tid == 0 {
		return "", ""
	}
	c.mu.RLock()
	if f := c.open[tid]; f != nil {
		if now, ok := f.read(); ok {
			c.mu.RUnlock()
			return now.memory, now.unified
		}
	}
	c.mu.RUnlock()
	return c.ofNew(tid)
}

func (c *Cgroups) ofNew(tid uint32) (memory, unified string) {
	fd, err := unix.Open("/proc/"+strconv.FormatUint(uint64(tid), 10)+"/cgroup", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", ""
	}
	f := &cgroupFile{fd: fd}
	if now, ok := f.read(); ok {
		memory, unified = now.memory, now.unified
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.close(tid)
	for any := range c.open {
		if len(c.open) >= cgroupFiles {
			c.close(any)
		}
		break
	}
	c.open[tid] = f
	return memory, unified
}

// close needs mu.
func (c *Cgroups) close(tid uint32) {
	if f := c.open[tid]; f != nil {
		unix.Close(f.fd)
		delete(c.open, tid)
	}
}

// read answers false if the thread is gone.
func (f *cgroupFile) read() (now *cgroupText, ok bool) {
	var buf [8192]byte // a path of PATH_MAX, and a line for each controller of v1
	n, err := unix.Pread(f.fd, buf[:], 0)
	if err != nil {
		return nil, false
	}
	if last := f.last.Load(); last != nil && last.text == string(buf[:n]) {
		return last, true
	}
	now = &cgroupText{text: string(buf[:n])}
	now.memory, now.unified = cgroupsIn(now.text)
	f.last.Store(now)
	return now, true
}

// cgroupsIn reads /proc/PID/cgroup (cgroups(7)): lines of hierarchy-ID:controllers:path. A name has no newline
// (Linux kernel/cgroup/cgroup.c, cgroup_mkdir).
func cgroupsIn(text string) (memory, unified string) {
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		switch {
		case !ok || !strings.HasPrefix(path, "/"):
		case id == "0" && controllers == "":
			unified = path
		case hasWord(controllers, "memory"):
			memory = path
		}
	}
	if memory == "" {
		memory = unified
	}
	return memory, unified
}

func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}
