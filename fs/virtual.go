package fs

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmfs/shmfs/regions"
)

// VirtualDir is a directory of files that no arena holds.
type VirtualDir interface {
	// Names lists what `ls` shows, in the order in which it shows it.
	Names() []string
	// Find answers a file or a directory by name: also one that is not listed.
	Find(name string) (VirtualNode, bool)
}

// VirtualNode is a file (File is set) or a directory (Dir is set). Its owner is who serves the tree.
type VirtualNode struct {
	Dir  VirtualDir
	File VirtualFile
}

// VirtualFile is a file whose content is made when it is opened. One that can be written to is a [VirtualWriter] too.
type VirtualFile interface {
	// Snapshot makes the content that one open reads. ctx ends when the reader does not want it any more.
	Snapshot(ctx context.Context) ([]byte, error)
}

// VirtualWriter is a file that takes commands: each write(2) is one.
type VirtualWriter interface {
	Write(ctx context.Context, c Caller, command []byte) error
}

const controlNode = regions.NodeID(1) << 32

// virtuals gives the virtual files their nodes. A path has the same node in every server, because it is made from the
// path: the kernel goes on using it when another server takes over. Those that are not listed are forgotten with the
// kernel.
type virtuals struct {
	root    VirtualDir
	owner   uint32 // user who owns the files, and alone may write to them
	started regions.Timestamp

	held atomic.Int64 // bytes of content that open handles hold

	mu    sync.Mutex // guards the rest; taken alone
	nodes map[regions.NodeID]*virtualEntry
	paths map[string]regions.NodeID
}

type virtualEntry struct {
	VirtualNode
	path   string // with `.ctl` in front
	listed bool
}

func newVirtuals(root VirtualDir, owner uint32) *virtuals {
	v := &virtuals{
		root:    root,
		owner:   owner,
		started: regions.TimestampOf(time.Now()),
		nodes:   map[regions.NodeID]*virtualEntry{},
		paths:   map[string]regions.NodeID{},
	}
	if root != nil {
		v.nodes[controlNode] = &virtualEntry{VirtualNode: VirtualNode{Dir: root}, path: ControlName, listed: true}
		v.enterListed(ControlName, root)
		v.enterHidden(ControlName, root)
	}
	return v
}

// enterListed enters all that is listed below a directory: an earlier server may have told of it.
func (v *virtuals) enterListed(path string, dir VirtualDir) {
	for _, name := range dir.Names() {
		found, ok := dir.Find(name)
		if !ok {
			continue
		}
		v.enter(path+"/"+name, found, true)
		if found.Dir != nil {
			v.enterListed(path+"/"+name, found.Dir)
		}
	}
}

// numberOf makes a number for a path that is not taken by another one: its FNV-1a hash, or the next free number.
func (v *virtuals) numberOf(path string) regions.NodeID {
	hash := uint32(2166136261)
	for i := range len(path) {
		hash = (hash ^ uint32(path[i])) * 16777619
	}
	for {
		n := regions.VirtualNodeID(hash)
		if n != regions.NoNode && n != controlNode && v.nodes[n] == nil {
			return n
		}
		hash++
	}
}

func (v *virtuals) get(n regions.NodeID) (*virtualEntry, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := v.nodes[n]
	if e == nil {
		return nil, regions.Stale
	}
	return e, nil
}

func (v *virtuals) path(n regions.NodeID) string {
	e, err := v.get(n)
	if err != nil {
		return ""
	}
	return e.path
}

func (v *virtuals) lookup(dir regions.NodeID, name string) (regions.Attr, error) {
	d, err := v.get(dir)
	if err != nil {
		return regions.Attr{}, err
	}
	if d.Dir == nil {
		return regions.Attr{}, regions.NotDir
	}
	found, ok := d.Dir.Find(name)
	if !ok {
		return regions.Attr{}, regions.NotFound
	}
	return v.attr(v.enter(d.path+"/"+name, found, slices.Contains(d.Dir.Names(), name)))
}

// enter answers the node of a path, a new one if it had none.
func (v *virtuals) enter(path string, found VirtualNode, listed bool) regions.NodeID {
	v.mu.Lock()
	defer v.mu.Unlock()
	n, known := v.paths[path]
	if !known {
		n = v.numberOf(path)
		v.paths[path] = n
		v.nodes[n] = &virtualEntry{VirtualNode: found, path: path, listed: listed}
	}
	return n
}

// forget drops a node that is not listed: there is no end to such names.
func (v *virtuals) forget(n regions.NodeID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.nodes[n]; e != nil && !e.listed {
		delete(v.nodes, n)
		delete(v.paths, e.path)
	}
}

