package fstest

import (
	"errors"
	"slices"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// spot is where a path leads.
type spot struct {
	dirs []regions.NodeID // from the root down to the directory that holds the name
	name string           // "" if the path ends in "." or "..": attr is the directory's own
	attr regions.Attr     // of what the name stands for
	err  error            // why there are no attributes: nothing has the name, or nothing can
	last string           // the name, or the "." or ".." that the path ends in
}

func (s *spot) missing() bool { return errors.Is(s.err, regions.NotFound) }

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

// walk resolves a path: its last name need not be there, the others must. It follows a symlink at the end if follow is
// true.
func (c *inProcess) walk(path string, follow bool) (spot, error) {
	s := spot{dirs: slices.Clone(c.at)}
	rest := split(path)
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		last := len(rest) == 0
		if c.step(&s, part); s.err != nil && last {
			return s, nil
		}
		if s.err != nil {
			return s, s.err
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
	if s.name == "" {
		s.attr, s.err = c.tree.Getattr(s.dir())
	}
	return s, nil
}

// step takes one name.
func (c *inProcess) step(s *spot, part string) {
	s.last = part
	switch part {
	case "..":
		s.dirs = s.dirs[:max(1, len(s.dirs)-1)]
		fallthrough
	case ".":
		s.name = ""
		s.attr, s.err = c.tree.Getattr(s.dir())
	default:
		s.name = part
		s.attr, s.err = c.tree.Lookup(s.dir(), part)
	}
}

// find resolves a path to what must be there.
func (c *inProcess) find(path string, follow bool) (s spot, err error) {
	err = c.onPath(path, follow, func(found spot) error {
		s = found
		return found.err
	})
	return s, err
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}
