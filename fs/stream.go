package fs

import (
	"context"

	"github.com/shmfs/shmfs/regions"
)

// VirtualStream is a file that does not end: who reads it waits for more. It must not be listed, because what reads all
// files that it finds (tar, grep -r) would wait for ever.
type VirtualStream interface {
	VirtualFile
	// Follow begins to read. Resumed says that an earlier server began.
	Follow(resumed bool) (VirtualReader, error)
}

// VirtualReader is one open of a stream.
type VirtualReader interface {
	// Read answers what there is, and waits for it where it may: Again where it may not, Interrupted at the end of ctx.
	Read(ctx context.Context, p []byte, wait bool) (int, error)
	Close() error
}

// VirtualHider is a directory that has something that is not listed and has a fixed name: the kernel may go on using its
// node when another server takes over.
type VirtualHider interface {
	Hidden() []string
}

// enterHidden enters what is hidden below a directory.
func (v *virtuals) enterHidden(path string, dir VirtualDir) {
	h, ok := dir.(VirtualHider)
	if !ok {
		return
	}
	for _, name := range h.Hidden() {
		if found, ok := dir.Find(name); ok {
			v.enter(path+"/"+name, found, true)
			if found.Dir != nil {
				v.enterHidden(path+"/"+name, found.Dir)
			}
		}
	}
}

// follow begins to read a stream; nil for what is none.
func (v *virtuals) follow(n regions.NodeID, access regions.Access, resumed bool) (VirtualReader, error) {
	e, err := v.get(n)
	if err != nil {
		return nil, err
	}
	s, ok := e.File.(VirtualStream)
	switch {
	case !ok:
		return nil, nil
	case access&regions.WriteAccess != 0:
		return nil, regions.AccessDenied
	}
	return s.Follow(resumed)
}

// StreamOf answers the stream that a handle reads, nil for one that reads something else.
func (t *Tree) StreamOf(fh uint64) VirtualReader {
	if h := t.handles.get(fh); h != nil {
		return h.stream
	}
	return nil
}
