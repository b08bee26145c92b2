package main

import (
	"errors"
	"os"

	"github.com/shmfs/shmfs/backends/tmpfs"
)

// openArena finds the arena that the last mount left here, or makes one.
func (s *serving) openArena() error {
	c := s.options.config
	o := tmpfs.Options{
		Bytes: c.Size.Of(s.ram), Nodes: c.Inodes, Huge: string(c.Huge), NUMA: c.NUMA, Mode: c.Mode,
	}
	if !c.Ephemeral {
		s.place = tmpfs.Place(s.point, os.Geteuid())
		if err := tmpfs.Prepare(s.place); err != nil {
			return arenaFailure(err)
		}
		o.Dir = s.place
	}
	var err error
	switch {
	case os.Geteuid() != 0:
		s.arena, err = tmpfs.Directory(s.place)
	case s.place != "" && tmpfs.Attached(s.place):
		s.arena, err = adopt(s.place, o)
		s.found = true
	default:
		s.arena, err = tmpfs.Mount(o)
	}
	return arenaFailure(err)
}

// adopt takes an arena over, and gives it the limits that are asked for now. Huge pages and NUMA policy stay as they
// were made.
func adopt(place string, o tmpfs.Options) (*tmpfs.Arena, error) {
	a, err := tmpfs.Attach(place)
	if err != nil {
		return nil, err
	}
	if err := a.Resize(o.Bytes, o.Nodes); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func arenaFailure(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return notPermitted("making the arena", err)
	}
	return err
}
