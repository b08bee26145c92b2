//go:build linux

package gofuse

import (
	"fmt"
	iofs "io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// Memory reads what the kernel tells of memory and cgroups.
type Memory struct {
	root      iofs.FS // "/"
	hierarchy hierarchy
	unified   hierarchy
}

var _ fs.MemoryReader = (*Memory)(nil)

// hierarchy is where the cgroups stand that memory is counted in.
type hierarchy struct {
	point string // without the leading slash; "" for nowhere
	root  string // of the mount within the hierarchy
	limit string // file names
	used  string
	psi   string // "" where there is none: v1 has no pressure
}

// NewMemory finds the hierarchy in the mount table of the process (proc_pid_mountinfo(5)).
func NewMemory(root iofs.FS) *Memory {
	m := &Memory{root: root}
	table, err := iofs.ReadFile(root, "proc/self/mountinfo")
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(table)) {
		before, after, ok := strings.Cut(line, " - ")
		fields, kinds := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(kinds) < 3 {
			continue
		}
		h := hierarchy{point: strings.TrimPrefix(fields[4], "/"), root: fields[3]}
		switch {
		case kinds[0] == "cgroup" && hasWord(kinds[2], "memory") && m.hierarchy.point == "":
			h.limit, h.used = "memory.limit_in_bytes", "memory.usage_in_bytes"
			m.hierarchy = h // v1 has the controller: v2 cannot have it, too
		case kinds[0] == "cgroup2" && m.unified.point == "":
			h.limit, h.used, h.psi = "memory.max", "memory.current", "memory.pressure"
			m.unified = h
		}
	}
	if m.hierarchy.point == "" {
		m.hierarchy = m.unified
	}
	return m
}

// Cgroup tells of one cgroup.
func (m *Memory) Cgroup(name string) (fs.CgroupMemory, bool) {
	g := fs.CgroupMemory{Path: name}
	h := &m.hierarchy
	below, ok := strings.CutPrefix(name, strings.TrimSuffix(h.root, "/"))
	if h.point == "" || !ok || below != "" && below[0] != '/' || strings.HasPrefix(below, "/..") {
		return g, false
	}
	dir := path.Join(h.point, below)
	if g.Used, ok = m.number(dir, h.used); !ok {
		return g, false
	}
	if g.Limit, ok = m.number(dir, h.limit); !ok {
		return g, false
	}
	if p, ok := m.pressure(path.Join(dir, h.psi)); h.psi != "" && ok {
		g.Pressure = &p
	}
	return g, true
}

// Tightest tells of the cgroup above which memory ends first.
func (m *Memory) Tightest(name string) (tightest fs.CgroupMemory, found bool) {
	for at := name; strings.HasPrefix(at, "/"); at = path.Dir(at) {
		g, ok := m.Cgroup(at)
		if ok && g.Limit != regions.Unlimited && (!found || g.Limit-g.Used < tightest.Limit-tightest.Used) {
			tightest, found = g, true
		}
		if at == "/" {
			break
		}
	}
	return tightest, found
}

// Pressure tells of the whole system; not all kernels do (CONFIG_PSI, psi=1).
func (m *Memory) Pressure() (fs.Pressure, bool) { return m.pressure("proc/pressure/memory") }

// OwnGroup answers the directory of this process's control group in the unified hierarchy, without the leading slash; ""
// where there is none.
func (m *Memory) OwnGroup() string {
	b, err := iofs.ReadFile(m.root, "proc/self/cgroup")
	if err != nil || m.unified.point == "" {
		return ""
	}
	_, own := cgroupsIn(string(b))
	below, ok := strings.CutPrefix(own, strings.TrimSuffix(m.unified.root, "/"))
	if own == "" || !ok || below != "" && below[0] != '/' || strings.HasPrefix(below, "/..") {
		return ""
	}
	return path.Join(m.unified.point, below)
}

// number reads bytes. In v1 no limit is the largest number of pages that fits (Linux mm/page_counter.c), in v2 "max".
func (m *Memory) number(dir, name string) (int64, bool) {
	b, err := iofs.ReadFile(m.root, path.Join(dir, name))
	if err != nil {
		return 0, false
	}
	text := strings.TrimSpace(string(b))
	if text == "max" {
		return regions.Unlimited, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, false
	}
	const pages = 1 << 16 // the largest page there is
	if n > regions.Unlimited-pages {
		n = regions.Unlimited
	}
	return n, true
}

// pressure reads lines such as: some avg10=0.00 avg60=0.12 avg300=0.05 total=29872
func (m *Memory) pressure(name string) (p fs.Pressure, ok bool) {
	b, err := iofs.ReadFile(m.root, name)
	if err != nil {
		return p, false
	}
	for line := range strings.Lines(string(b)) {
		var kind string
		var a10, a60, a300, total float64
		if _, err := fmt.Sscanf(line, "%s avg10=%f avg60=%f avg300=%f total=%f", &kind, &a10, &a60, &a300, &total); err != nil {
			return p, false
		}
		switch kind {
		case "some":
			p.Some10, p.Some60, ok = a10, a60, true
		case "full":
			p.Full10, p.Full60 = a10, a60
		}
	}
	return p, ok
}
