package control

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shmfs/shmfs/regions"
)

// Region is one region, as regions.json has it.
type Region struct {
	ID            string    `json:"id"` // 16 hexadecimal digits; "" for one that shmfs did not make
	Path          string    `json:"path"`
	PathBase64    []byte    `json:"path_base64,omitempty"` // the path's bytes, where they are not UTF-8
	Node          string    `json:"node"`                  // inode generation and number in the arena
	Inode         uint64    `json:"inode"`
	Size          int64     `json:"size"`
	Resident      int64     `json:"resident"` // bytes of memory
	Mode          string    `json:"mode"`     // octal
	UID           uint32    `json:"uid"`
	GID           uint32    `json:"gid"`
	Links         uint32    `json:"links"`
	Opens         int       `json:"opens"` // descriptors, of which writers were opened for writing
	Writers       int       `json:"writers"`
	InUse         bool      `json:"in_use"` // open or mapped
	Created       time.Time `json:"created,omitzero"`
	LastUsed      time.Time `json:"last_used,omitzero"`
	CreatorPID    uint32    `json:"creator_pid"` // 0 if it could not be named
	CreatorUID    uint32    `json:"creator_uid"`
	CreatorGID    uint32    `json:"creator_gid"`
	CreatorCgroup string    `json:"creator_cgroup,omitempty"` // its path
	OwnerKind     string    `json:"owner_kind"`
	Owner         string    `json:"owner"` // its number, or the path of a control group; "" for unknown
}

// eachRegion calls fn for every region at or below the query's prefix, once for each, by the first of its names that
// is met. Walks take turns: two at once would take twice the processor from clients, and be no faster.
func (d *directory) eachRegion(ctx context.Context, query url.Values, fn func(*regions.Item) error) error {
	select {
	case d.walking <- struct{}{}:
		defer func() { <-d.walking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	prefix := strings.Trim(query.Get("prefix"), "/")
	arena := d.sources.Tree().Arena()
	at, err := find(arena, prefix)
	switch {
	case errors.Is(err, regions.NotFound):
		return nil
	case err != nil:
		return err
	case at.IsRegion():
		record, _ := arena.Record(at.Node)
		return fn(&regions.Item{Path: prefix, Attr: at, Record: record})
	case !at.IsDir():
		return nil
	}
	if prefix != "" {
		prefix += "/"
	}
	seen := map[regions.NodeID]bool{} // nodes of several names
	return arena.Walk(ctx, at.Node, func(it regions.Item) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !it.Attr.IsRegion() || seen[it.Attr.Node] {
			return nil
		}
		if it.Attr.Nlink > 1 {
			seen[it.Attr.Node] = true
		}
		it.Path = prefix + it.Path
		return fn(&it)
	})
}

// find resolves a path from the root. It follows no symlinks: NotFound below one.
func find(arena *regions.Manager, path string) (regions.Attr, error) {
	at, err := arena.Getattr(regions.RootNode)
	for name := range strings.SplitSeq(path, "/") {
		if err != nil || name == "" {
			continue
		}
		if !at.IsDir() || name == "." || name == ".." {
			return at, regions.NotFound
		}
		at, err = arena.Lookup(at.Node, name)
	}
	return at, err
}

// below reports whether path is prefix or lies below it; everything is below "".
func below(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (prefix == "" || rest == "" || rest[0] == '/')
}

// region gathers what is known of a region.
func (d *directory) region(it *regions.Item) Region {
	m, a := d.sources.Tree().Arena(), &it.Attr
	use := m.Use(a.Node)
	r := Region{
		Path: it.Path, Node: a.Node.String(), Inode: a.Ino, Size: a.Size, Resident: a.Resident(),
		Mode: octal(a.Mode & regions.ModePerm), UID: a.UID, GID: a.GID, Links: a.Nlink,
		Opens: use.Opens, Writers: use.Writers, InUse: use.InUse, LastUsed: m.LastUsed(a).UTC(),
		CreatorUID: a.UID, CreatorGID: a.GID,
	}
	who := m.OwnerIn(a.Node, &it.Record)
	r.OwnerKind, r.Owner = kindOf(who), who.Name()
	if a.Btime != (regions.Timestamp{}) {
		r.Created = a.Btime.Time().UTC()
	}
	if rec := it.Record; rec.ID != 0 {
		r.ID, r.Created = rec.ID.String(), rec.Created.UTC()
		r.CreatorPID, r.CreatorUID, r.CreatorGID = rec.PID, rec.UID, rec.GID
		r.CreatorCgroup = rec.Cgroup
	}
	return r
}

// octal writes permission bits as chmod(1) takes them: four digits.
func octal(mode uint32) string { return strconv.FormatUint(uint64(mode)|0o10000, 8)[1:] }
