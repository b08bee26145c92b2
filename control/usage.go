package control

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/accounts"
)

// usageName is the directory of usageDir.
const usageName = "usage"

// usageKinds are its files, but for that of sessions.
var usageKinds = append([]accounts.Kind{accounts.OfDirectory}, accounts.SubjectKinds()...)

// sessionUsage is the file of sessions: the directories that are some.
const sessionUsage = "session"

// usageDir is `usage`: a file a kind of subject, in which each one that holds something has a line.
type usageDir struct{ d *directory }

// Names lists the files.
func (u usageDir) Names() []string {
	names := make([]string, len(usageKinds), len(usageKinds)+1)
	for i, k := range usageKinds {
		names[i] = k.String()
	}
	return append(names, sessionUsage)
}

// Find finds a file.
func (u usageDir) Find(name string) (fs.VirtualNode, bool) {
	if !slices.Contains(u.Names(), name) {
		return fs.VirtualNode{}, false
	}
	kind, ok := accounts.ParseKind(name)
	if !ok {
		kind = accounts.OfDirectory
	}
	return fs.VirtualNode{File: usageFile{u.d, kind, name == sessionUsage}}, true
}

// usageFile tells what each subject of one kind holds. The sums are kept, and not found by a walk.
type usageFile struct {
	d        *directory
	kind     accounts.Kind
	sessions bool // of directories, those that are sessions
}

func (u usageFile) Snapshot(ctx context.Context) ([]byte, error) {
	m := u.d.sources.Tree().Arena()
	m.Refresh()
	var p pairs
	now := time.Now()
	for _, s := range m.Accounts().Accounts(u.kind) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if u.sessions && !m.IsSession(regions.NodeID(s.ID)) {
			continue
		}
		writeUsage(&p, nameOf(m, &s), &s, now)
		if u.kind == accounts.OfCgroup {
			writeMemory(&p, u.d.sources.Tree().Memory(), s.Name)
		}
		p.end()
	}
	return p.b, nil
}

func writeUsage(p *pairs, name string, s *accounts.State, now time.Time) {
	p.add("name", name)
	for _, x := range []struct {
		key string
		n   int64
	}{
		{"promised", s.Used.Bytes}, {"resident", s.Used.Resident}, {"unlinked", s.Used.Unlinked}, {"reserved", s.Kept},
		{"regions", s.Used.Regions}, {"nodes", s.Used.Nodes},
		{"peak_promised", s.Peak.Bytes}, {"peak_regions", s.Peak.Regions},
	} {
		p.add(x.key, strconv.FormatInt(x.n, 10))
	}
	p.add("limit_bytes", maxOr(s.Settings.Bytes))
	p.add("limit_regions", maxOr(s.Settings.Regions))
	writeGrowth(p, s, now)
}

// writeMemory adds what the system tells of a cgroup's memory.
func writeMemory(p *pairs, m fs.MemoryReader, cgroup string) {
	g, ok := m.Cgroup(cgroup)
	if !ok {
		return
	}
	p.add("memory_used", strconv.FormatInt(g.Used, 10))
	limit := "max"
	if g.Limit != regions.Unlimited {
		limit = strconv.FormatInt(g.Limit, 10)
	}
	p.add("memory_limit", limit)
	if g.Pressure != nil {
		p.add("memory_pressure_some_avg10", percent(g.Pressure.Some10))
		p.add("memory_pressure_full_avg10", percent(g.Pressure.Full10))
	}
}

// Usage is a line of one of the files of `usage`.
type Usage struct {
	Name         string `json:"name"` // a path, a number, or a label
	Promised     int64  `json:"promised"`
	Resident     int64  `json:"resident"`
	Unlinked     int64  `json:"unlinked"` // of promised: of regions without a name
	Reserved     int64  `json:"reserved"` // for directories below, and not used
	Regions      int64  `json:"regions"`
	Nodes        int64  `json:"nodes"` // regions, directories and others
	PeakPromised int64  `json:"peak_promised"`
	PeakRegions  int64  `json:"peak_regions"`
	LimitBytes   int64  `json:"limit_bytes"` // regions.Unlimited for none
	LimitRegions int64  `json:"limit_regions"`
	Rate         int64  `json:"rate"`    // of what is promised, in bytes a second
	FullIn       int64  `json:"full_in"` // seconds until a limit is reached at that rate; regions.Unlimited for never
	// Of a cgroup, where the system tells: its memory in bytes, regions.Unlimited for no limit, and how much of the last
	// ten seconds some or all of its programs waited for memory, in percent.
	MemoryUsed         *int64   `json:"memory_used,omitempty"`
	MemoryLimit        *int64   `json:"memory_limit,omitempty"`
	MemoryPressureSome *float64 `json:"memory_pressure_some_avg10,omitempty"`
	MemoryPressureFull *float64 `json:"memory_pressure_full_avg10,omitempty"`
}

// ReadUsage reads one of the files of `usage`.
func ReadUsage(r io.Reader) ([]Usage, error) {
	return readPairs(r, func(p map[string]string) (x Usage, err error) {
		x = Usage{Name: p["name"]}
		err = numbers(p, map[string]*int64{
			"promised": &x.Promised, "resident": &x.Resident, "unlinked": &x.Unlinked, "reserved": &x.Reserved,
			"regions": &x.Regions, "nodes": &x.Nodes, "peak_promised": &x.PeakPromised, "peak_regions": &x.PeakRegions,
			"limit_bytes": &x.LimitBytes, "limit_regions": &x.LimitRegions, "rate": &x.Rate, "full_in": &x.FullIn,
		})
		if err == nil {
			err = x.readMemory(p)
		}
		return x, err
	})
}

// readMemory reads the keys that are not always there.
func (u *Usage) readMemory(p map[string]string) error {
	for key, into := range map[string]**int64{"memory_used": &u.MemoryUsed, "memory_limit": &u.MemoryLimit} {
		if p[key] == "" {
			continue
		}
		*into = new(int64)
		if err := numbers(p, map[string]*int64{key: *into}); err != nil {
			return err
		}
	}
	for key, into := range map[string]**float64{
		"memory_pressure_some_avg10": &u.MemoryPressureSome, "memory_pressure_full_avg10": &u.MemoryPressureFull,
	} {
		if p[key] == "" {
			continue
		}
		x, err := strconv.ParseFloat(p[key], 64)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		*into = &x
	}
	return nil
}
