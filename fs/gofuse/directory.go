//go:build linux

package gofuse

import (
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// OpenDir opens a directory. The kernel keeps what it reads: it drops that itself whenever a request of its own changes
// the directory (Linux fs/fuse/readdir.c), and there are no other changes.
func (s *Server) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	c := s.receive(fs.OpOpendir, &in.InHeader, "")
	fh, opened := c.handle()
	var err error
	if !opened {
		fh, err = s.tree.OpenDir(c.caller, c.node)
	}
	out.Fh = fh
	if !c.node.Virtual() {
		out.OpenFlags = fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE
	}
	return c.end(err)
}

// ReadDir lists names.
func (s *Server) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	c := s.receive(fs.OpReaddir, &in.InHeader, "")
	err := s.tree.Readdir(in.Fh, in.Offset, false, func(e regions.Entry) bool {
		return out.AddDirEntry(fuse.DirEntry{Name: e.Name, Mode: e.Type, Ino: e.Ino, Off: e.Off})
	})
	return c.end(err)
}

// ReadDirPlus lists names with attributes, which the kernel then knows: each one counts as a lookup. An entry without
// a node ("." and "..", or one that went away meanwhile) is only a name.
func (s *Server) ReadDirPlus(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	c := s.receive(fs.OpReaddir, &in.InHeader, "")
	err := s.tree.Readdir(in.Fh, in.Offset, true, func(e regions.Entry) bool {
		entry := out.AddDirLookupEntry(fuse.DirEntry{Name: e.Name, Mode: e.Type, Ino: e.Ino, Off: e.Off})
		if entry == nil {
			return false
		}
		if e.Attr.Node != regions.NoNode {
			s.fillEntry(entry, &e.Attr)
		}
		return true
	})
	return c.end(err)
}

// ReleaseDir ends a directory's handle.
func (s *Server) ReleaseDir(in *fuse.ReleaseIn) {
	c := s.receive(fs.OpReleasedir, &in.InHeader, "")
	s.tree.Release(in.Fh)
	c.end(nil)
}
