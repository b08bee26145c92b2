//go:build linux

package tmpfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// Finding is something in an arena that shmfs does not leave there, or that it cannot use.
type Finding struct {
	Kind  FindingKind
	Path  string // relative to the arena
	Found string
	Mend  string // what Mended does; "" if nothing mends it
	mend  func() error
}

// FindingKind names what is wrong, for programs.
type FindingKind string

const (
	NoRecord         FindingKind = "no-record"         // a create was interrupted, or somebody else made it
	UnreadableRecord FindingKind = "unreadable-record" // damaged
	LaterRecord      FindingKind = "later-record"      // written by a release that this one does not know
	RepeatedID       FindingKind = "repeated-id"       // two regions say that they are the same one
)

// Mended mends a finding that can be.
func (f Finding) Mended() error { return f.mend() }

// Checked is what a check met.
type Checked struct {
	Regions, Directories, Others int
	Bytes                        int64    // sizes of regions
	Nameless                     int64    // bytes of memory that regions without a name occupy: somebody holds them
	Closed                       []string // directories that are closed to their own owner, and were not looked into
	Findings                     []Finding
}

// checking is a check while it goes on.
type checking struct {
	arena   *Arena
	checked Checked
	blocks  uint64 // of 512 bytes
	seen    map[regions.NodeID]bool
	byID    map[regions.ID][]regions.Item
}

// Check holds every region against its record. It changes nothing. What requests do meanwhile may look like something
// wrong, so what a server is using is to be looked at twice.
func (a *Arena) Check(ctx context.Context) (Checked, error) {
	c := &checking{arena: a, seen: map[regions.NodeID]bool{}, byID: map[regions.ID][]regions.Item{}}
	if err := a.Walk(ctx, regions.RootNode, c.item); err != nil {
		return c.checked, err
	}
	c.repeated()
	slices.SortStableFunc(c.checked.Findings, func(x, y Finding) int { return cmp.Compare(x.Path, y.Path) })
	if a.mounted {
		u, err := a.Usage(regions.RootNode)
		if err != nil {
			return c.checked, err
		}
		c.checked.Nameless = max(0, int64(u.BytesUsed)-int64(c.blocks)*512)
	}
	return c.checked, nil
}

// item looks at one name.
func (c *checking) item(it regions.Item) error {
	if c.seen[it.Attr.Node] {
		return nil // another name of it
	}
	c.seen[it.Attr.Node] = true
	c.blocks += it.Attr.Blocks
	switch {
	case it.Attr.IsDir():
		c.checked.Directories++
		c.directory(it)
		return nil
	case !it.Attr.IsRegion():
		c.checked.Others++
		return nil
	}
	c.checked.Regions++
	c.checked.Bytes += it.Attr.Size
	if c.arena.recordName == "" {
		return nil // this kernel keeps none
	}
	if it.Record.ID == 0 {
		var err error
		if it.Record, err = c.arena.Record(it.Attr.Node); err != nil {
			c.unrecorded(it, err)
			return nil
		}
	}
	c.byID[it.Record.ID] = append(c.byID[it.Record.ID], it)
	return nil
}

// directory takes note of one that Walk passes over.
func (c *checking) directory(it regions.Item) {
	fd, err := c.arena.open(it.Attr.Node, unix.O_RDONLY|unix.O_DIRECTORY)
	if err == nil {
		unix.Close(fd)
	} else if errors.Is(err, unix.EACCES) {
		c.checked.Closed = append(c.checked.Closed, it.Path)
	}
}

// unrecorded is for a region whose record is not there or cannot be read.
func (c *checking) unrecorded(it regions.Item, why error) {
	f := Finding{Path: it.Path, Found: why.Error()}
	var later *regions.LaterRecordError
	switch {
	case errors.Is(why, regions.Stale) || errors.Is(why, regions.NotFound):
		return // it is gone
	case errors.As(why, &later):
		f.Kind = LaterRecord
		c.checked.Findings = append(c.checked.Findings, f)
		return
	case errors.Is(why, regions.NoData):
		f.Kind, f.Found = NoRecord, "it has no record"
	default:
		f.Kind = UnreadableRecord
	}
	f.Mend = "write one, with a new id"
	f.mend = func() error { return c.arena.writeRecord(it.Attr.Node, recordOf(&it.Attr)) }
	c.checked.Findings = append(c.checked.Findings, f)
}

// recordOf is the best record for a region whose own is lost. Who made it cannot be told.
func recordOf(a *regions.Attr) regions.Record {
	return regions.Record{ID: regions.NewID(), Created: a.Btime.Time(), UID: a.UID, GID: a.GID}
}

// repeated finds ids that several regions have. The oldest keeps it: its number is the lowest, because tmpfs counts up.
func (c *checking) repeated() {
	for id, all := range c.byID {
		if len(all) < 2 {
			continue
		}
		slices.SortFunc(all, func(x, y regions.Item) int {
			return cmp.Or(x.Attr.Btime.Time().Compare(y.Attr.Btime.Time()), cmp.Compare(x.Attr.Ino, y.Attr.Ino))
		})
		for _, it := range all[1:] {
			record := it.Record
			record.ID = regions.NewID()
			c.checked.Findings = append(c.checked.Findings, Finding{
				Kind: RepeatedID, Path: it.Path, Found: fmt.Sprintf("it has the id %s, as %s has", id, all[0].Path),
				Mend: "give it a new id",
				mend: func() error { return c.arena.writeRecord(it.Attr.Node, record) },
			})
		}
	}
}

// SetRecord replaces a region's record, where records are kept.
func (a *Arena) SetRecord(n regions.NodeID, r regions.Record) error {
	if a.recordName == "" {
		return regions.NotSupported
	}
	return a.writeRecord(n, r)
}

// writeRecord replaces a region's record. Mode and ACL may deny its owner what a user. attribute needs.
func (a *Arena) writeRecord(n regions.NodeID, r regions.Record) error {
	fd, err := a.open(n, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return code(err)
	}
	defer unix.Close(fd)
	path := procPath(fd)
	err = unix.Setxattr(path, a.recordName, r.Encode(), 0)
	if err != unix.EACCES {
		return code(err)
	}
	var at regions.Attr
	if err := stat(fd, "", &at); err != nil {
		return code(err)
	}
	mode := at.Mode & regions.ModePerm
	if err := unix.Chmod(path, mode|0o200); err != nil {
		return code(err)
	}
	err = unix.Setxattr(path, a.recordName, r.Encode(), 0)
	return code(errors.Join(err, unix.Chmod(path, mode)))
}
