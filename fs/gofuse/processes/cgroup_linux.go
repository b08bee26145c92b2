//go:build linux

package processes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoCgroups says that no hierarchy of control groups is mounted in which the end of one could be seen.
var ErrNoCgroups = errors.New("no unified hierarchy of control groups is mounted here (cgroup2)")

// WatchCgroup calls gone once, when no process is left in a control group of the unified hierarchy, or below it, or when
// the group is gone. It answers ErrGone if that is so already. Cancel takes it back. The kernel tells: cgroup.events
// changes, which inotify(7) sees (Linux Documentation/admin-guide/cgroup-v2.rst, "Populated Notification"). It tells so of a
// group 10 ms after it told the last time, and never if the group is removed meanwhile (kernel/cgroup/cgroup.c,
// cgroup_file_notify): so the removal is watched for, too.
func (w *Watcher) WatchCgroup(path string, gone func()) (cancel func(), err error) {
	dir, err := cgroupDir("cgroup2", "", path)
	if err != nil {
		return nil, err
	}
	return w.cgroups.watch(dir, gone)
}

// WatchMemoryCgroup is WatchCgroup for the hierarchy in which memory is counted. Where that is cgroup v1's, whose kernel tells
// one program only of groups that are empty (release_agent), one process of the group is watched at a time, as of a process
// group.
func (w *Watcher) WatchMemoryCgroup(path string, gone func()) (cancel func(), err error) {
	dir, err := cgroupDir("cgroup", "memory", path)
	if errors.Is(err, ErrNoCgroups) {
		return w.WatchCgroup(path, gone)
	}
	if err != nil {
		return nil, err
	}
	return w.join(groupKey{kind: memoryCgroup, path: dir}, Boot(), 0, gone)
}

// cgroups are those that are watched, all by one descriptor.
type cgroups struct {
	mu      sync.Mutex // guards the rest; held over the system calls that begin and end a watch. Taken alone
	inotify int        // 0 until there is one
	known   map[string]*cgroup
	watches map[int32][]*cgroup // by what inotify calls them
	next    uint64
}

type cgroup struct {
	dir     string
	watches [2]int32 // of its events, and of the group above it
	gone    map[uint64]func()
}

func (c *cgroup) events() string { return filepath.Join(c.dir, "cgroup.events") }

func (x *cgroups) watch(dir string, gone func()) (cancel func(), err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.known[dir]
	if c == nil {
		if c, err = x.open(dir); err != nil {
			return nil, err
		}
	}
	switch lives, err := populated(c.events()); {
	case err != nil && len(c.gone) == 0:
		x.endLocked(c)
		return nil, err
	case err != nil:
		return nil, err
	case !lives:
		go tell(x.endLocked(c)) // if somebody asked before: who reads the notices has yet to hear of it
		return nil, ErrGone
	}
	x.next++
	id := x.next
	c.gone[id] = gone
	return func() { x.leave(c, id) }, nil
}

// open begins to watch a group.
func (x *cgroups) open(dir string) (*cgroup, error) {
	if x.inotify == 0 {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		if err != nil {
			return nil, ErrFull
		}
		x.inotify = fd
		go x.read(fd)
	}
	c := &cgroup{dir: dir, gone: map[uint64]func(){}}
	for i, at := range []struct {
		path string
		what uint32
	}{{c.events(), unix.IN_MODIFY}, {filepath.Dir(dir), unix.IN_DELETE | unix.IN_ONLYDIR}} {
		n, err := unix.InotifyAddWatch(x.inotify, at.path, at.what)
		if err != nil {
			x.endLocked(c)
			switch err {
			case unix.ENOENT:
				return nil, ErrGone
			case unix.ENOSPC, unix.ENOMEM:
				return nil, ErrFull
			}
			return nil, fmt.Errorf("watch %s: %w", at.path, err)
		}
		c.watches[i] = int32(n)
		x.watches[int32(n)] = append(x.watches[int32(n)], c)
	}
	x.known[dir] = c
	return c, nil
}

