package fs

import (
	"sync"
	"sync/atomic"

	"github.com/shmfs/shmfs/regions"
)

// HandleKind is what a handle is open on.
type HandleKind uint8

// The kinds of handles. Their values are kept by a [HandleBook]: do not change them.
const (
	RegionHandle HandleKind = iota
	DirHandle
	ControlHandle
)

// OpenHandle is what is known of a handle from outside.
type OpenHandle struct {
	Kind    HandleKind
	Node    regions.NodeID
	Access  regions.Access
	Request uint64 // of the caller who opened it
	Content []byte // what a control file's reader reads; of a stream, who does
	Lost    bool   // its content did not outlive the server that made it
}

// HandleBook numbers handles.
type HandleBook interface {
	// Enter answers a number that no handle ever had.
	Enter(OpenHandle) (uint64, error)
	// Leave ends one. One that is not known is nothing to do.
	Leave(fh uint64)
}

// counter is a HandleBook that forgets.
type counter struct{ last atomic.Uint64 }

func (c *counter) Enter(OpenHandle) (uint64, error) { return c.last.Add(1), nil }
func (c *counter) Leave(uint64)                     {}

// handles are the open files and directories.
type handles struct {
	book HandleBook
	mu   sync.RWMutex // guards open; taken alone
	open map[uint64]*handle
}

// handle is one open file or directory.
type handle struct {
	kind   HandleKind
	node   regions.NodeID
	access regions.Access
	file   regions.File // nil where the arena is stateless: opened for each call
	text   *virtualHandle
	stream VirtualReader
	reader Reader // of stream

	dirMu sync.Mutex // guards dir while a restored one is opened
	dir   regions.Dir
}

// add enters a handle for a request. What it has open is closed if it cannot be entered.
func (h *handles) add(request uint64, x *handle) (uint64, error) {
	e := OpenHandle{Kind: x.kind, Node: x.node, Access: x.access, Request: request}
	if x.text != nil {
		e.Content = x.text.content
	}
	if x.stream != nil {
		e.Content = x.reader.kept()
	}
	fh, err := h.book.Enter(e)
	if err != nil {
		x.close()
		return 0, err
	}
	h.put(fh, x)
	return fh, nil
}

func (h *handles) put(fh uint64, x *handle) {
	h.mu.Lock()
	h.open[fh] = x
	h.mu.Unlock()
}

func (h *handles) get(fh uint64) *handle {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.open[fh]
}

func (h *handles) take(fh uint64) *handle {
	h.mu.Lock()
	x := h.open[fh]
	delete(h.open, fh)
	h.mu.Unlock()
	h.book.Leave(fh)
	return x
}

func (x *handle) close() {
	if x.file != nil {
		x.file.Close()
	}
	if x.dir != nil {
		x.dir.Close()
	}
	if x.text != nil {
		x.text.close()
	}
	if x.stream != nil {
		x.stream.Close()
	}
}

// Restore puts a handle back that an earlier tree of the same arena had open, under its number. A directory is opened
// when it is next read. A region is opened now where the arena needs it; if it cannot be, because it has no name any
// more, later calls with the handle answer why.
func (t *Tree) Restore(fh uint64, h OpenHandle) {
	x := &handle{kind: h.Kind, node: h.Node, access: h.Access}
	switch h.Kind {
	case ControlHandle:
		x.reader = t.virtual.keptReader(h.Content)
		if x.stream, _ = t.virtual.follow(h.Node, h.Access, x.reader); x.stream != nil {
			break
		}
		x.text = &virtualHandle{content: h.Content, lost: h.Lost, held: &t.virtual.held}
		t.virtual.held.Add(int64(len(h.Content)))
		if h.Access&regions.WriteAccess != 0 {
			x.text.writer = t.virtual.writer(h.Node)
		}
	case RegionHandle:
		if !t.arena.Properties().Stateless {
			x.file, _ = t.arena.Open(h.Node, h.Access)
		}
		t.arena.Resumed(h.Node, h.Access)
	}
	t.handles.put(fh, x)
}

// Release ends a handle. One that is not known (any more) is nothing to do.
func (t *Tree) Release(fh uint64) {
	if h := t.handles.get(fh); h != nil && h.kind == RegionHandle {
		t.arena.Closing(h.node)
	}
	h := t.handles.take(fh)
	if h == nil {
		return
	}
	h.close()
	if h.kind == RegionHandle {
		t.arena.Released(h.node, h.access)
		t.released(h.node)
	}
}

// NodeOf answers what a handle is open on.
func (t *Tree) NodeOf(fh uint64) (regions.NodeID, bool) {
	h := t.handles.get(fh)
	if h == nil {
		return regions.NoNode, false
	}
	return h.node, true
}

// dirOf answers an open directory.
func (t *Tree) dirOf(fh uint64) (*handle, regions.Dir, error) {
	h := t.handles.get(fh)
	if h == nil || h.kind != DirHandle {
		return nil, nil, regions.BadHandle
	}
	h.dirMu.Lock()
	defer h.dirMu.Unlock()
	if h.dir != nil {
		return h, h.dir, nil
	}
	d, err := t.openDir(h.node)
	if err == nil {
		h.dir = d
	}
	return h, d, err
}
