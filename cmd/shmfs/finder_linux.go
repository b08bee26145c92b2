package main

import (
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
)

// procFinder finds mounts and holders in /proc. It asks no file system that may have lost its server.
type procFinder struct {
	root fs.FS
}

var _ finder = procFinder{}

func newFinder(root fs.FS) finder { return procFinder{root} }

// table reads a process's mounts; pid is "self" or a number.
func (f procFinder) table(pid string) ([]fusemount.Entry, error) {
	file, err := f.root.Open("proc/" + pid + "/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return fusemount.ParseTable(file)
}

func (f procFinder) points() ([]string, error) {
	table, err := f.table("self")
	var points []string
	for _, m := range table {
		if isShmfs(table, m.Point) && m.Root == "/" && !slices.Contains(points, m.Point) {
			points = append(points, m.Point)
		}
	}
	return points, err
}

// isShmfs reports whether what is mounted at a place, on top of all else, is a shmfs.
func isShmfs(table []fusemount.Entry, point string) bool {
	top, ok := fusemount.At(table, point)
	return ok && top.Type == fusemount.Type
}

// point looks at the path as it is written first, then with the symlinks of its directory followed: the last name may
// be a mount that has lost its server, and would answer ENOTCONN.
func (f procFinder) point(path string) (string, error) {
	table, err := f.table("self")
	if err != nil {
		return "", err
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if isShmfs(table, full) {
		return full, nil
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(full)); err == nil {
		if resolved := filepath.Join(dir, filepath.Base(full)); isShmfs(table, resolved) {
			return resolved, nil
		}
	}
	if resolved, err := filepath.EvalSymlinks(full); err == nil && isShmfs(table, resolved) {
		return resolved, nil
	}
	return "", noMount(f, path)
}

func (f procFinder) holders(point string) ([]holder, error) {
	table, err := f.table("self")
	if err != nil {
		return nil, err
	}
	m, ok := fusemount.At(table, point)
	if !ok {
		return nil, noMount(f, point)
	}
	s := &holderSearch{proc: f, device: m.Device(), namespaces: map[string][]fusemount.Entry{}}
	return s.all()
}

func (f procFinder) below(point string) ([]string, error) {
	table, err := f.table("self")
	var points []string
	for _, m := range table {
		if rest, ok := within(point, m.Point); ok && rest != "" {
			points = append(points, m.Point)
		}
	}
	return points, err
}
