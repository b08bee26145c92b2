//go:build linux

package tmpfs

import (
	"bytes"
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// listing is an open directory. There are three kinds:
//
//   - Where nodes are opened by handle and positions stay with their entries (Linux 6.6, fs/libfs.c simple_offset), it
//     holds no descriptor: each Read opens the directory. Anybody may open directories, and must not use up the
//     server's descriptors.
//   - Where nodes are reached by place it holds one.
//   - Before Linux 6.6 a position is how many entries stand before it, which is no use to a FUSE kernel that asks for one
//     again: what the directory holds is read at once, and positions are of that.
type listing struct {
	arena *Arena
	node  regions.NodeID
	kind  listingKind

	mu   sync.Mutex // guards the rest: a descriptor has one position
	fd   int        // -1 while there is none
	next uint64     // position of what left holds first, or else of the descriptor
	left []byte     // entries read and not yet given out
	buf  []byte
	all  []regions.Entry // of a listing that was read at once
}

type listingKind uint8

const (
	opensEachTime listingKind = iota
	holdsDescriptor
	readAtOnce
)

// Sizes of the buffer for entries, in bytes. A READDIRPLUS has room for some 200 entries, of 24 bytes and more here.
const (
	listingBuffer     = 32 << 10
	listingBufferPlus = 8 << 10
)

// OpenDir opens a directory for reading.
func (a *Arena) OpenDir(n regions.NodeID) (regions.Dir, error) {
	fd, err := a.open(n, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, code(err)
	}
	l := a.listing(a.inner(n), fd)
	if l.kind == opensEachTime {
		l.closeDescriptor()
	}
	return l, nil
}

// listing lists the directory that fd has open. Positions are stable on kernels whose tmpfs keeps user. attributes:
// both came with Linux 6.6.
func (a *Arena) listing(n regions.NodeID, fd int) *listing {
	l := &listing{arena: a, node: n, fd: fd}
	switch {
	case !a.userXattr:
		l.kind = readAtOnce
	case !a.properties.Stateless:
		l.kind = holdsDescriptor
	}
	return l
}

func (l *listing) closeDescriptor() {
	unix.Close(l.fd)
	l.fd, l.left, l.buf = -1, nil, nil
}

// withDescriptor calls fn while the directory is open.
func (l *listing) withDescriptor(fn func() error) error {
	if l.fd < 0 {
		fd, err := l.arena.open(l.arena.outer(l.node), unix.O_RDONLY|unix.O_DIRECTORY)
		if err != nil {
			return code(err)
		}
		l.fd = fd
		defer l.closeDescriptor()
	}
	return fn()
}

func (l *listing) Read(off uint64, attrs bool, emit func(regions.Entry) bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if off < regions.FirstPosition {
		off = 0
	}
	return l.withDescriptor(func() error {
		if l.kind == readAtOnce {
			return l.readAtOnce(off, attrs, emit)
		}
		return l.readOn(off, attrs, emit)
	})
}

func (l *listing) readOn(off uint64, attrs bool, emit func(regions.Entry) bool) error {
	if off != l.next || len(l.left) == 0 {
		if _, err := unix.Seek(l.fd, int64(off), unix.SEEK_SET); err != nil {
			return code(err)
		}
		l.next, l.left = off, nil
	}
	size := listingBuffer
	if attrs {
		size = listingBufferPlus
	}
	for {
		for len(l.left) > 0 {
			e, size := parseDirent(l.left)
			if e.Name != "." && e.Name != ".." {
				if attrs {
					e.Attr, _ = l.arena.find(directory{fd: l.fd, node: l.node}, e.Name)
				}
				if !emit(e) {
					return nil
				}
			}
			l.next, l.left = e.Off, l.left[size:]
		}
		if err := l.fill(size); err != nil || len(l.left) == 0 {
			return code(err)
		}
	}
}

// readAtOnce gives out what the directory held when it was last read from its start.
func (l *listing) readAtOnce(off uint64, attrs bool, emit func(regions.Entry) bool) error {
	if off == 0 || l.all == nil {
		if err := l.load(); err != nil {
			return code(err)
		}
	}
	off = max(off, regions.FirstPosition-1)
	for i := off - (regions.FirstPosition - 1); i < uint64(len(l.all)); i++ {
		e := l.all[i]
		e.Off = i + regions.FirstPosition
		if attrs {
			e.Attr, _ = l.arena.find(directory{fd: l.fd, node: l.node}, e.Name)
		}
		if !emit(e) {
			return nil
		}
	}
	return nil
}

func (l *listing) load() error {
	if _, err := unix.Seek(l.fd, 0, unix.SEEK_SET); err != nil {
		return err
	}
	l.all = nil
	for {
		if err := l.fill(listingBuffer); err != nil || len(l.left) == 0 {
			return err
		}
		for len(l.left) > 0 {
			e, size := parseDirent(l.left)
			if e.Name != "." && e.Name != ".." {
				l.all = append(l.all, e)
			}
			l.left = l.left[size:]
		}
	}
}

func (l *listing) fill(size int) error {
	if len(l.buf) < size {
		l.buf = make([]byte, size)
	}
	size, err := unix.Getdents(l.fd, l.buf[:size])
	if err != nil {
		return err
	}
	l.left = l.buf[:size]
	return nil
}

// parseDirent reads the first struct linux_dirent64 (getdents(2)) of b, and answers its length.
func parseDirent(b []byte) (regions.Entry, int) {
	size := int(binary.NativeEndian.Uint16(b[16:]))
	name := b[19:size]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	return regions.Entry{
		Name: string(name),
		Off:  binary.NativeEndian.Uint64(b[8:]),
		Ino:  binary.NativeEndian.Uint64(b),
		Type: uint32(b[18]) << 12, // DT_* to S_IF* (readdir(3), IFTODT)
	}, size
}

// Dots reads the first two entries: a stat of ".." would need permission to search the directory.
func (l *listing) Dots() (self, parent uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.withDescriptor(func() error {
		if _, err := unix.Seek(l.fd, 0, unix.SEEK_SET); err != nil {
			return code(err)
		}
		if err := l.fill(listingBufferPlus); err != nil {
			return code(err)
		}
		for rest := l.left; len(rest) > 0; {
			e, size := parseDirent(rest)
			switch e.Name {
			case ".":
				self = e.Ino
			case "..":
				parent = e.Ino
			}
			rest = rest[size:]
		}
		l.left = nil // a Read seeks
		return nil
	})
	if l.node == l.arena.rootID {
		parent = self
	}
	return self, parent, err
}

// Close gives up what the listing holds.
func (l *listing) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fd >= 0 {
		l.closeDescriptor()
	}
	return nil
}
