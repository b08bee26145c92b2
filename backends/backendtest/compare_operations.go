package backendtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

func (c *comparison) spec() regions.Spec {
	modes := []uint32{
		regions.TypeRegular | 0o666, regions.TypeDir | 0o777, regions.TypeRegular | 0o6711, regions.TypeDir | 0o7755,
		regions.TypeSymlink, regions.TypeFIFO | 0o640, regions.TypeChar | 0o600,
	}
	s := regions.Spec{Mode: modes[c.pick(len(modes))], Umask: []uint32{0, 0o022, 0o077}[c.pick(3)]}
	s.UID, s.GID = uint32(c.pick(3)), uint32(c.pick(3))
	switch s.Mode & regions.TypeMask {
	case regions.TypeSymlink:
		s.Target = strings.Repeat("t", []int{1, 127, 128, 4095, 4096, 0}[c.pick(6)])
	case regions.TypeChar:
		s.Rdev = 0x12345
	}
	return s
}

func compareMake(c *comparison) {
	dir, name, s := c.dir(), c.name(), c.spec()
	c.meet(fmt.Sprintf("make %v %.9s %+v", dir, name, s), func(a regions.Arena, side int) (regions.Attr, error) {
		return a.Make(dir[side], name, s)
	})
}

func compareTemp(c *comparison) {
	dir, s := c.dir(), c.spec()
	s.Mode, s.Target = regions.TypeRegular|s.Mode&regions.ModePerm, ""
	c.meet(fmt.Sprintf("temp %v %+v", dir, s), func(a regions.Arena, side int) (regions.Attr, error) {
		return a.MakeTemp(dir[side], s)
	})
}

func compareLink(c *comparison) {
	node, dir, name := c.node(), c.dir(), c.name()
	c.meet(fmt.Sprintf("link %v %v %.9s", node, dir, name), func(a regions.Arena, side int) (regions.Attr, error) {
		return a.Link(node[side], dir[side], name)
	})
}

func compareRemove(c *comparison) {
	dir, name, rmdir := c.dir(), c.name(), c.pick(2) == 1
	c.meet(fmt.Sprintf("remove %v %.9s %t", dir, name, rmdir), func(a regions.Arena, side int) (regions.Attr, error) {
		return a.Remove(dir[side], name, rmdir)
	})
}

func compareRename(c *comparison) {
	from, to := c.dir(), c.dir()
	r := regions.Rename{Name: c.name(), NewName: c.name(), Flags: regions.RenameFlags(c.pick(9))}
	if c.pick(2) == 0 {
		to = from
	}
	c.same(fmt.Sprintf("rename %v %v %+v", from, to, r), func(a regions.Arena, side int) (string, error) {
		r.Dir, r.NewDir = from[side], to[side]
		at, err := a.Rename(r)
		if r.Flags&exchange != 0 {
			return "", err // whether the other node is answered is left open
		}
		return attrText(at), err
	})
}

func compareSetattr(c *comparison) {
	n := c.node()
	change := regions.Change{
		Set:  regions.Settable(c.pick(256)),
		Mode: uint32(c.pick(256))<<4 | uint32(c.pick(16)), UID: uint32(c.pick(3)), GID: uint32(c.pick(3)),
		Atime: regions.Timestamp{Sec: 5}, Mtime: regions.Timestamp{Sec: 6},
	}
	change.Set &^= regions.SetSize // by compareExtents
	if at, _ := c.arenas[0].Getattr(n[0]); at.Type() == regions.TypeSymlink {
		change.Set &^= regions.SetMode // refused; what else is set then is left open
	}
	if c.pick(4) == 0 {
		change.Set |= regions.KillPrivileges
	}
	c.meet(fmt.Sprintf("setattr %v %+v", n, change), func(a regions.Arena, side int) (regions.Attr, error) {
		return a.Setattr(n[side], change)
	})
}

func compareXattr(c *comparison) {
	n := c.node()
	names := []string{"user.a", "user.b", "trusted.a", "user.", "system.x", "user." + strings.Repeat("n", 251), ""}
	name, value := names[c.pick(len(names))], make([]byte, []int{0, 1, 1000, 65536, 65537}[c.pick(5)])
	flags, what := regions.XattrFlags(c.pick(4)), c.pick(3)
	c.same(fmt.Sprintf("xattr %v %.9s %d %d %d", n, name, len(value), flags, what), func(a regions.Arena, side int) (string, error) {
		switch what {
		case 0:
			return "", a.Removexattr(n[side], name)
		case 1:
			got, err := a.Getxattr(n[side], name)
			return string(got), err
		}
		return "", a.Setxattr(n[side], name, value, flags)
	})
	c.describe(n)
}

