package fstest

import (
	"context"
	"errors"
	"slices"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// inProcess is a directory of a tree, asked without a kernel: it does what the kernel would do above the tree, for a
// process that may do everything.
type inProcess struct {
	tree    *fs.Tree
	process *caller
	at      []regions.NodeID // from the root down to the directory itself
}

var _ Client = (*inProcess)(nil)

// InProcess answers a client of a tree's root.
func InProcess(tree *fs.Tree) Client {
	p := &caller{tree: tree, held: map[regions.NodeID]*hold{}}
	return &inProcess{tree: tree, process: p, at: []regions.NodeID{regions.RootNode}}
}

// removed takes note of a node whose last name went.
func (c *inProcess) removed(a regions.Attr, err error) error {
	if err == nil && a.Node != regions.NoNode && a.Nlink == 0 {
		c.process.setNameless(a.Node, true)
	}
	return err
}

func (c *inProcess) Umask(mask uint32) uint32 { return c.process.umask.Swap(mask) }

func (c *inProcess) Sub(path string) (Client, error) {
	s, err := c.find(path, true)
	if err != nil {
		return nil, err
	}
	if !s.attr.IsDir() {
		return nil, regions.NotDir
	}
	return &inProcess{tree: c.tree, process: c.process, at: s.below()}, nil
}

// attempts is how often a path is resolved anew if a node on it vanished meanwhile, as the kernel does (retry_estale,
// Linux include/linux/namei.h). There it is once, because its directories are locked while a name is looked up.
const attempts = 100

// onPath resolves a path and does something there.
func (c *inProcess) onPath(path string, follow bool, do func(spot) error) error {
	err := error(regions.Stale)
	for i := 0; i < attempts && errors.Is(err, regions.Stale); i++ {
		var s spot
		if s, err = c.walk(path, follow); err == nil {
			err = do(s)
		}
	}
	return code(err)
}

// code makes an error comparable.
func code(err error) error {
	if err == nil {
		return nil
	}
	return fs.CodeOf(err)
}

// onNode does something to what must be there.
func (c *inProcess) onNode(path string, follow bool, do func(a regions.Attr) error) error {
	return c.onPath(path, follow, func(s spot) error {
		if s.err != nil {
			return s.err
		}
		return do(s.attr)
	})
}

func (c *inProcess) make(path string, n fs.NewNode) error {
	return c.onPath(path, false, func(s spot) error {
		if s.name == "" {
			return regions.Exists
		}
		defer c.process.lock(s.dir(), s.dir())()
		_, err := c.tree.Make(c.process.id(), s.dir(), s.name, n)
		return err
	})
}

func (c *inProcess) Mkdir(path string, mode uint32) error {
	return c.make(path, fs.NewNode{Mode: regions.TypeDir | mode})
}

// Mknod refuses directories, and makes a region where no type is given, as mknod(2) does.
func (c *inProcess) Mknod(path string, mode, rdev uint32) error {
	switch mode & regions.TypeMask {
	case regions.TypeDir:
		return regions.NotPermitted
	case 0:
		mode |= regions.TypeRegular
	}
	return c.make(path, fs.NewNode{Mode: mode, Rdev: rdev})
}

func (c *inProcess) Symlink(target, path string) error {
	return c.make(path, fs.NewNode{Mode: regions.TypeSymlink | 0o777, Target: target})
}

func (c *inProcess) Link(old, path string) error {
	return c.onNode(old, false, func(a regions.Attr) error {
		to, err := c.walk(path, false)
		switch {
		case err != nil:
			return err
		case to.name == "":
			return regions.Exists
		}
		defer c.process.lock(to.dir(), to.dir())()
		_, err = c.tree.Link(a.Node, to.dir(), to.name)
		return err
	})
}

func (c *inProcess) Unlink(path string) error {
	return c.onPath(path, false, func(s spot) error {
		if s.name == "" {
			return regions.IsDir
		}
		defer c.process.lock(s.dir(), s.dir())()
		return c.removed(c.tree.Unlink(c.process.id(), s.dir(), s.name))
	})
}

func (c *inProcess) Rmdir(path string) error {
	return c.onPath(path, false, func(s spot) error {
		switch s.last {
		case ".":
			return regions.Invalid
		case "..":
			return regions.NotEmpty
		}
		defer c.process.lock(s.dir(), s.dir())()
		return c.removed(c.tree.Rmdir(s.dir(), s.name))
	})
}

// Rename resolves both directories before it looks at the names in them.
func (c *inProcess) Rename(old, path string, flags regions.RenameFlags) error {
	return c.onPath(old, false, func(from spot) error {
		to, err := c.walk(path, false)
		switch {
		case err != nil:
			return err
		case from.name == "":
			return regions.Busy
		case to.name == "" && flags&regions.RenameNoReplace != 0:
			return regions.Exists
		case to.name == "":
			return regions.Busy
		case from.err != nil:
			return from.err
		}
		r := regions.Rename{Dir: from.dir(), Name: from.name, NewDir: to.dir(), NewName: to.name, Flags: flags}
		defer c.process.lock(r.Dir, r.NewDir)()
		a, err := c.tree.Rename(c.process.id(), r)
		if flags&regions.RenameExchange != 0 {
			return err // nothing lost its last name
		}
		return c.removed(a, err)
	})
}

func (c *inProcess) Stat(path string, follow bool) (a regions.Attr, err error) {
	err = c.onNode(path, follow, func(found regions.Attr) (err error) {
		a, err = c.tree.Getattr(found.Node)
		a.Node = regions.NoNode
		return err
	})
	return a, err
}

func (c *inProcess) Readlink(path string) (target string, err error) {
	err = c.onNode(path, false, func(a regions.Attr) (err error) {
		target, err = c.tree.Readlink(a.Node)
		return err
	})
	return target, err
}

func (c *inProcess) set(path string, follow bool, change regions.Change) error {
	return c.onNode(path, follow, func(a regions.Attr) error {
		_, err := c.tree.Setattr(c.process.id(), a.Node, 0, change)
		return err
	})
}

func (c *inProcess) Chmod(path string, mode uint32) error {
	return c.set(path, true, regions.Change{Set: regions.SetMode, Mode: mode})
}

// Chown sets the owner if neither is to be set, because that too is a change of owner (Linux fs/open.c, chown_common).
func (c *inProcess) Chown(path string, uid, gid uint32) error {
	return c.onNode(path, false, func(a regions.Attr) error {
		change := regions.Change{UID: uid, GID: gid}
		if gid != Keep {
			change.Set |= regions.SetGID
		} else if uid == Keep {
			change.UID = a.UID
		}
		if change.UID != Keep {
			change.Set |= regions.SetUID
		}
		_, err := c.tree.Setattr(c.process.id(), a.Node, 0, change)
		return err
	})
}

func (c *inProcess) Utimes(path string, atime, mtime Stamp) error {
	if atime.Omit && mtime.Omit {
		return nil // utimensat(2): not even the path is looked at
	}
	change := regions.Change{Atime: atime.Timestamp, Mtime: mtime.Timestamp}
	change.Set = settable(atime, regions.SetAtime, regions.SetAtimeNow) | settable(mtime, regions.SetMtime, regions.SetMtimeNow)
	return c.set(path, false, change)
}

func settable(s Stamp, explicit, now regions.Settable) regions.Settable {
	switch {
	case s.Omit:
		return 0
	case s.Now:
		return explicit | now
	}
	return explicit
}

// Truncate checks what the kernel checks first (vfs_truncate, Linux fs/open.c).
func (c *inProcess) Truncate(path string, size int64) error {
	return c.onNode(path, true, func(a regions.Attr) error {
		switch {
		case size < 0:
			return regions.Invalid
		case a.IsDir():
			return regions.IsDir
		case !a.IsRegion():
			return regions.Invalid
		}
		_, err := c.tree.Setattr(c.process.id(), a.Node, 0, regions.Change{Set: regions.SetSize, Size: size})
		return err
	})
}

func (c *inProcess) Usage(path string) (u regions.Usage, err error) {
	err = c.onNode(path, true, func(a regions.Attr) (err error) {
		u, err = c.tree.Usage(a.Node)
		return err
	})
	return u, err
}

func (c *inProcess) Getxattr(path, name string) (value []byte, err error) {
	err = c.onNode(path, false, func(a regions.Attr) (err error) {
		value, err = c.tree.Getxattr(a.Node, name)
		return err
	})
	return value, err
}

func (c *inProcess) Setxattr(path, name string, value []byte, flags regions.XattrFlags) error {
	return c.onNode(path, false, func(a regions.Attr) error { return c.tree.Setxattr(fs.Caller{}, a.Node, name, value, flags) })
}

func (c *inProcess) Listxattr(path string) (names []string, err error) {
	err = c.onNode(path, false, func(a regions.Attr) (err error) {
		names, err = c.tree.Listxattr(a.Node)
		slices.Sort(names)
		return err
	})
	return names, err
}

func (c *inProcess) Removexattr(path, name string) error {
	return c.onNode(path, false, func(a regions.Attr) error { return c.tree.Removexattr(fs.Caller{}, a.Node, name) })
}

// background is the context of what nobody interrupts.
func background() context.Context { return context.Background() }
