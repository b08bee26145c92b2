package fstest

import (
	"errors"
	"slices"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// spot is where a path leads.
type spot struct {
	dirs    []regions.NodeID // from the root down to the directory that holds the name
	name    string           // "" if the path ends in "." or "..": attr is the directory's own
	attr    regions.Attr     // of what the name stands for
	missing bool             // nothing has the name
}

func (s *spot) dir() regions.NodeID { return s.dirs[len(s.dirs)-1] }

// below is the way to the spot itself, a directory.
func (s *spot) below() []regions.NodeID {
	if s.name == "" {
		return s.dirs
	}
	return append(slices.Clone(s.dirs), s.attr.Node)
}

// mostLinks is how many symlinks a path may lead over (MAXSYMLINKS, Linux include/linux/namei.h).
const mostLinks = 40

// walk resolves a path: its last name may be missing, the others not. It follows a symlink at the end if follow is
// true.
func (c *inProcess) walk(path string, follow bool) (spot, error) {
	s := spot{dirs: slices.Clone(c.at)}
	rest := split(path)
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		if err := c.step(&s, part); err != nil {
			return s, err
		}
		last := len(rest) == 0
		if s.missing && last {
			return s, nil
		}
		if s.missing {
			return s, regions.NotFound
		}
		if s.attr.Type() == regions.TypeSymlink && (follow || !last) {
			if links++; links > mostLinks {
				return s, regions.Loop
			}
			target, err := c.tree.Readlink(s.attr.Node)
			if err != nil {
				return s, err
			}
			if strings.HasPrefix(target, "/") {
				s.dirs = s.dirs[:1]
			}
			s.name = ""
			rest = append(split(target), rest...)
		} else if !last {
			if !s.attr.IsDir() {
				return s, regions.NotDir
			}
			s.dirs, s.name = s.below(), ""
		}
	}
	if s.name != "" {
		return s, nil
	}
	var err error
	s.attr, err = c.tree.Getattr(s.dir())
	return s, err
}

// step takes one name.
func (c *inProcess) step(s *spot, part string) (err error) {
	s.name, s.missing = "", false
	switch part {
	case "..":
		s.dirs = s.dirs[:max(1, len(s.dirs)-1)]
		fallthrough
	case ".":
		s.attr, err = c.tree.Getattr(s.dir())
		return err
	}
	s.name = part
	s.attr, err = c.tree.Lookup(s.dir(), part)
	if errors.Is(err, regions.NotFound) {
		s.missing, err = true, nil
	}
	return err
}

// find resolves a path to what must be there.
func (c *inProcess) find(path string, follow bool) (s spot, err error) {
	err = c.onPath(path, follow, func(found spot) error {
		if found.missing {
			return regions.NotFound
		}
		s = found
		return nil
	})
	return s, err
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}
