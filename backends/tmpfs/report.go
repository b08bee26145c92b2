//go:build linux

package tmpfs

import (
	"context"
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// Usage answers what statfs(2) says of the arena: a size of 0 is unlimited.
func (a *Arena) Usage(regions.NodeID) (regions.Usage, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(a.root, &s); err != nil {
		return regions.Usage{}, code(err)
	}
	return regions.Usage{
		Bytes:     s.Blocks * uint64(s.Bsize),
		BytesUsed: (s.Blocks - s.Bfree) * uint64(s.Bsize),
		Nodes:     s.Files,
		NodesUsed: s.Files - s.Ffree,
		BlockSize: uint32(s.Bsize),
		NameMax:   uint32(s.Namelen),
	}, nil
}

// Properties are the arena's declared differences.
func (a *Arena) Properties() regions.Properties { return a.properties }

// Walk calls fn for every node below a directory, parents first. It holds one directory open at a time.
func (a *Arena) Walk(ctx context.Context, from regions.NodeID, fn func(regions.Item) error) error {
	type pending struct {
		node regions.NodeID
		path string
	}
	todo := []pending{{from, ""}}
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		err := a.walkOne(at.node, at.path, func(it regions.Item) error {
			if it.Attr.IsDir() {
				todo = append(todo, pending{it.Attr.Node, it.Path})
			}
			return fn(it)
		})
		if err != nil && (at.node == from || !passable(err)) {
			return err
		}
	}
	return nil
}

// passable is an error of one directory that does not end a walk: it was removed meanwhile, and cannot be opened or not
// be read (ENOENT of getdents(2)), or it is closed to its own owner.
func passable(err error) bool {
	return errors.Is(err, regions.Stale) || errors.Is(err, regions.NotFound) || errors.Is(err, regions.AccessDenied)
}

func (a *Arena) walkOne(dir regions.NodeID, path string, fn func(regions.Item) error) error {
	fd, err := a.open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return code(err)
	}
	l := a.listing(a.inner(dir), fd)
	defer l.Close()
	if path != "" {
		path += "/"
	}
	var stop error
	err = l.Read(0, true, func(e regions.Entry) bool {
		if e.Attr.Node == regions.NoNode {
			return true // gone
		}
		it := regions.Item{Path: path + e.Name, Parent: dir, Attr: e.Attr}
		if a.recordName != "" && e.Attr.IsRegion() {
			it.Record, _ = a.recordIn(fd, e.Name)
		}
		stop = fn(it)
		return stop == nil
	})
	if stop != nil {
		return stop
	}
	return err
}

// Resize changes the arena's limits: Invalid if more is used already (mm/shmem.c, shmem_reconfigure).
func (a *Arena) Resize(bytes, nodes int64) error {
	if !a.mounted {
		return &regions.Refusal{Code: regions.NotSupported, Reason: "the arena is a directory in a tmpfs of the system's",
			Remedy: "mount as root to have an arena with a size of its own"}
	}
	fs, err := unix.Fspick(a.root, "", unix.FSPICK_EMPTY_PATH|unix.FSPICK_CLOEXEC)
	if err != nil {
		return code(err)
	}
	defer unix.Close(fs)
	for _, o := range []struct {
		name  string
		value int64
	}{{"size", bytes}, {"nr_inodes", nodes}} {
		if o.value <= 0 {
			continue
		}
		if err := unix.FsconfigSetString(fs, o.name, limit(o.value)); err != nil {
			return code(err)
		}
	}
	return code(unix.FsconfigReconfigure(fs))
}

// limit writes a size or a count as tmpfs takes it, where 0 is unlimited (tmpfs(5)).
func limit(n int64) string {
	if n == regions.Unlimited {
		return "0"
	}
	return strconv.FormatInt(n, 10)
}
