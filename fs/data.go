package fs

import (
	"context"
	"errors"
	"io"

	"github.com/shmfs/shmfs/regions"
)

// Open opens a region or a control file. A control file's content is made here: one open reads one snapshot.
func (t *Tree) Open(ctx context.Context, c Caller, n regions.NodeID, access regions.Access) (uint64, error) {
	if n.Virtual() {
		h := &handle{kind: ControlHandle, node: n, access: access, reader: t.virtual.reader(c.UID)}
		var err error
		if h.stream, err = t.virtual.follow(n, access, h.reader); err == nil && h.stream == nil {
			h.text, err = t.virtual.open(ctx, c, n, access)
		}
		if err != nil {
			return 0, err
		}
		return t.handles.add(c.Request, h)
	}
	return t.openRegion(c, n, access)
}

func (t *Tree) openRegion(c Caller, n regions.NodeID, access regions.Access) (uint64, error) {
	h := &handle{node: n, access: access}
	if !t.arena.Properties().Stateless {
		f, err := t.arena.Open(n, access)
		if err != nil {
			return 0, err
		}
		h.file = f
	}
	return t.opened(c, h)
}

// opened counts a region's handle as a user of it, before anybody is told of it.
func (t *Tree) opened(c Caller, h *handle) (uint64, error) {
	if err := t.arena.Opened(h.node, h.access); err != nil {
		h.close()
		return 0, err
	}
	fh, err := t.handles.add(c.Request, h)
	if err != nil {
		t.arena.Released(h.node, h.access)
		return 0, err
	}
	t.openedBy(c, h.node)
	return fh, nil
}

// withFile calls fn with the handle's file, or with one opened for this call.
func (t *Tree) withFile(n regions.NodeID, fh uint64, access regions.Access, fn func(regions.File) error) error {
	if n.Virtual() {
		return regions.Invalid
	}
	if h := t.handles.get(fh); h != nil && h.file != nil {
		return fn(h.file)
	}
	f, err := t.arena.Open(n, access)
	if err != nil {
		return err
	}
	defer f.Close()
	return fn(f)
}

// Read reads from off on. At the end it answers fewer bytes, and no error.
func (t *Tree) Read(n regions.NodeID, fh uint64, p []byte, off int64) (int, error) {
	if h := t.handles.get(fh); h != nil && h.text != nil {
		return h.text.read(p, off)
	}
	done := 0
	err := t.withFile(n, fh, regions.ReadAccess, func(f regions.File) (err error) {
		done, err = f.ReadAt(p, off)
		return err
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return done, err
}

// Write writes at off. With kill, set-user-id and set-group-id go, because the writer may not keep them.
func (t *Tree) Write(ctx context.Context, c Caller, n regions.NodeID, fh uint64, p []byte, off int64, kill bool) (int, error) {
	if h := t.handles.get(fh); h != nil && h.text != nil {
		return h.text.write(ctx, c, p)
	}
	done := 0
	err := t.withFile(n, fh, regions.WriteAccess, func(f regions.File) (err error) {
		done, err = f.WriteAt(p, off)
		return err
	})
	if done > 0 && kill {
		t.arena.Setattr(n, regions.Change{Set: regions.KillPrivileges})
	}
	if done > 0 {
		err = nil // a short write; the next one tells why
	}
	return done, err
}

// Allocate is fallocate(2).
func (t *Tree) Allocate(n regions.NodeID, fh uint64, off, length int64, mode regions.AllocateMode) error {
	return t.withFile(n, fh, regions.WriteAccess, func(f regions.File) error {
		return f.Allocate(off, length, mode)
	})
}

// Seek finds the next data or the next hole.
func (t *Tree) Seek(n regions.NodeID, fh uint64, off int64, hole bool) (int64, error) {
	at := int64(0)
	err := t.withFile(n, fh, regions.ReadAccess, func(f regions.File) (err error) {
		at, err = f.SeekExtent(off, hole)
		return err
	})
	return at, err
}

// Range is a place in an open region.
type Range struct {
	Node   regions.NodeID
	Handle uint64
	Off    int64
}

// CopyRange copies length bytes, in the kernel where the arena can, and answers how many it copied.
func (t *Tree) CopyRange(src, dst Range, length int64) (int64, error) {
	if src.Node.Virtual() || dst.Node.Virtual() {
		return 0, regions.CrossDevice // the kernel then reads and writes
	}
	done := int64(0)
	err := t.withFile(src.Node, src.Handle, regions.ReadAccess, func(s regions.File) error {
		return t.withFile(dst.Node, dst.Handle, regions.WriteAccess, func(d regions.File) (err error) {
			done, err = t.arena.CopyRange(s, src.Off, d, dst.Off, length)
			if errors.Is(err, regions.NotSupported) {
				done, err = copyThrough(s, src.Off, d, dst.Off, length)
			}
			return err
		})
	})
	return done, err
}

// copyThrough copies by reading and writing.
func copyThrough(src io.ReaderAt, srcOff int64, dst io.WriterAt, dstOff, length int64) (int64, error) {
	n, err := io.Copy(io.NewOffsetWriter(dst, dstOff), io.NewSectionReader(src, srcOff, length))
	if n > 0 {
		return n, nil
	}
	return 0, err
}
