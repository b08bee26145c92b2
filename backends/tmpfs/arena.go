//go:build linux

package tmpfs

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// Arena is a tmpfs, or a directory in one.
type Arena struct {
	root       int    // ordinary descriptor of the root directory
	rootPath   string // as the kernel prints it, for Path
	nodes      locator
	rootID     regions.NodeID
	uid, gid   uint32
	userXattr  bool        // whether this kernel's tmpfs keeps user. attributes
	mounted    bool        // whether the tmpfs is ours
	recordName string      // extended attribute of records; "" if they cannot be kept
	noXattrAt  atomic.Bool // whether the kernel lacks getxattrat(2)
	properties regions.Properties

	pinsMost int // how many pins there may be: a part of what descriptors the process may have

	shares shares

	pinMu sync.Mutex // guards pins and files; taken alone
	pins  map[regions.NodeID]int
	files map[regions.NodeID][]int // descriptors of open files, where nodes are reached by place
}

// locator reaches nodes.
type locator interface {
	// open opens a node with the flags of open(2).
	open(n regions.NodeID, flags int) (int, error)
	// dirFlags are the flags that a directory is opened with to act on its names.
	dirFlags() int
	// named takes note of a name of n, unnamed that it is gone; unnamed answers whether n can still be reached.
	named(n, dir regions.NodeID, name string)
	unnamed(n, dir regions.NodeID, name string) bool
}

var (
	_ regions.Arena       = (*Arena)(nil)
	_ regions.Descriptor  = (*Arena)(nil)
	_ regions.MakeOpener  = (*Arena)(nil)
	_ regions.UseProber   = (*Arena)(nil)
	_ regions.UseKeeper   = (*Arena)(nil)
	_ regions.NodeRemover = (*Arena)(nil)
	_ regions.Copier      = (*Arena)(nil)
	_ regions.Resizer     = (*Arena)(nil)
	_ regions.Pather      = (*Arena)(nil)
	_ regions.Surveyor    = (*Arena)(nil)
	_ regions.Pinner      = (*Arena)(nil)
	_ regions.WriteProber = (*Arena)(nil)
	_ regions.Sharer      = (*Arena)(nil)
	_ regions.Recorder    = (*Arena)(nil)
)

// Close gives up the arena's descriptors. Its memory stays with its mount.
func (a *Arena) Close() error {
	a.pinMu.Lock()
	defer a.pinMu.Unlock()
	for _, fd := range a.pins {
		unix.Close(fd)
	}
	a.pins = nil
	if a.shares.root > 0 {
		unix.Close(a.shares.root)
	}
	return unix.Close(a.root)
}

// Root answers a file of its own for the root directory, for who hands it to another process.
func (a *Arena) Root() (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(a.root), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "arena"), nil
}

