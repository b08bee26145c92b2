package fstest

import (
	"errors"
	"io"
	"math"
	"sync"
	"sync/atomic"

	"github.com/shmfs/shmfs/regions"
)

// Open does what open(2) does around a file system's own create and open (Linux fs/namei.c, path_openat).
func (c *inProcess) Open(path string, flags OpenFlags, mode uint32) (f File, err error) {
	if flags&Tmpfile != 0 {
		return c.openTemp(path, flags, mode)
	}
	follow := flags&NoFollow == 0 && flags&(Create|Exclusive) != Create|Exclusive
	err = c.onPath(path, follow, func(s spot) (err error) {
		if s.missing() && flags&Create != 0 {
			f, err = c.create(s, flags, mode)
			if errors.Is(err, regions.Exists) && flags&Exclusive == 0 {
				return regions.Stale // somebody else was faster: once more
			}
			return err
		}
		f, err = c.openSpot(s, flags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (c *inProcess) openTemp(path string, flags OpenFlags, mode uint32) (f File, err error) {
	if flags&Write == 0 {
		return nil, regions.Invalid
	}
	err = c.onNode(path, true, func(dir regions.Attr) error {
		if !dir.IsDir() {
			return regions.NotDir
		}
		a, fh, err := c.tree.Tmpfile(c.process.id(), dir.Node, mode, flags.access())
		if err != nil {
			return err
		}
		c.process.hold(a.Node, true)
		f = &inProcessFile{client: c, node: a.Node, fh: fh, flags: flags}
		return nil
	})
	return f, err
}

func (c *inProcess) create(s spot, flags OpenFlags, mode uint32) (File, error) {
	defer c.process.lock(s.dir(), s.dir())()
	a, fh, err := c.tree.Create(c.process.id(), s.dir(), s.name, mode, flags.access())
	if err != nil {
		return nil, err
	}
	c.process.hold(a.Node, false)
	return &inProcessFile{client: c, node: a.Node, fh: fh, flags: flags}, nil
}

func (f OpenFlags) access() (a regions.Access) {
	if f&Read != 0 || f&Write == 0 {
		a |= regions.ReadAccess
	}
	if f&Write != 0 {
		a |= regions.WriteAccess
	}
	return a
}

// openSpot opens what is there. The order of the refusals is the kernel's.
func (c *inProcess) openSpot(s spot, flags OpenFlags) (File, error) {
	switch isDir := s.attr.IsDir(); {
	case s.err != nil:
		return nil, s.err
	case flags&(Create|Exclusive) == Create|Exclusive:
		return nil, regions.Exists
	case s.attr.Type() == regions.TypeSymlink && flags&Directory == 0:
		return nil, regions.Loop
	case flags&Directory != 0 && !isDir:
		return nil, regions.NotDir
	case isDir && flags&(Write|Create|Trunc) != 0:
		return nil, regions.IsDir
	case isDir:
		return c.openNode(s.attr.Node, flags, func() (uint64, error) { return c.tree.OpenDir(c.process.id(), s.attr.Node) })
	case !s.attr.IsRegion():
		return nil, regions.NoDevice
	}
	f, err := c.openNode(s.attr.Node, flags, func() (uint64, error) {
		return c.tree.Open(background(), c.process.id(), s.attr.Node, flags.access())
	})
	if err != nil || flags&Trunc == 0 {
		return f, err
	}
	// Without the handle, as FUSE does it: the file need not be open for writing (fuse_do_setattr, Linux fs/fuse/dir.c).
	if _, err := c.tree.Setattr(c.process.id(), f.node, 0, regions.Change{Set: regions.SetSize}); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openNode asks for the node again once it holds it: an open of a stateless arena does not.
func (c *inProcess) openNode(n regions.NodeID, flags OpenFlags, open func() (uint64, error)) (*inProcessFile, error) {
	c.process.hold(n, false)
	var fh uint64
	_, err := c.tree.Getattr(n)
	if err == nil {
		fh, err = open()
	}
	if err != nil {
		c.process.release(n)
		return nil, err
	}
	return &inProcessFile{client: c, node: n, fh: fh, flags: flags}, nil
}

// inProcessFile is an open file description.
type inProcessFile struct {
	client *inProcess
	node   regions.NodeID
	fh     uint64
	flags  OpenFlags

	closed atomic.Bool
	mu     sync.Mutex // guards the rest; held over reads and writes that move it
	at     int64      // in a file
	dir    uint64     // in a directory
}

var _ File = (*inProcessFile)(nil)

func (f *inProcessFile) Close() error {
	if f.closed.Swap(true) {
		return regions.BadHandle
	}
	f.client.tree.Release(f.fh)
	f.client.process.release(f.node)
	return nil
}

// may answers what the kernel answers for a file that is not open for that.
func (f *inProcessFile) may(access regions.Access) error {
	if f.flags.access()&access == 0 {
		return regions.BadHandle
	}
	return nil
}

func (f *inProcessFile) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.ReadAt(p, f.at)
	f.at += int64(n)
	return n, err
}

func (f *inProcessFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.may(regions.ReadAccess); err != nil {
		return 0, err
	}
	if a, err := f.client.tree.Getattr(f.node); err == nil && a.IsDir() {
		return 0, regions.IsDir
	}
	n, err := f.client.tree.Read(f.node, f.fh, p, off)
	if err == nil && n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, code(err)
}

func (f *inProcessFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, end, err := f.write(p, f.at)
	f.at = end
	return n, err
}

func (f *inProcessFile) WriteAt(p []byte, off int64) (int, error) {
	n, _, err := f.write(p, off)
	return n, err
}

// write appends if the file is open for that, whatever off says (pwrite(2), BUGS), and answers where it ended.
func (f *inProcessFile) write(p []byte, off int64) (n int, end int64, err error) {
	if err := f.may(regions.WriteAccess); err != nil {
		return 0, off, err
	}
	if off < 0 || off > math.MaxInt64-int64(len(p)) {
		return 0, off, regions.Invalid
	}
	if len(p) == 0 {
		return 0, off, nil
	}
	if f.flags&Append != 0 {
		f.client.process.append.Lock()
		defer f.client.process.append.Unlock()
		a, err := f.client.tree.Getattr(f.node)
		if err != nil {
			return 0, off, code(err)
		}
		off = a.Size
	}
	n, err = f.client.tree.Write(background(), f.client.process.id(), f.node, f.fh, p, off, false)
	return n, off + int64(n), code(err)
}

func (f *inProcessFile) Truncate(size int64) error {
	if f.may(regions.WriteAccess) != nil || size < 0 {
		return regions.Invalid
	}
	_, err := f.client.tree.Setattr(f.client.process.id(), f.node, f.fh, regions.Change{Set: regions.SetSize, Size: size})
	return code(err)
}

// Allocate checks what the kernel checks first (vfs_fallocate, Linux fs/open.c).
func (f *inProcessFile) Allocate(off, length int64, mode regions.AllocateMode) error {
	const punch = regions.AllocatePunchHole
	switch {
	case off < 0 || length <= 0:
		return regions.Invalid
	case mode&punch != 0 && mode != punch|regions.AllocateKeepSize:
		return regions.NotSupported
	case f.may(regions.WriteAccess) != nil:
		return regions.BadHandle
	}
	return code(f.client.tree.Allocate(f.node, f.fh, off, length, mode))
}

func (f *inProcessFile) SeekExtent(off int64, hole bool) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, err := f.client.tree.Seek(f.node, f.fh, off, hole)
	if err == nil {
		f.at = at
	}
	return at, code(err)
}

func (f *inProcessFile) Stat() (regions.Attr, error) {
	a, err := f.client.tree.Getattr(f.node)
	a.Node = regions.NoNode
	return a, code(err)
}