func (v *virtuals) attr(n regions.NodeID) (regions.Attr, error) {
	e, err := v.get(n)
	if err != nil {
		return regions.Attr{}, err
	}
	a := regions.Attr{
		Node: n, Ino: uint64(n), Nlink: 1, Blksize: 4096, Mode: regions.TypeRegular | 0o444, UID: v.owner,
		Atime: v.started, Mtime: v.started, Ctime: v.started, Btime: v.started,
	}
	if e.Dir != nil {
		a.Mode, a.Nlink = regions.TypeDir|0o555, 2
	} else if _, ok := e.File.(VirtualWriter); ok {
		a.Mode |= 0o200
	}
	return a, nil
}

// setattr takes what `echo > file` sends, a size and times, and refuses the rest.
func (v *virtuals) setattr(n regions.NodeID, c regions.Change) (regions.Attr, error) {
	const harmless = regions.SetSize | regions.KillPrivileges |
		regions.SetAtime | regions.SetAtimeNow | regions.SetMtime | regions.SetMtimeNow
	if c.Set&^harmless != 0 {
		return regions.Attr{}, regions.NotPermitted
	}
	return v.attr(n)
}

func (v *virtuals) open(ctx context.Context, c Caller, n regions.NodeID, access regions.Access) (*virtualHandle, error) {
	e, err := v.get(n)
	if err != nil {
		return nil, err
	}
	if e.File == nil {
		return nil, regions.IsDir
	}
	h := &virtualHandle{}
	if access&regions.WriteAccess != 0 {
		w, ok := e.File.(VirtualWriter)
		if !ok || c.UID != v.owner {
			return nil, regions.AccessDenied
		}
		h.writer = w
	}
	if access&regions.ReadAccess != 0 {
		if v.held.Load() >= heldMost {
			return nil, tooMuchHeld()
		}
		if h.content, err = e.File.Snapshot(ctx); err != nil {
			return nil, err
		}
		h.held = &v.held
		if v.held.Add(int64(len(h.content))) > heldMost {
			h.close()
			return nil, tooMuchHeld()
		}
	}
	return h, nil
}

func tooMuchHeld() error {
	return &regions.Refusal{Code: regions.Again, Reason: "readers hold too much of control files open",
		Remedy: "close some of them: each has its own snapshot"}
}

// heldMost is how many bytes of snapshots may be held before no more are made: anybody may read control files, and must
// not take the server's memory with it. 100,000 regions are some 50 MB.
const heldMost = 512 << 20

// writer answers what takes a file's commands, nil for nothing.
func (v *virtuals) writer(n regions.NodeID) VirtualWriter {
	e, err := v.get(n)
	if err != nil {
		return nil
	}
	w, _ := e.File.(VirtualWriter)
	return w
}

func (v *virtuals) openDir(n regions.NodeID) (regions.Dir, error) {
	e, err := v.get(n)
	if err != nil {
		return nil, err
	}
	if e.Dir == nil {
		return nil, regions.NotDir
	}
	return &virtualListing{v, n, e.Dir.Names()}, nil
}

// virtualListing is an open virtual directory; a position is an index into its names, plus regions.FirstPosition.
type virtualListing struct {
	virtuals *virtuals
	node     regions.NodeID
	names    []string
}

func (l *virtualListing) Read(off uint64, attrs bool, emit func(regions.Entry) bool) error {
	for i := max(off, regions.FirstPosition-1) - (regions.FirstPosition - 1); i < uint64(len(l.names)); i++ {
		a, err := l.virtuals.lookup(l.node, l.names[i])
		if err != nil {
			continue
		}
		e := regions.Entry{Name: l.names[i], Off: i + regions.FirstPosition, Ino: a.Ino, Type: a.Type()}
		if attrs {
			e.Attr = a
		}
		if !emit(e) {
			return nil
		}
	}
	return nil
}

// Dots answers `.ctl`'s number for the parent of whatever is below it, and the root's for its own.
func (l *virtualListing) Dots() (self, parent uint64, err error) {
	if l.node == controlNode {
		return uint64(l.node), uint64(regions.RootNode), nil
	}
	return uint64(l.node), uint64(controlNode), nil
}

func (l *virtualListing) Close() error { return nil }

// virtualHandle is an open virtual file.
type virtualHandle struct {
	content []byte
	lost    bool          // content was another server's
	held    *atomic.Int64 // where content is counted; nil for nowhere
	writer  VirtualWriter
}

func (h *virtualHandle) close() {
	if h.held != nil {
		h.held.Add(-int64(len(h.content)))
	}
}

func (h *virtualHandle) read(p []byte, off int64) (int, error) {
	switch {
	case h.lost:
		return 0, &regions.Refusal{Code: regions.IO, Reason: "the rest of this control file was lost with the server that made it",
			Remedy: "open it again"}
	case off < 0 || off >= int64(len(h.content)):
		return 0, nil
	}
	return copy(p, h.content[off:]), nil
}

func (h *virtualHandle) write(ctx context.Context, c Caller, p []byte) (int, error) {
	if h.writer == nil {
		return 0, regions.BadHandle
	}
	if err := h.writer.Write(ctx, c, p); err != nil {
		return 0, err
	}
	return len(p), nil
}
