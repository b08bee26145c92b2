package mem

import (
	"context"

	"github.com/shmfs/shmfs/regions"
)

// Usage answers limits and use, the same for every node.
func (a *Arena) Usage(regions.NodeID) (regions.Usage, error) { return a.limits.usage(), nil }

// Resize sets limits: Invalid for one below what is in use. Zero leaves one as it is, regions.Unlimited takes it away.
func (a *Arena) Resize(bytes, nodes int64) error { return a.limits.resize(bytes, nodes) }

// Properties are the arena's declared differences.
func (a *Arena) Properties() regions.Properties {
	return regions.Properties{
		Kind:      "mem",
		Stateless: true,
		Losses: []regions.Loss{
			{
				What:   "regions that outlive the server",
				Why:    "names and memory are the server's own",
				Remedy: "use the tmpfs backend where there is one (Linux)",
			},
			{
				What:   "mappings of a region's own pages",
				Why:    "the kernel maps a copy of what it reads from the server",
				Remedy: "use the tmpfs backend where there is one (Linux)",
			},
		},
	}
}

// Walk calls fn for every name below a directory, parents first.
func (a *Arena) Walk(ctx context.Context, from regions.NodeID, fn func(regions.Item) error) error {
	root, err := a.get(from)
	if err != nil {
		return err
	}
	if root.dir == nil {
		return regions.NotDir
	}
	type pending struct {
		dir  *node
		path string // with a slash at the end, but for the first
	}
	for todo := []pending{{root, ""}}; len(todo) > 0; {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		err := a.walkDir(ctx, next.dir, func(l listed) error {
			path := next.path + l.entry.Name
			if l.node.dir != nil {
				todo = append(todo, pending{l.node, path + "/"})
			}
			return fn(regions.Item{Path: path, Parent: next.dir.id, Attr: l.entry.Attr, Record: l.node.record})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// walkDir calls fn for every entry of a directory.
func (a *Arena) walkDir(ctx context.Context, dir *node, fn func(listed) error) error {
	for off := uint64(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		items, err := a.portion(dir, off, lastPortion)
		if err != nil {
			return nil // removed meanwhile
		}
		for _, it := range items {
			if err := fn(it); err != nil {
				return err
			}
			off = it.entry.Off
		}
		if len(items) < lastPortion {
			return nil
		}
	}
}
