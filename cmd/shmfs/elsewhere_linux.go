package main

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
)

func (f procFinder) device(point string) (uint64, error) {
	table, err := f.table("self")
	if err != nil {
		return 0, err
	}
	m, ok := fusemount.At(table, point)
	if !ok {
		return 0, noMount(f, point)
	}
	return m.Device(), nil
}

// elsewhere reads the mount table of each process. The number of a mount is the same for all who see it, so that each
// is told once.
func (f procFinder) elsewhere(device uint64) ([]sighting, error) {
	entries, err := fs.ReadDir(f.root, "proc")
	if err != nil {
		return nil, err
	}
	var all []sighting
	search := &holderSearch{proc: f, device: device, namespaces: map[string][]fusemount.Entry{}}
	told := map[int]bool{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		for _, m := range search.points(e.Name()) {
			if !told[m.ID] {
				told[m.ID] = true
				all = append(all, sighting{pid: pid, command: search.describe(pid, nil).Command, point: m.Point})
			}
		}
	}
	return all, nil
}

// earlier finds mappings by the name that they have within their file system, on devices that are mounted nowhere here.
// Where such a file system is mounted in another namespace, its place there comes before the name.
func (f procFinder) earlier(names []string) ([]holder, error) {
	table, err := f.table("self")
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(f.root, "proc")
	if err != nil {
		return nil, err
	}
	var all []holder
	search := &holderSearch{proc: f}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if holds := f.unmounted(e.Name(), table, names); len(holds) > 0 {
			all = append(all, search.describe(pid, holds))
		}
	}
	return all, nil
}

// unmounted answers what a process has mapped under one of the names, on none of the devices of the table.
func (f procFinder) unmounted(pid string, table []fusemount.Entry, names []string) []hold {
	data, err := fs.ReadFile(f.root, "proc/"+pid+"/maps")
	if err != nil {
		return nil
	}
	var all []hold
	for line := range strings.Lines(string(data)) {
		m, ok := parseMapping(strings.TrimSuffix(line, "\n"))
		if !ok || m.inode == 0 || unix.Major(m.device) != 0 { // FUSE has no block device
			continue
		}
		if slices.ContainsFunc(table, func(e fusemount.Entry) bool { return e.Device() == m.device }) {
			continue
		}
		path := strings.TrimSuffix(m.path, deletedMark)
		if i := slices.IndexFunc(names, func(n string) bool { return strings.HasSuffix(path, "/"+n) }); i >= 0 {
			all = append(all, hold{"mapping", names[i], m.inode})
		}
	}
	slices.SortStableFunc(all, func(a, b hold) int { return strings.Compare(a.Path, b.Path) })
	return slices.Compact(all)
}
