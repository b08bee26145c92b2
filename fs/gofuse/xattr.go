//go:build linux

package gofuse

import (
	"errors"
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// GetXAttr reads an extended attribute: with an empty buffer only its size.
func (s *Server) GetXAttr(_ <-chan struct{}, h *fuse.InHeader, name string, dest []byte) (uint32, fuse.Status) {
	c := s.receive(fs.OpGetxattr, h, "")
	value, err := s.tree.Getxattr(c.node, name)
	return c.bytes(dest, value, err)
}

// bytes answers a value, or its size with ERANGE if dest is too small: the library makes a success of it where the
// size was asked for.
func (c *call) bytes(dest, value []byte, err error) (uint32, fuse.Status) {
	if err != nil {
		return 0, c.end(err)
	}
	if len(value) > len(dest) {
		c.end(nil)
		return uint32(len(value)), fuse.ERANGE
	}
	return uint32(copy(dest, value)), c.end(nil)
}

// SetXAttr sets an extended attribute.
func (s *Server) SetXAttr(_ <-chan struct{}, in *fuse.SetXAttrIn, name string, value []byte) fuse.Status {
	c := s.receive(fs.OpSetxattr, &in.InHeader, "")
	flags := regions.XattrFlags(in.Flags) & (regions.XattrCreate | regions.XattrReplace)
	if in.SetXAttrFlags&fuse.SETXATTR_ACL_KILL_SGID != 0 {
		flags |= regions.XattrKillSetGID
	}
	if flags&regions.XattrCreate != 0 && s.ledger != nil {
		existed, slot := c.hadXattr(name)
		defer slot.End()
		if c.again && !existed {
			flags &^= regions.XattrCreate // it was not there: if it is now, the first attempt set it
		}
	}
	return c.end(s.withRoom(func() error { return s.tree.Setxattr(c.caller, c.node, name, value, flags) }))
}

// RemoveXAttr removes an extended attribute.
func (s *Server) RemoveXAttr(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	c := s.receive(fs.OpRemovexattr, h, "")
	if s.ledger == nil {
		return c.end(s.tree.Removexattr(c.caller, c.node, name))
	}
	existed, slot := c.hadXattr(name)
	defer slot.End()
	err := s.tree.Removexattr(c.caller, c.node, name)
	if c.again && existed && errors.Is(err, regions.NoData) {
		err = nil
	}
	return c.end(err)
}

// ListXAttr lists the names of extended attributes: those of the trusted namespace to callers with CAP_SYS_ADMIN only
// (xattr(7)). The kernel leaves that to the file system.
func (s *Server) ListXAttr(_ <-chan struct{}, h *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	c := s.receive(fs.OpListxattr, h, "")
	names, err := s.tree.Listxattr(c.node)
	var list []byte
	asked, admin := false, false
	for _, name := range names {
		if strings.HasPrefix(name, "trusted.") {
			if !asked {
				asked, admin = true, hasCapability(h.Pid, unix.CAP_SYS_ADMIN)
			}
			if !admin {
				continue
			}
		}
		list = append(append(list, name...), 0)
	}
	return c.bytes(dest, list, err)
}

// Left out, and answered with ENOSYS once: Access (the kernel checks modes and ACLs itself), Fsync and FsyncDir (memory
// has nothing to sync), GetLk, SetLk and SetLkw (the kernel keeps locks itself), Ioctl.
var _ fuse.RawFileSystem = (*Server)(nil)
