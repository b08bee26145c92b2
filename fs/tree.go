package fs

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmfs/shmfs/regions"
)

// Caller is who asks. PID is a thread's, as the kernel names it to the server; 0 if it cannot. Umask matters where
// something is made.
type Caller struct {
	UID, GID, PID, Umask uint32
}

// Tree is a mounted file system.
type Tree struct {
	arena    *regions.Manager
	virtual  *virtuals
	handles  handles
	ops      Operations
	refusals Refusals

	processOf func(tid uint32) (pid uint32)
}

// Options are what a Tree needs beside its arena.
type Options struct {
	// Control is shown as `.ctl` in the root; nil for none.
	Control VirtualDir
	// Owner is the user who owns the control files, and alone may write to them: the server's own.
	Owner uint32
	// ProcessOf names the process of a thread while it waits for an answer; 0 if it cannot. Nil: the thread itself.
	ProcessOf func(tid uint32) uint32
}

// NewTree makes a tree of an arena.
func NewTree(arena *regions.Manager, o Options) *Tree {
	t := &Tree{arena: arena, processOf: o.ProcessOf}
	if t.processOf == nil {
		t.processOf = func(tid uint32) uint32 { return tid }
	}
	t.virtual = newVirtuals(o.Control, o.Owner)
	t.handles.open = make(map[uint64]*handle)
	return t
}

// Arena is the manager behind the tree.
func (t *Tree) Arena() *regions.Manager { return t.arena }

// Operations counts what was asked of the tree.
func (t *Tree) Operations() *Operations { return &t.ops }

// Refusals keeps the last refusals.
func (t *Tree) Refusals() *Refusals { return &t.refusals }

// Done ends an operation that began at start: it is counted, and a refusal is kept with who asked for what.
func (t *Tree) Done(op Op, start time.Time, c Caller, dir regions.NodeID, name string, err error) regions.Code {
	code := CodeOf(err)
	t.ops.Observe(op, time.Since(start), code)
	if err != nil {
		t.refuse(op, c, dir, name, err)
	}
	return code
}

func (t *Tree) refuse(op Op, c Caller, node regions.NodeID, name string, err error) {
	x := Refused{Op: op, PID: c.PID, UID: c.UID, Time: time.Now()}
	if !x.describe(err) {
		return
	}
	x.Path = strings.TrimPrefix(t.Path(node)+"/"+name, "/")
	x.Path = strings.TrimSuffix(x.Path, "/")
	x.Process = commandOf(c.PID)
	t.refusals.Add(x)
}

// commandOf reads a thread's name from /proc, "" where there is none.
func commandOf(tid uint32) string {
	if tid == 0 {
		return ""
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(int(tid)) + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}

// Path answers where a node stands, relative to the root; "" for the root itself and where it cannot be told.
func (t *Tree) Path(n regions.NodeID) string {
	if n == regions.RootNode {
		return ""
	}
	if n.Virtual() {
		return t.virtual.path(n)
	}
	return t.arena.Path(n)
}

// handles are the open files and directories.
type handles struct {
	last atomic.Uint64
	mu   sync.RWMutex // guards open; taken alone
	open map[uint64]*handle
}

// handle is one open file or directory. Exactly one of dir, content and the region's fields is used.
type handle struct {
	node   regions.NodeID
	access regions.Access
	file   regions.File // nil where the arena is stateless: opened for each call
	dir    regions.Dir
	text   *virtualHandle
}

func (h *handles) add(x *handle) uint64 {
	fh := h.last.Add(1)
	h.mu.Lock()
	h.open[fh] = x
	h.mu.Unlock()
	return fh
}

func (h *handles) get(fh uint64) *handle {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.open[fh]
}

func (h *handles) take(fh uint64) *handle {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.open[fh]
	delete(h.open, fh)
	return x
}
