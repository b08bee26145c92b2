//go:build linux

package gofuse

import (
	"errors"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// accessOf reads the access mode of open(2).
func accessOf(flags uint32) regions.Access {
	switch flags & syscall.O_ACCMODE {
	case syscall.O_WRONLY:
		return regions.WriteAccess
	case syscall.O_RDWR:
		return regions.ReadAccess | regions.WriteAccess
	}
	return regions.ReadAccess
}

// growthOf answers how a region is opened as far as its growth goes: who appends, or begins anew, writes past the end as
// those do who only write. (What O_TRUNC means for a region that is there is not told: the kernel resizes it by itself.)
func growthOf(flags uint32) regions.Access {
	access := accessOf(flags)
	if access&regions.WriteAccess != 0 && flags&(syscall.O_APPEND|syscall.O_TRUNC) != 0 {
		return regions.WriteAccess
	}
	return access
}

// Open opens a region or a control file.
func (s *Server) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	c := s.receive(fs.OpOpen, &in.InHeader, "")
	access := accessOf(in.Flags)
	fh, opened := c.handle()
	var err error
	if !opened {
		fh, err = s.tree.Open(interruptible(cancel), c.caller, c.node, access)
	}
	if err == nil {
		err = s.openOut(out, fh, c.node, in.Flags)
	}
	return c.end(err)
}

// openOut tells the kernel how the data of an open file goes. It ends the handle if the region has ended before it was
// opened: the kernel looks the name up anew then.
func (s *Server) openOut(out *fuse.OpenOut, fh uint64, n regions.NodeID, flags uint32) error {
	out.Fh = fh
	if n.Virtual() {
		out.OpenFlags = fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NOFLUSH
		return nil
	}
	if s.backings != nil {
		if id, ok := s.backings.acquire(n); ok {
			out.OpenFlags = fuse.FOPEN_PASSTHROUGH | fuse.FOPEN_NOFLUSH
			out.BackingID = id
			if access := growthOf(flags); access&regions.WriteAccess != 0 &&
				(s.tree.Arena().SetID(n) || s.tree.Arena().WritesAsk(n, access)) {
				// With DIRECT_IO write(2) comes here, and mmap goes past us all the same. A passthrough write
				// would grow the region without asking, and not drop set-user-id: the kernel leaves that to the
				// server (HANDLE_KILLPRIV_V2).
				out.OpenFlags |= fuse.FOPEN_DIRECT_IO
			}
			return nil
		}
	}
	if s.tree.Arena().Lives() {
		if _, err := s.tree.Getattr(n); errors.Is(err, regions.Stale) {
			s.tree.Release(fh)
			return err
		}
	}
	// The kernel's page cache is the only copy that is used: it stays valid from one open to the next.
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH
	return nil
}

// Release ends a handle.
func (s *Server) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	c := s.receive(fs.OpRelease, &in.InHeader, "")
	s.tree.Release(in.Fh)
	c.end(nil)
}

// Flush has nothing to do: every open says NOFLUSH.
func (s *Server) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }
