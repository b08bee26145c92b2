package main

import (
	"context"
	"errors"
	"os"

	"github.com/shmfs/shmfs/backends/tmpfs"
)

// openArena finds the arena that the last mount left here, or makes one.
func (s *serving) openArena(ctx context.Context) error {
	c := s.options.config
	o := tmpfs.Options{
		Bytes: c.Size.Of(s.ram), Nodes: c.Inodes, Huge: string(c.Huge), NUMA: c.NUMA, Mode: c.Mode,
	}
	if !c.Ephemeral {
		at, err := claim(ctx, tmpfs.Place(s.point, os.Geteuid()))
		if err != nil {
			return arenaFailure(err)
		}
		s.place, o.Dir = at, at.path
	}
	var err error
	switch {
	case os.Geteuid() != 0:
		s.arena, err = tmpfs.Directory(o.Dir)
	case o.Dir != "" && tmpfs.Attached(o.Dir):
		s.arena, err = adopt(o)
		s.found = true
	default:
		s.arena, err = tmpfs.Mount(o)
	}
	if err != nil && s.place != nil {
		err = errors.Join(err, s.place.release(s.found))
	}
	return arenaFailure(err)
}

// adopt takes an arena over, and gives it the limits that are asked for now. Huge pages and NUMA policy stay as they
// were made.
func adopt(o tmpfs.Options) (*tmpfs.Arena, error) {
	a, err := tmpfs.Attach(o.Dir)
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
