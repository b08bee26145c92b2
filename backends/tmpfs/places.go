//go:build linux

package tmpfs

import (
	"sync"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// places reaches nodes by where they stand: for a process that may not open file handles. A node without a place is
// not reachable by this locator; the arena's pins hold those.
type places struct {
	root   int
	rootID regions.NodeID

	mu    sync.RWMutex // guards known; taken alone
	known map[regions.NodeID]place
}

type place struct {
	dir  regions.NodeID
	name string
}

var _ locator = (*places)(nil)

func (l *places) open(n regions.NodeID, flags int) (int, error) {
	if n == l.rootID {
		return unix.Openat(l.root, ".", flags|unix.O_CLOEXEC, 0)
	}
	names, err := l.path(n)
	if err != nil {
		return -1, err
	}
	at := l.root
	for i := len(names) - 1; i >= 0; i-- {
		f := unix.O_PATH | unix.O_DIRECTORY
		if i == 0 {
			f = flags
		}
		fd, err := unix.Openat(at, names[i], f|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if at != l.root {
			unix.Close(at)
		}
		if err == unix.ENOENT || err == unix.ENOTDIR && i > 0 {
			return -1, unix.ESTALE // moved or removed meanwhile
		}
		if err != nil {
			return -1, err
		}
		at = fd
	}
	if found, err := nodeAt(at, ""); err != nil || found != n {
		unix.Close(at)
		return -1, unix.ESTALE
	}
	return at, nil
}

// path answers the names from a node up to the root.
func (l *places) path(n regions.NodeID) ([]string, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var names []string
	for n != l.rootID {
		p, ok := l.known[n]
		if !ok {
			return nil, unix.ESTALE
		}
		names, n = append(names, p.name), p.dir
	}
	return names, nil
}

func (l *places) dirFlags() int { return unix.O_PATH | unix.O_DIRECTORY }

func (l *places) named(n, dir regions.NodeID, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[n] = place{dir, name}
}

func (l *places) unnamed(n, dir regions.NodeID, name string) (reachable bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[n] != (place{dir, name}) {
		_, reachable = l.known[n]
		return reachable
	}
	delete(l.known, n)
	return false
}
