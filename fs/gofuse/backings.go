//go:build linux

package gofuse

import (
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
	"github.com/shmfs/shmfs/regions"
)

// registrar registers files as backing: the connection, or a test's.
type registrar interface {
	RegisterBackingFd(*fuse.BackingMap) (int32, syscall.Errno)
	UnregisterBackingFd(int32) syscall.Errno
}

// backings are the files that the kernel has registered. A node has one from its first open to the end of its last
// use: while one is in use the kernel refuses another for the same node (Linux fs/fuse/iomode.c), and it refuses to
// mix with the cached way, so a node that could not be registered stays cached as long.
type backings struct {
	arena  regions.Descriptor
	kernel registrar
	path   bool           // whether the kernel takes O_PATH descriptors (Linux 6.18 does)
	ledger *ledger.Ledger // nil for none

	mu    sync.Mutex // guards nodes; held while the kernel registers (some microseconds)
	nodes map[regions.NodeID]*backing
}

type backing struct {
	id     int32
	cached bool   // could not be registered
	kept   bool   // is what keeps a region without a name alive
	index  uint32 // in the ledger
}

// tryPassthrough registers a file, and answers why it cannot be done. The file is a memfd, which is to the kernel what
// the arena's are, and can be had when the arena is full.
func tryPassthrough(m *regions.Manager, kernel *device) (*backings, error) {
	if kernel.init.Flags64()&fuse.CAP_PASSTHROUGH == 0 {
		return nil, errors.New("the kernel does not offer FUSE passthrough (Linux 6.9 with CONFIG_FUSE_PASSTHROUGH does)")
	}
	b, err := newBackings(m, kernel)
	if err != nil {
		return nil, err
	}
	trial, err := unix.MemfdCreate("shmfs-trial", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("no file to try passthrough with: %w", err)
	}
	defer unix.Close(trial)
	path, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", trial), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("no file to try passthrough with: %w", err)
	}
	defer unix.Close(path)
	id, errno := kernel.RegisterBackingFd(&fuse.BackingMap{Fd: int32(path)})
	if errno == syscall.EBADF {
		b.path = false
		id, errno = kernel.RegisterBackingFd(&fuse.BackingMap{Fd: int32(trial)})
	}
	switch errno {
	case 0:
		kernel.UnregisterBackingFd(id)
		return b, nil
	case syscall.EPERM:
		return nil, errors.New("FUSE passthrough needs CAP_SYS_ADMIN in the initial user namespace")
	}
	return nil, fmt.Errorf("the kernel refused a file as backing: %w", errno)
}

func newBackings(m *regions.Manager, kernel registrar) (*backings, error) {
	d, ok := m.Inner().(regions.Descriptor)
	if !ok {
		return nil, fmt.Errorf("regions of a %s arena are not files of this kernel", m.Properties().Kind)
	}
	return &backings{arena: d, kernel: kernel, path: true, nodes: make(map[regions.NodeID]*backing)}, nil
}

func (b *backings) register(n regions.NodeID) (int32, syscall.Errno) {
	fd, err := b.arena.Descriptor(n, b.path)
	if err != nil {
		return 0, syscall.EIO
	}
	defer unix.Close(fd)
	return b.kernel.RegisterBackingFd(&fuse.BackingMap{Fd: int32(fd)})
}

// acquire answers the node's backing, false if it is cached. It is called while the node counts as open.
func (b *backings) acquire(n regions.NodeID) (int32, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.nodes[n]
	if x == nil {
		x = b.newLocked(n)
		b.nodes[n] = x
	}
	return x.id, !x.cached
}

// newLocked registers a node, and enters it in the ledger before the kernel can use it.
func (b *backings) newLocked(n regions.NodeID) *backing {
	id, errno := b.register(n)
	if errno != 0 {
		return &backing{cached: true}
	}
	failpoint.Hit(failpoint.Registered)
	defer failpoint.Hit(failpoint.Backed)
	x := &backing{id: id}
	if b.ledger == nil {
		return x
	}
	index, err := b.ledger.EnterBacking(uint64(n), id)
	if err != nil {
		b.kernel.UnregisterBackingFd(id)
		return &backing{cached: true}
	}
	x.index = index
	return x
}

// free lets a node's backing go, because nobody holds the region.
func (b *backings) free(n regions.NodeID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.nodes[n]; x != nil && !x.kept {
		b.dropLocked(n, x)
	}
}

// keep makes the backing what keeps a region without a name, until the kernel forgets the node; where there is none, a
// new one if register says so. False if it cannot be kept so.
func (b *backings) keep(n regions.NodeID, register bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.nodes[n]
	if x == nil && register {
		if x = b.newLocked(n); !x.cached {
			b.nodes[n] = x
		}
	}
	if x == nil || x.cached {
		return false
	}
	x.kept = true
	return true
}

// named says that a region without a name got one.
func (b *backings) named(n regions.NodeID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.nodes[n]; x != nil {
		x.kept = false
	}
}

// all answers the nodes that have a backing.
func (b *backings) all() []regions.NodeID { return b.those(func(*backing) bool { return true }) }

// nameless answers the nodes that only their backing keeps.
func (b *backings) nameless() []regions.NodeID {
	return b.those(func(x *backing) bool { return x.kept })
}

func (b *backings) those(want func(*backing) bool) []regions.NodeID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var nodes []regions.NodeID
	for n, x := range b.nodes {
		if want(x) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// forget ends a kept backing.
func (b *backings) forget(n regions.NodeID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.nodes[n]; x != nil && x.kept {
		b.dropLocked(n, x)
	}
}

func (b *backings) dropLocked(n regions.NodeID, x *backing) {
	delete(b.nodes, n)
	switch {
	case x.cached:
	case b.ledger != nil:
		b.ledger.LeaveBacking(x.index, func() {
			failpoint.Hit(failpoint.Closing)
			b.kernel.UnregisterBackingFd(x.id)
			failpoint.Hit(failpoint.Closed)
		})
	default:
		b.kernel.UnregisterBackingFd(x.id)
	}
}
