package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
)

// deletedMark is what the kernel writes behind the name of a file that has none any more (fs/d_path.c).
const deletedMark = " (deleted)"

// holderSearch looks through /proc for who holds something of the file system with a device number: in maps, which are
// exact, and in the links that proc(5) has for each process. It touches nothing below the mount point, so it answers
// when the server is dead, too. Processes that we may not look into are left out.
type holderSearch struct {
	proc       procFinder
	device     uint64
	namespaces map[string][]fusemount.Entry // of each mount namespace, the places of our device
}

func (s *holderSearch) all() ([]holder, error) {
	entries, err := fs.ReadDir(s.proc.root, "proc")
	if err != nil {
		return nil, err
	}
	var all []holder
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if holds := s.holds(e.Name()); len(holds) > 0 {
			all = append(all, s.describe(pid, holds))
		}
	}
	slices.SortFunc(all, func(a, b holder) int { return cmp.Compare(a.PID, b.PID) })
	return all, nil
}

func (s *holderSearch) holds(pid string) []hold {
	points := s.points(pid)
	all := s.mappings(pid, points)
	for _, link := range []struct{ how, name string }{{"cwd", "cwd"}, {"root", "root"}, {"program", "exe"}} {
		if path, ok := s.link(pid, link.name, points); ok {
			all = append(all, hold{How: link.how, Path: path})
		}
	}
	all = append(all, s.descriptors(pid, points)...)
	slices.SortStableFunc(all, func(a, b hold) int { return cmp.Compare(a.Path, b.Path) })
	return slices.Compact(all)
}

// points answers where the process sees the file system. Processes share few namespaces, so each is read once.
func (s *holderSearch) points(pid string) []fusemount.Entry {
	namespace, err := fs.ReadLink(s.proc.root, "proc/"+pid+"/ns/mnt")
	if err != nil {
		namespace = pid
	}
	known, ok := s.namespaces[namespace]
	if ok {
		return known
	}
	all, _ := s.proc.table(pid) // a process that has ended has none
	points := slices.DeleteFunc(all, func(m fusemount.Entry) bool { return m.Device() != s.device })
	s.namespaces[namespace] = points
	return points
}

// mappings finds the mappings by their device number: exact whatever their path reads.
func (s *holderSearch) mappings(pid string, points []fusemount.Entry) []hold {
	data, err := fs.ReadFile(s.proc.root, "proc/"+pid+"/maps")
	if err != nil {
		return nil
	}
	var all []hold
	for line := range strings.Lines(string(data)) {
		m, ok := parseMapping(strings.TrimSuffix(line, "\n"))
		if ok && m.device == s.device {
			all = append(all, hold{"mapping", relative(m.path, points), m.inode})
		}
	}
	return all
}

// mapping is a line of /proc/PID/maps (proc_pid_maps(5)).
type mapping struct {
	device, inode uint64
	path          string
}

// parseMapping reads "7f1e4c000000-7f1e8c000000 rw-s 00000000 00:2d 1312 /mnt/shm/frames"; a path is anything behind.
func parseMapping(line string) (mapping, bool) {
	fields := strings.SplitN(line, " ", 6)
	if len(fields) < 5 {
		return mapping{}, false
	}
	major, minor, found := strings.Cut(fields[3], ":")
	a, err1 := strconv.ParseUint(major, 16, 32)
	b, err2 := strconv.ParseUint(minor, 16, 32)
	inode, err3 := strconv.ParseUint(fields[4], 10, 64)
	if !found || err1 != nil || err2 != nil || err3 != nil {
		return mapping{}, false
	}
	m := mapping{device: unix.Mkdev(uint32(a), uint32(b)), inode: inode}
	if len(fields) == 6 { // of a path, only line ends are escaped (fs/proc/task_mmu.c)
		m.path = strings.ReplaceAll(strings.TrimLeft(fields[5], " "), `\012`, "\n")
	}
	return m, true
}

// relative is the path within the file system; the path as it reads where it is in none of the points: detached.
func relative(path string, points []fusemount.Entry) string {
	path = strings.TrimSuffix(path, deletedMark)
	for _, m := range points {
		if inside, ok := inside(m, path); ok {
			return inside
		}
	}
	return strings.TrimPrefix(path, "/")
}

// link reads a link such as cwd, and answers the path within the file system if it is in there.
func (s *holderSearch) link(pid, name string, points []fusemount.Entry) (string, bool) {
	target, err := fs.ReadLink(s.proc.root, "proc/"+pid+"/"+name)
	if err != nil {
		return "", false
	}
	for _, m := range points {
		if inside, ok := inside(m, strings.TrimSuffix(target, deletedMark)); ok {
			return inside, true
		}
	}
	return "", false
}

// descriptors finds open files: by the path, which is cheap, and then by what fdinfo tells (proc_pid_fdinfo(5)),
// because something else may be mounted below the mount point.
func (s *holderSearch) descriptors(pid string, points []fusemount.Entry) []hold {
	entries, err := fs.ReadDir(s.proc.root, "proc/"+pid+"/fd")
	if err != nil {
		return nil
	}
	var all []hold
	for _, e := range entries {
		path, ok := s.link(pid, "fd/"+e.Name(), points)
		if !ok {
			continue
		}
		mount, inode, known := s.fdinfo(pid, e.Name())
		if !known || slices.ContainsFunc(points, func(m fusemount.Entry) bool { return m.ID == mount }) {
			all = append(all, hold{"descriptor", path, inode})
		}
	}
	return all
}

// fdinfo answers on which mount a descriptor was opened, and its inode (0 before Linux 5.14).
func (s *holderSearch) fdinfo(pid, fd string) (mount int, inode uint64, ok bool) {
	data, err := fs.ReadFile(s.proc.root, "proc/"+pid+"/fdinfo/"+fd)
	if err != nil {
		return 0, 0, false
	}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 63)
		switch {
		case err != nil:
		case key == "mnt_id":
			mount, ok = int(n), true
		case key == "ino":
			inode = n
		}
	}
	return mount, inode, ok
}

// describe names a process: by its command line, or its short name where that is empty.
func (s *holderSearch) describe(pid int, holds []hold) holder {
	dir := fmt.Sprintf("proc/%d/", pid)
	h := holder{PID: pid, UID: -1, Holds: holds}
	if line, err := fs.ReadFile(s.proc.root, dir+"cmdline"); err == nil {
		h.Command = strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
	}
	if comm, err := fs.ReadFile(s.proc.root, dir+"comm"); err == nil && h.Command == "" {
		h.Command = strings.TrimSpace(string(comm))
	}
	if status, err := fs.ReadFile(s.proc.root, dir+"status"); err == nil {
		h.UID = uidOf(string(status))
	}
	return h
}

// uidOf reads the real user from /proc/PID/status, -1 if it is not there.
func uidOf(status string) int {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "Uid:"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				if uid, err := strconv.Atoi(fields[0]); err == nil {
					return uid
				}
			}
		}
	}
	return -1
}

// within answers the part of a path below a directory, "" for the directory itself.
func within(dir, p string) (string, bool) {
	if dir == "/" {
		return strings.TrimPrefix(p, "/"), strings.HasPrefix(p, "/")
	}
	if p == dir {
		return "", true
	}
	return strings.CutPrefix(p, dir+"/")
}

// inside answers the path within a mounted file system, relative to its root, of a path below the mount point.
func inside(m fusemount.Entry, p string) (string, bool) {
	rest, ok := within(m.Point, p)
	return strings.TrimPrefix(path.Join(m.Root, rest), "/"), ok
}
