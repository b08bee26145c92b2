package fs

import (
	"context"
	"encoding/binary"

	"github.com/shmfs/shmfs/regions"
)

// VirtualStream is a file that does not end: who reads it waits for more. It must not be listed, because what reads all
// files that it finds (tar, grep -r) would wait for ever.
type VirtualStream interface {
	VirtualFile
	// Follow begins to read.
	Follow(Reader) (VirtualReader, error)
}

// Reader is who reads a stream.
type Reader struct {
	User    uint32
	Owner   bool // root, or the user whose the server is
	Known   bool // whether these two are
	Resumed bool // an earlier server began to answer
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

// reader answers who begins to read.
func (v *virtuals) reader(user uint32) Reader {
	return Reader{User: user, Owner: user == 0 || user == v.owner, Known: true}
}

// kept is what the next server is told of who reads.
func (r Reader) kept() []byte { return binary.LittleEndian.AppendUint32(nil, r.User) }

// keptReader answers who began to read, as an earlier server kept it.
func (v *virtuals) keptReader(kept []byte) Reader {
	var r Reader
	if len(kept) == 4 {
		r = v.reader(binary.LittleEndian.Uint32(kept))
	}
	r.Resumed = true
	return r
}

// follow begins to read a stream; nil for what is none.
func (v *virtuals) follow(n regions.NodeID, access regions.Access, r Reader) (VirtualReader, error) {
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
	return s.Follow(r)
}

// StreamOf answers the stream that a handle reads, nil for one that reads something else.
func (t *Tree) StreamOf(fh uint64) VirtualReader {
	if h := t.handles.get(fh); h != nil {
		return h.stream
	}
	return nil
}
