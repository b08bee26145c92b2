package fs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/shmfs/shmfs/regions"
)

// Caller is who asks. PID is a thread's, as the kernel names it to the server; 0 if it cannot. Umask matters where
// something is made.
type Caller struct {
	UID, GID, PID, Umask uint32
	// Request numbers the request, where a front end may get it a second time; 0 elsewhere.
	Request uint64
}

// Tree is a mounted file system.
type Tree struct {
	arena    *regions.Manager
	virtual  *virtuals
	handles  handles
	ops      *Operations
	refusals Refusals

	processOf func(tid uint32) (pid uint32)
	groupsOf  func(tid uint32) Groups
	numberOf  func(tid uint32, kind regions.OwnerKind, id uint32) uint32
	memory    MemoryReader
}

// Options are what a Tree needs beside its arena.
type Options struct {
	// Control is shown as `.ctl` in the root; nil for none.
	Control VirtualDir
	// Owner is the user who owns the control files, and alone may write to them: the server's own.
	Owner uint32
	// ProcessOf names the process of a thread while it waits for an answer; 0 if it cannot. Nil: the thread itself.
	ProcessOf func(tid uint32) uint32
	// GroupsOf tells what a thread belongs to, while it waits for an answer. Nil: nothing that is known.
	GroupsOf func(tid uint32) Groups
	// NumberOf answers the number here of the process, the process group or the session to which a thread says id, in its own
	// pid namespace, while it waits for an answer; 0 for none. Nil: it is the same.
	NumberOf func(tid uint32, kind regions.OwnerKind, id uint32) uint32
	// Memory tells what the system knows of memory; nil for nothing.
	Memory MemoryReader
	// Handles numbers open handles, and may outlive the tree: see [Tree.Restore]. Nil: they are counted up.
	Handles HandleBook
	// Counters are OperationCells numbers that outlive the tree; nil for some that do not.
	Counters []atomic.Uint64
}

// Groups are what a process belongs to. What cannot be told is zero.
type Groups struct {
	Group   uint32 // process group
	Session uint32 // of setsid(2)
	Cgroup  string // path of the control group that memory is counted in
	Unified string // of the one in the unified hierarchy
}

// NewTree makes a tree of an arena.
func NewTree(arena *regions.Manager, o Options) *Tree {
	t := &Tree{arena: arena, processOf: o.ProcessOf, groupsOf: o.GroupsOf, numberOf: o.NumberOf, memory: o.Memory, ops: NewOperations(o.Counters)}
	if t.processOf == nil {
		t.processOf = func(tid uint32) uint32 { return tid }
	}
	if t.groupsOf == nil {
		t.groupsOf = func(uint32) Groups { return Groups{} }
	}
	if t.memory == nil {
		t.memory = NoMemoryReader{}
	}
	t.virtual = newVirtuals(o.Control, o.Owner)
	t.handles.open = make(map[uint64]*handle)
	if t.handles.book = o.Handles; t.handles.book == nil {
		t.handles.book = &counter{}
	}
	return t
}

// Arena is the manager behind the tree.
func (t *Tree) Arena() *regions.Manager { return t.arena }

// Operations counts what was asked of the tree.
func (t *Tree) Operations() *Operations { return t.ops }

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
	var told *regions.Refusal
	if x.Code == regions.NoSpace && !errors.As(err, &told) {
		t.describeFull(&x)
	}
	t.describeMemory(&x)
	x.Path = strings.TrimPrefix(t.Path(node)+"/"+name, "/")
	x.Path = strings.TrimSuffix(x.Path, "/")
	x.Process = commandOf(c.PID)
	t.refusals.Add(x)
	t.refused(&x)
}

// describeFull tells which limit of the arena is reached.
func (t *Tree) describeFull(x *Refused) {
	u, err := t.arena.Physical()
	switch {
	case err != nil:
	case u.Nodes > 0 && u.NodesUsed >= u.Nodes:
		x.Reason = fmt.Sprintf("the arena has all of its %d inodes in use", u.Nodes)
		x.Remedy = fmt.Sprintf("remove regions, or give it more: echo inodes=%d > .ctl/config", 2*u.Nodes)
	case u.Bytes > 0:
		x.Reason = fmt.Sprintf("%s of the arena's %s are in use",
			regions.FormatSize(int64(u.BytesUsed)), regions.FormatSize(int64(u.Bytes)))
	}
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
