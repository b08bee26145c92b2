//go:build linux

package gofuse

import (
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// GetAttr reads attributes.
func (s *Server) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	c := s.receive(fs.OpGetattr, &in.InHeader, "")
	a, err := s.tree.Getattr(c.node)
	return c.attributes(out, a, err)
}

func (c *call) attributes(out *fuse.AttrOut, a regions.Attr, err error) fuse.Status {
	if err == nil {
		out.SetTimeout(c.server.valid(&a))
		fillAttr(&out.Attr, &a)
	}
	return c.end(err)
}

// settable translates the bits of struct fuse_setattr_in (linux/fuse.h).
var settable = []struct {
	kernel uint32
	set    regions.Settable
}{
	{fuse.FATTR_MODE, regions.SetMode}, {fuse.FATTR_UID, regions.SetUID}, {fuse.FATTR_GID, regions.SetGID},
	{fuse.FATTR_SIZE, regions.SetSize}, {fuse.FATTR_ATIME, regions.SetAtime},
	{fuse.FATTR_ATIME_NOW, regions.SetAtimeNow}, {fuse.FATTR_MTIME, regions.SetMtime},
	{fuse.FATTR_MTIME_NOW, regions.SetMtimeNow}, {fuse.FATTR_KILL_SUIDGID, regions.KillPrivileges},
}

// SetAttr sets attributes.
func (s *Server) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	c := s.receive(fs.OpSetattr, &in.InHeader, "")
	change := regions.Change{
		Mode: in.Mode & regions.ModePerm, UID: in.Uid, GID: in.Gid, Size: int64(in.Size),
		Atime: regions.Timestamp{Sec: int64(in.Atime), Nsec: in.Atimensec},
		Mtime: regions.Timestamp{Sec: int64(in.Mtime), Nsec: in.Mtimensec},
	}
	for _, b := range settable {
		if in.Valid&b.kernel != 0 {
			change.Set |= b.set
		}
	}
	if change.Set&regions.SetSize != 0 {
		s.throttle(cancel, c.node, change.Size)
	}
	fh, _ := in.GetFh()
	var a regions.Attr
	err := s.withRoom(func() (err error) {
		a, err = s.setattr(c.caller, c.node, fh, change)
		return err
	})
	return c.attributes(out, a, err)
}

// setattr takes a change of nothing for one of the owner, to who it is. The kernel sends it for chown(2) with -1 twice:
// what that does to set-user-id and set-group-id it leaves to us (Linux fs/fuse/dir.c, fuse_setattr).
func (s *Server) setattr(by fs.Caller, n regions.NodeID, fh uint64, change regions.Change) (regions.Attr, error) {
	if change.Set == 0 {
		a, err := s.tree.Getattr(n)
		if err != nil || a.IsDir() {
			return a, err
		}
		change = regions.Change{Set: regions.SetUID, UID: a.UID}
	}
	return s.tree.Setattr(by, n, fh, change)
}

// Statx reads attributes with the birth time.
func (s *Server) Statx(_ <-chan struct{}, in *fuse.StatxIn, out *fuse.StatxOut) fuse.Status {
	c := s.receive(fs.OpGetattr, &in.InHeader, "")
	a, err := s.tree.Getattr(c.node)
	if err != nil {
		return c.end(err)
	}
	const basic, btime = 0x7ff, 0x800 // STATX_BASIC_STATS, STATX_BTIME (linux/stat.h)
	out.SetTimeout(s.valid(&a))
	out.Statx = fuse.Statx{
		Mask: basic | btime, Blksize: a.Blksize, Nlink: a.Nlink, Uid: a.UID, Gid: a.GID, Mode: uint16(a.Mode),
		Ino: a.Ino, Size: uint64(a.Size), Blocks: a.Blocks,
		Atime: sxTime(a.Atime), Btime: sxTime(a.Btime), Ctime: sxTime(a.Ctime), Mtime: sxTime(a.Mtime),
		RdevMajor: unix.Major(uint64(a.Rdev)), RdevMinor: unix.Minor(uint64(a.Rdev)),
	}
	return c.end(nil)
}

func sxTime(t regions.Timestamp) fuse.SxTime { return fuse.SxTime{Sec: uint64(t.Sec), Nsec: t.Nsec} }

// StatFs answers the size and use of the arena.
func (s *Server) StatFs(_ <-chan struct{}, h *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	c := s.receive(fs.OpStatfs, h, "")
	u, err := s.tree.Usage(c.node)
	if err != nil {
		return c.end(err)
	}
	block := uint64(u.BlockSize)
	out.Bsize, out.Frsize, out.NameLen = u.BlockSize, u.BlockSize, u.NameMax
	if u.Bytes > 0 {
		out.Blocks = u.Bytes / block
		out.Bfree = (u.Bytes - min(u.BytesUsed, u.Bytes)) / block
	}
	if u.Nodes > 0 {
		out.Files = u.Nodes
		out.Ffree = u.Nodes - min(u.NodesUsed, u.Nodes)
	}
	out.Bavail = out.Bfree
	return c.end(nil)
}
