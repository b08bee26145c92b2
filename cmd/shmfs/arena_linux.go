package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/tmpfs"
	"github.com/shmfs/shmfs/policy"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/accounts"
	"github.com/shmfs/shmfs/regions/events"
)

// openArena finds the arena that the last mount left here, or makes one.
func (s *serving) openArena(ctx context.Context) error {
	c := s.options.config
	o := tmpfs.Options{
		Bytes: physical(&c, s.ram, c.Size.Of(s.ram)), Nodes: c.Inodes, Huge: string(c.Huge), NUMA: c.NUMA, Mode: c.Mode,
	}
	if !c.Ephemeral {
		at, err := claim(ctx, tmpfs.Place(s.point, os.Geteuid()))
		if err != nil {
			return arenaFailure(err, c.NUMA)
		}
		s.place, o.Dir, s.found = at, at.path, standing(at.path)
	}
	var err error
	switch {
	case os.Geteuid() != 0:
		s.arena, err = tmpfs.Directory(o.Dir)
	case s.found:
		s.arena, err = s.attach(ctx, o)
	default:
		s.arena, err = tmpfs.Mount(o)
	}
	if err != nil && s.place != nil {
		err = errors.Join(err, s.place.release(s.found))
	}
	return arenaFailure(err, c.NUMA)
}

// physical is how large an arena is made for that much to be promised.
func physical(c *policy.Config, ram, size int64) int64 {
	if size == regions.Unlimited {
		return size
	}
	return size + min(c.Headroom(ram)(size), regions.Unlimited-size)
}

// manage gives the manager the limits of the configuration.
func (s *serving) manage() {
	c := s.options.config
	s.keepHouse()
	if s.ledger != nil {
		s.manager.SetEvents(events.New(s.ledger.LastEvent(), s.ledger.SetLastEvent))
	}
	if c.Huge == policy.HugeAlways {
		s.manager.SetUnit(hugePage(s.sh.root))
	}
	s.manager.OnCrossing(s.warnOfLimit)
	s.manager.OnOverrun(s.warnOfOverrun)
	s.manager.SetMost(s.mostArena())
	if os.Geteuid() == 0 {
		s.manager.SetHeadroom(c.Headroom(s.ram))
		s.manager.SetSize(c.Size.Of(s.ram))
	}
	s.limit(c)
	s.rule(c)
}

// warnOfLimit tells of a limit before it is reached.
func (s *serving) warnOfLimit(x regions.Crossing) {
	if x.In == 0 {
		s.log.Warn("a soft limit is passed", "subject", x.Subject, "limit", x.What, "value", x.Limit, "used", x.Used)
		return
	}
	s.log.Warn("a limit will be reached soon", "subject", x.Subject, "limit", x.What, "value", x.Limit, "used", x.Used,
		"in", x.In.Round(time.Second))
}

// limit sets the limits that hold where nothing else is set.
func (s *serving) limit(c policy.Config) {
	book := s.manager.Accounts()
	for kind, text := range map[accounts.Kind]string{
		accounts.OfUser: c.UserLimit, accounts.OfGroup: c.GroupLimit, accounts.OfOwner: c.OwnerLimit,
	} {
		if l, err := policy.ParseLimit(text); err == nil { // which Validate has seen
			book.SetDefaults(kind, l)
		}
	}
	for kind, text := range map[accounts.Kind]string{accounts.OfCgroup: c.CgroupLimit, accounts.OfLabel: c.LabelLimit} {
		if all, err := policy.ParsePatterns(text); err == nil {
			book.SetPatterns(kind, func(name string) regions.Limits { return policy.LimitOf(all, name) })
		}
	}
	if all, err := policy.ParsePatterns(c.DirectoryLimit); err == nil && all != nil {
		s.manager.SetDirectoryDefaults(func(path string) regions.Limits { return policy.LimitOf(all, path) })
	} else {
		s.manager.SetDirectoryDefaults(nil)
	}
	if w, err := regions.ParseWrites(string(c.Writes)); err == nil {
		book.SetHabits(w, c.Overcommit)
	}
}

// hugePage answers the size of a huge page in bytes; 2 MiB where the kernel does not tell.
func hugePage(root fs.FS) int64 {
	const usual = 2 << 20
	b, err := fs.ReadFile(root, "sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
	if err != nil {
		return usual
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || n <= 0 || n&(n-1) != 0 {
		return usual
	}
	return n
}

// standing answers whether there is an arena at a place that no mount of this process made: what is in it must outlive
// whatever fails from here on. An ordinary user's is a directory; one that cannot be read counts as full.
func standing(path string) bool {
	if os.Geteuid() == 0 {
		return tmpfs.Attached(path)
	}
	return !vacant(path)
}

// vacant reports whether a directory can be read and is empty.
func vacant(path string) bool {
	dir, err := os.Open(path)
	if err != nil {
		return false
	}
	defer dir.Close()
	_, err = dir.Readdirnames(1)
	return errors.Is(err, io.EOF)
}

// attach takes an arena over, and gives it the limits that are asked for now. Huge pages and NUMA policy stay as they
// were made.
func (s *serving) attach(ctx context.Context, o tmpfs.Options) (*tmpfs.Arena, error) {
	a, err := tmpfs.Attach(o.Dir)
	if err != nil {
		return nil, err
	}
	c := &s.options.config
	use, err := a.Usage(regions.RootNode)
	switch {
	case err != nil:
	case !c.Overcommit && uint64(o.Bytes) < use.Bytes:
		err = s.shrink(ctx, a, o.Nodes)
	default:
		err = resize(roomy{a, c, s.ram}, c.Size.Of(s.ram), o.Nodes)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// shrink makes an arena smaller that nobody serves yet, if it still has room for all that is promised.
func (s *serving) shrink(ctx context.Context, a *tmpfs.Arena, nodes int64) error {
	c := &s.options.config
	m := regions.NewManager(a)
	if c.Huge == policy.HugeAlways {
		m.SetUnit(hugePage(s.sh.root))
	}
	if _, err := m.Adopt(ctx); err != nil {
		return err
	}
	size := c.Size.Of(s.ram)
	m.SetHeadroom(c.Headroom(s.ram))
	m.SetSize(size)
	return resize(m, size, nodes)
}

// roomy is an arena whose size is what may be promised.
type roomy struct {
	*tmpfs.Arena
	config *policy.Config
	ram    int64
}

// Resize gives it the headroom that belongs to a size.
func (r roomy) Resize(bytes, nodes int64) error {
	return r.Arena.Resize(physical(r.config, r.ram, bytes), nodes)
}

// arenaFailure says what an error of making the arena means. The option mpol is refused for a node that the machine does
// not have, and by a kernel without NUMA (tmpfs(5)).
func arenaFailure(err error, numa string) error {
	switch {
	case errors.Is(err, os.ErrPermission):
		return notPermitted("making the arena", err)
	case errors.Is(err, unix.EINVAL) && strings.Contains(err.Error(), " mpol="):
		return &failure{code: exitUnsupported, reason: "this machine cannot do numa " + numa, err: err,
			remedy: "the nodes that it has are in /sys/devices/system/node/has_memory; none there is a kernel without NUMA"}
	}
	return err
}