// Newest answers the number of the newest node that there is, by making one that is gone at once; 0 if it cannot be made.
func (a *Arena) Newest() uint32 {
	fd, err := unix.Openat(a.root, ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var at regions.Attr
	if stat(fd, "", &at) != nil {
		return 0
	}
	return uint32(at.Ino)
}

// inner answers the kernel's name for a node: the arena's root has one of its own.
func (a *Arena) inner(n regions.NodeID) regions.NodeID {
	if n == regions.RootNode {
		return a.rootID
	}
	return n
}

// outer is the opposite of inner.
func (a *Arena) outer(n regions.NodeID) regions.NodeID {
	if n == a.rootID {
		return regions.RootNode
	}
	return n
}

// An open that must not wait is refused while a lease is held (fcntl(2), F_SETLEASE), which InUse does for some
// microseconds; on a busy machine for as long as its thread has to wait for a processor, or until a server that was stopped
// then is killed.
const (
	leaseTime  = 50 * time.Microsecond // before it is tried again, and twice as long each time
	leasePause = 5 * time.Millisecond  // at most
	leaseMost  = 20 * time.Second
)

// open opens a node with the flags of open(2): through the locator, or through what holds it if the locator cannot,
// because it has no name, or a directory on the way to it was closed to us.
func (a *Arena) open(n regions.NodeID, flags int) (int, error) {
	n = a.inner(n)
	fd, err := a.nodes.open(n, flags)
	if err == unix.EAGAIN {
		fd, err = a.openLeased(n, flags)
	}
	if err == nil {
		return fd, nil
	}
	if held, ok, heldErr := a.openHeld(n, flags); ok {
		return held, heldErr
	}
	return -1, err
}

// openLeased opens a node of which another goroutine is asking InUse, or a server that dies was.
func (a *Arena) openLeased(n regions.NodeID, flags int) (fd int, err error) {
	begun := time.Now()
	for pause := leaseTime; ; pause = min(2*pause, leasePause) {
		time.Sleep(pause)
		fd, err = a.nodes.open(n, flags)
		if err != unix.EAGAIN || time.Since(begun) > leaseMost {
			return fd, err
		}
	}
}

// directory is an open directory to act on names in. The root is not opened for it.
type directory struct {
	fd   int
	node regions.NodeID // the kernel's name for it
	own  bool
}

func (a *Arena) dir(n regions.NodeID) (directory, error) {
	n = a.inner(n)
	if n == a.rootID {
		return directory{fd: a.root, node: n}, nil
	}
	fd, err := a.open(n, a.nodes.dirFlags())
	return directory{fd: fd, node: n, own: true}, err
}

func (d directory) close() {
	if d.own {
		unix.Close(d.fd)
	}
}

// A pin is a descriptor that keeps a node without names alive until Drop.

// openHeld opens a node anew through a descriptor of ours that holds it, its pin or an open file; false if there is
// none.
func (a *Arena) openHeld(n regions.NodeID, flags int) (fd int, held bool, err error) {
	a.pinMu.Lock()
	defer a.pinMu.Unlock() // the holder must not be closed, and its number used again, meanwhile
	holder, ok := a.pins[n]
	if !ok {
		if len(a.files[n]) == 0 {
			return -1, false, nil
		}
		holder = a.files[n][0]
	}
	fd, err = unix.Open(procPath(holder), flags&^unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	return fd, true, err
}

// opened answers an open file, and takes note of it where nodes are reached by place.
func (a *Arena) opened(n regions.NodeID, fd int) regions.File {
	if a.properties.Stateless {
		return &file{fd: fd}
	}
	a.pinMu.Lock()
	defer a.pinMu.Unlock()
	a.files[n] = append(a.files[n], fd)
	return &file{fd: fd, closing: func() { a.closing(n, fd) }}
}

func (a *Arena) closing(n regions.NodeID, fd int) {
	a.pinMu.Lock()
	defer a.pinMu.Unlock()
	a.files[n] = slices.DeleteFunc(a.files[n], func(x int) bool { return x == fd })
	if len(a.files[n]) == 0 {
		delete(a.files, n)
	}
}

// Pinned answers how many nodes are kept by a descriptor.
func (a *Arena) Pinned() int {
	a.pinMu.Lock()
	defer a.pinMu.Unlock()
	return len(a.pins)
}

// Pins answers the nodes that are kept by a descriptor.
func (a *Arena) Pins() []regions.NodeID {
	a.pinMu.Lock()
	defer a.pinMu.Unlock()
	return slices.Collect(maps.Keys(a.pins))
}

// roomForPin refuses what would need one more pin than there may be. Anybody can hold nodes without names, and must not
// use up the descriptors of everybody's requests.
func (a *Arena) roomForPin() error {
	if a.Pinned() < a.pinsMost {
		return nil
	}
	return &regions.Refusal{Code: regions.TooManyFilesHere,
		Reason: fmt.Sprintf("%d files without a name are held open, each by a descriptor of the server's", a.pinsMost),
		Remedy: "close some of them, or mount with a higher limit of descriptors (ulimit -n)"}
}

// pin keeps fd, which must be O_PATH, for n.
func (a *Arena) pin(n regions.NodeID, fd int) {
	a.pinMu.Lock()
	old, had := a.pins[n]
	a.pins[n] = fd
	a.pinMu.Unlock()
	if had {
		unix.Close(old)
	}
}

// Pin keeps a node without names alive until Drop.
func (a *Arena) Pin(n regions.NodeID) error {
	a.pinMu.Lock()
	_, had := a.pins[n]
	a.pinMu.Unlock()
	if had {
		return nil
	}
	if err := a.roomForPin(); err != nil {
		return err
	}
	fd, err := a.open(n, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return code(err)
	}
	a.pin(n, fd)
	return nil
}

// withPin calls fn with a path to a node that is pinned; false if it is not. fn must take no lock of ours.
func (a *Arena) withPin(n regions.NodeID, fn func(path string) error) (pinned bool, err error) {
	a.pinMu.Lock()
	defer a.pinMu.Unlock() // the pin must not be closed, and its number used again, meanwhile
	fd, pinned := a.pins[n]
	if pinned {
		err = fn(procPath(fd))
	}
	return pinned, err
}

// Drop lets a node without names go, if nothing else holds it.
func (a *Arena) Drop(n regions.NodeID) {
	a.pinMu.Lock()
	fd, had := a.pins[n]
	delete(a.pins, n)
	a.pinMu.Unlock()
	if had {
		unix.Close(fd)
	}
}

// procPath names an open descriptor for calls that take paths only: they follow it to the very node, symlinks
// included (proc_pid_fd(5)).
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// Path answers where a node stands, as the kernel tells it.
func (a *Arena) Path(n regions.NodeID) (string, error) {
	fd, err := a.open(n, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return "", code(err)
	}
	defer unix.Close(fd)
	path, err := os.Readlink(procPath(fd))
	if err != nil {
		return "", regions.IO
	}
	if path == a.rootPath {
		return "", nil
	}
	return strings.TrimPrefix(path, strings.TrimSuffix(a.rootPath, "/")+"/"), nil
}