func compareACL(c *comparison) {
	n, name := c.node(), []string{accessACL, defaultACL}[c.pick(2)]
	acl := aclBytes(entry{userObj, uint16(c.pick(8)), noID}, entry{groupObj, uint16(c.pick(8)), noID}, entry{other, uint16(c.pick(8)), noID})
	switch c.pick(4) {
	case 0:
		acl = fullACL(uint16(c.pick(8)), uint16(c.pick(8)), uint16(c.pick(8)), uint16(c.pick(8)), uint16(c.pick(8)))
	case 1:
		acl = nil
	case 2:
		length := 8 * c.pick(5)
		acl = append([]byte{2, 0, 0, 0}, c.program[:min(len(c.program), length)]...)
	}
	c.same(fmt.Sprintf("acl %v %s %x", n, name, acl), func(a regions.Arena, side int) (string, error) {
		return "", a.Setxattr(n[side], name, acl, 0)
	})
	c.describe(n)
}

// file runs an operation on a node opened for it.
func (c *comparison) file(what string, n pair, access regions.Access, run func(f regions.File) (string, error)) {
	c.Helper()
	if at, err := c.arenas[0].Getattr(n[0]); err == nil && !at.IsRegion() {
		return // whoever asks for a file knows what it is
	}
	c.same(fmt.Sprint(what, n, access), func(a regions.Arena, side int) (string, error) {
		f, err := a.Open(n[side], access)
		if err != nil {
			return "open", err
		}
		defer f.Close()
		return run(f)
	})
	c.describe(n)
}

func compareWrite(c *comparison) {
	n, access := c.node(), regions.Access(1+c.pick(3))
	off, length := c.offset(), max(1, min(c.offset(), 300000))
	p := slices.Repeat([]byte{byte(c.ran)}, int(length))
	c.file(fmt.Sprintf("write %d %d", off, length), n, access, func(f regions.File) (string, error) {
		done, err := f.WriteAt(p, off)
		if errors.Is(err, regions.NoSpace) {
			return fmt.Sprint(done), nil // a short write is not a refusal
		}
		return fmt.Sprint(done), err
	})
}

func compareExtents(c *comparison) {
	n, access := c.node(), regions.Access(1+c.pick(3))
	off, length, mode, what := c.offset(), c.offset(), regions.AllocateMode(c.pick(4)), c.pick(5)
	c.file(fmt.Sprintf("extents %d %d %d %d", off, length, mode, what), n, access, func(f regions.File) (string, error) {
		switch what {
		case 0:
			return "", f.Truncate(off)
		case 1:
			at, err := f.SeekExtent(off, mode&1 == 1)
			return fmt.Sprint(at), err
		}
		return "", f.Allocate(off, length, mode)
	})
}

// compareCopy copies what holds no holes: whether they stay holes is left open.
func compareCopy(c *comparison) {
	n, off, to, length := c.node(), c.offset(), c.offset(), min(c.offset(), 4096)
	c.file(fmt.Sprintf("copy %d to %d, %d", off, to, length), n, regions.ReadAccess|regions.WriteAccess, func(f regions.File) (string, error) {
		if hole, err := f.SeekExtent(max(off, 0), true); err == nil && hole-max(off, 0) < length {
			return "", nil
		}
		for _, a := range c.arenas {
			if done, err := a.(regions.Copier).CopyRange(f, off, f, to, length); !errors.Is(err, regions.NotSupported) {
				return fmt.Sprint(done), err
			}
		}
		return "", regions.NotSupported
	})
}

// compareDrop drops a node. One that is gone is not asked for again.
func compareDrop(c *comparison) {
	i := c.pick(len(c.known))
	n := c.known[i]
	was, _ := c.arenas[1].Getattr(n[1])
	for side, a := range c.arenas {
		a.Drop(n[side])
	}
	if _, err := c.arenas[1].Getattr(n[1]); err != nil {
		c.known = slices.Delete(c.known, i, i+1)
		c.lingering = c.lingering || was.IsDir()
		return
	}
	c.describe(n)
}

func compareLookup(c *comparison) {
	dir, name, n := c.dir(), c.name(), c.node()
	c.meet(fmt.Sprintf("lookup %v %.9s", dir, name), func(a regions.Arena, side int) (regions.Attr, error) {
		return a.Lookup(dir[side], name)
	})
	c.same("readlink", func(a regions.Arena, side int) (string, error) { return a.Readlink(n[side]) })
}
