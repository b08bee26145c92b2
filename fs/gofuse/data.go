//go:build linux

package gofuse

import (
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// Read reads a control file, or a region in the cached way.
func (s *Server) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	c := s.receive(fs.OpRead, &in.InHeader, "")
	if stream := s.tree.StreamOf(in.Fh); stream != nil {
		// It waits for as long as nothing happens: that is no time that anybody wants to see in the latencies.
		n, err := stream.Read(interruptible(cancel), buf, in.Flags&unix.O_NONBLOCK == 0)
		return fuse.ReadResultData(buf[:n]), status(fs.CodeOf(err))
	}
	n, err := s.tree.Read(c.node, in.Fh, buf, int64(in.Offset))
	return fuse.ReadResultData(buf[:n]), c.end(err)
}

// Write writes a control file, or a region in the cached way.
func (s *Server) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	c := s.receive(fs.OpWrite, &in.InHeader, "")
	kill := in.WriteFlags&fuse.WRITE_KILL_SUIDGID != 0
	s.throttle(cancel, c.node, int64(in.Offset)+int64(len(data)))
	var n int
	err := s.withRoom(func() (err error) {
		n, err = s.tree.Write(interruptible(cancel), c.caller, c.node, in.Fh, data, int64(in.Offset), kill)
		return err
	})
	return uint32(n), c.end(err)
}

// Fallocate is fallocate(2).
func (s *Server) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	c := s.receive(fs.OpFallocate, &in.InHeader, "")
	if regions.AllocateMode(in.Mode)&regions.AllocatePunchHole == 0 {
		s.throttle(cancel, c.node, int64(in.Offset+in.Length))
	}
	err := s.withRoom(func() error {
		return s.tree.Allocate(c.node, in.Fh, int64(in.Offset), int64(in.Length), regions.AllocateMode(in.Mode))
	})
	if err == nil {
		c.changed(c.node)
	}
	return c.end(err)
}

// changed drops set-user-id and set-group-id if the caller may not keep them. The kernel tells so with a WRITE and a
// SETATTR, but not with these requests (HANDLE_KILLPRIV_V2).
func (c *call) changed(n regions.NodeID) {
	if c.server.tree.Arena().SetID(n) && !hasCapability(c.caller.PID, unix.CAP_FSETID) {
		c.server.tree.Setattr(c.caller, n, 0, regions.Change{Set: regions.KillPrivileges})
	}
}

// Lseek finds data and holes; the kernel does the rest of lseek(2) itself.
func (s *Server) Lseek(_ <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	c := s.receive(fs.OpLseek, &in.InHeader, "")
	const seekData, seekHole = 3, 4 // linux/fs.h
	if in.Whence != seekData && in.Whence != seekHole {
		return c.end(regions.Invalid)
	}
	at, err := s.tree.Seek(c.node, in.Fh, int64(in.Offset), in.Whence == seekHole)
	out.Offset = uint64(at)
	return c.end(err)
}

// CopyFileRange copies between two regions. The kernel asks again for what is left.
func (s *Server) CopyFileRange(cancel <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	c := s.receive(fs.OpCopyFileRange, &in.InHeader, "")
	const most = 1 << 30 // the answer has 32 bits
	if a, err := s.tree.Getattr(c.node); err == nil {
		s.throttle(cancel, regions.NodeID(in.NodeIdOut), int64(in.OffOut)+min(int64(min(in.Len, most)), a.Size-int64(in.OffIn)))
	}
	var n int64
	err := s.withRoom(func() (err error) {
		n, err = s.tree.CopyRange(
			fs.Range{Node: c.node, Handle: in.FhIn, Off: int64(in.OffIn)},
			fs.Range{Node: regions.NodeID(in.NodeIdOut), Handle: in.FhOut, Off: int64(in.OffOut)},
			int64(min(in.Len, most)))
		return err
	})
	if n > 0 {
		c.changed(regions.NodeID(in.NodeIdOut))
	}
	return uint32(n), c.end(err)
}