func (x *cgroups) leave(c *cgroup, id uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, here := c.gone[id]; !here {
		return // it is told
	}
	if delete(c.gone, id); len(c.gone) == 0 {
		x.endLocked(c)
	}
}

// endLocked ends the watch of a group, and answers who is to be told. Groups above are watched for several.
func (x *cgroups) endLocked(c *cgroup) []func() {
	for _, n := range c.watches {
		left := slices.DeleteFunc(x.watches[n], func(o *cgroup) bool { return o == c })
		if x.watches[n] = left; len(left) == 0 {
			delete(x.watches, n)
			if n != 0 {
				unix.InotifyRmWatch(x.inotify, uint32(n))
			}
		}
	}
	if x.known[c.dir] == c {
		delete(x.known, c.dir)
	}
	all := make([]func(), 0, len(c.gone))
	for _, f := range c.gone {
		all = append(all, f)
	}
	clear(c.gone)
	return all
}

// read reads notices, for as long as the program runs.
func (x *cgroups) read(inotify int) {
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(inotify, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		tell(x.notice(buf[:n]))
	}
}

// notice looks at the groups that notices are about (inotify(7)), and answers who is to be told.
func (x *cgroups) notice(b []byte) (all []func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(b) >= unix.SizeofInotifyEvent {
		n, mask := int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:])
		b = b[min(len(b), unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(b[12:]))):]
		about := slices.Clone(x.watches[n])
		if mask&unix.IN_Q_OVERFLOW != 0 {
			for _, c := range x.known {
				about = append(about, c)
			}
		}
		for _, c := range about {
			all = append(all, x.look(c)...)
		}
	}
	return all
}

// look ends the watch of a group that is empty, and answers who is to be told. Where that cannot be read, it is looked at again.
func (x *cgroups) look(c *cgroup) []func() {
	const pause = time.Second
	lives, err := populated(c.events())
	switch {
	case err != nil:
		time.AfterFunc(pause, func() { tell(x.lookAgain(c)) })
	case !lives:
		return x.endLocked(c)
	}
	return nil
}

func (x *cgroups) lookAgain(c *cgroup) []func() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.known[c.dir] != c {
		return nil
	}
	return x.look(c)
}

// populated reads whether there is a process in a group or below it: none in one that was removed.
func populated(events string) (bool, error) {
	b, err := os.ReadFile(events)
	if removed(err) {
		return false, nil
	}
	return strings.Contains(string(b), "populated 1"), full(err)
}

// removed reports whether a file could not be read because its control group was removed.
func removed(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) }

// cgroupMembers lists the processes in a control group and below it.
func cgroupMembers(dir string) ([]int32, error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil && !removed(err) {
		return nil, full(err)
	}
	var found []int32
	for word := range strings.FieldsSeq(string(b)) {
		if pid, err := strconv.ParseInt(word, 10, 32); err == nil && pid > 0 {
			found = append(found, int32(pid))
		}
	}
	below, err := os.ReadDir(dir)
	if err != nil && !removed(err) {
		return nil, full(err)
	}
	for _, e := range below {
		if !e.IsDir() {
			continue
		}
		more, err := cgroupMembers(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// cgroupDir finds the directory of a group in the hierarchy of a type and, of v1, a controller (proc_pid_mountinfo(5)).
func cgroupDir(kind, controller, path string) (string, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		before, after, _ := strings.Cut(line, " - ")
		fields, kinds := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(kinds) < 3 || kinds[0] != kind {
			continue
		}
		if controller != "" && !slices.Contains(strings.Split(kinds[2], ","), controller) {
			continue
		}
		below, ok := strings.CutPrefix(path, strings.TrimSuffix(fields[3], "/"))
		if !ok || below != "" && below[0] != '/' {
			return "", fmt.Errorf("control group %s is not below %s, which is what is mounted at %s", path, fields[3], fields[4])
		}
		return filepath.Join(fields[4], below), nil
	}
	return "", ErrNoCgroups
}
