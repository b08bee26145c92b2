package fstest

import (
	"slices"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// list answers a directory's entries by name, without "." and "..".
func list(c Client, path string) ([]regions.Entry, error) {
	f, err := c.Open(path, Read|Directory, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []regions.Entry
	for {
		some, err := f.List(64)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			break
		}
		for _, e := range some {
			if e.Name != "." && e.Name != ".." {
				all = append(all, e)
			}
		}
	}
	slices.SortFunc(all, func(a, b regions.Entry) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// removeAll removes a directory and all below it, whatever the modes are. It goes down one level at a time, so that no
// path grows too long.
func removeAll(c Client, path string) error {
	if err := c.Chmod(path, 0o700); err != nil {
		return err
	}
	sub, err := c.Sub(path)
	if err != nil {
		return err
	}
	defer closeClient(sub)
	entries, err := list(sub, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type == regions.TypeDir {
			err = removeAll(sub, e.Name)
		} else {
			err = sub.Unlink(e.Name)
		}
		if err != nil {
			return err
		}
	}
	return c.Rmdir(path)
}
