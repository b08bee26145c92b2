package fstest

import (
	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// CopyRange checks what the kernel checks first (generic_copy_file_checks, Linux fs/read_write.c).
func (f *inProcessFile) CopyRange(off int64, dst File, dstOff, length int64) (int64, error) {
	d, ok := dst.(*inProcessFile)
	if !ok || d.client.tree != f.client.tree {
		return 0, regions.CrossDevice
	}
	a, err := f.copyable(d)
	if err != nil {
		return 0, err
	}
	length = max(0, min(length, a.Size-off))
	if f.node == d.node && dstOff+length > off && dstOff < off+length {
		return 0, regions.Invalid
	}
	if length == 0 {
		return 0, nil
	}
	from, to := fs.Range{Node: f.node, Handle: f.fh, Off: off}, fs.Range{Node: d.node, Handle: d.fh, Off: dstOff}
	n, err := f.client.tree.CopyRange(from, to, length)
	return n, code(err)
}

// copyable answers the attributes of f, if f can be copied from and to can be copied to.
func (f *inProcessFile) copyable(to *inProcessFile) (regions.Attr, error) {
	a, err := f.client.tree.Getattr(f.node)
	if err != nil {
		return a, code(err)
	}
	b, err := f.client.tree.Getattr(to.node)
	switch {
	case err != nil:
		return a, code(err)
	case a.IsDir() || b.IsDir():
		return a, regions.IsDir
	case f.may(regions.ReadAccess) != nil || to.may(regions.WriteAccess) != nil || to.flags&Append != 0:
		return a, regions.BadHandle
	}
	return a, nil
}

// LinkTo refuses what O_TMPFILE with O_EXCL made: the kernel knows that it never gets a name.
func (f *inProcessFile) LinkTo(path string) error {
	return f.client.onPath(path, false, func(s spot) error {
		switch {
		case s.name == "" || s.err == nil:
			return regions.Exists
		case !s.missing():
			return s.err
		case f.flags&(Tmpfile|Exclusive) == Tmpfile|Exclusive:
			return regions.NotFound
		}
		defer f.client.process.lock(s.dir(), s.dir())()
		a, err := f.client.tree.Link(f.node, s.dir(), s.name)
		if err == nil && a.Nlink == 1 {
			f.client.process.setNameless(f.node, false)
		}
		return err
	})
}

// Sync has nothing to do: the tree keeps nothing back.
func (f *inProcessFile) Sync() error { return nil }

// List asks for attributes along with many names, as the kernel does (FUSE_READDIRPLUS).
func (f *inProcessFile) List(n int) ([]regions.Entry, error) {
	a, err := f.client.tree.Getattr(f.node)
	switch {
	case err != nil:
		return nil, code(err)
	case !a.IsDir():
		return nil, regions.NotDir
	case a.Nlink == 0:
		return nil, regions.NotFound // iterate_dir, Linux fs/readdir.c
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []regions.Entry
	err = f.client.tree.Readdir(f.fh, f.dir, n > 8, func(e regions.Entry) bool {
		all = append(all, e)
		f.dir = e.Off
		return len(all) < n
	})
	return all, code(err)
}

func (f *inProcessFile) SeekDir(off uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dir = off
	return nil
}
