//go:build linux

package tmpfs

import (
	"bytes"
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// listing is an open directory. tmpfs gives each entry a position that stays its own while others come and go (Linux
// 6.6, fs/libfs.c simple_offset). Before, a position is how many entries stand before it, which is no use to a FUSE
// kernel that asks for one again: there, what the directory holds is read at once, and positions are of that.
type listing struct {
	arena *Arena
	node  regions.NodeID
	whole bool // read at once

	mu   sync.Mutex // guards the rest: a descriptor has one position
	fd   int
	next uint64 // position of what left holds first, or else of the descriptor
	left []byte // entries read and not yet given out
	buf  []byte
	all  []regions.Entry // of a whole listing
}

const listingBuffer = 32 << 10

// OpenDir opens a directory for reading.
func (a *Arena) OpenDir(n regions.NodeID) (regions.Dir, error) {
	fd, err := a.open(n, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, code(err)
	}
	return a.listing(a.inner(n), fd), nil
}

// listing lists the directory that fd has open. Positions are stable on kernels whose tmpfs keeps user. attributes:
// both came with Linux 6.6.
func (a *Arena) listing(n regions.NodeID, fd int) *listing {
	return &listing{arena: a, node: n, fd: fd, whole: !a.userXattr}
}

func (l *listing) Read(off uint64, attrs bool, emit func(regions.Entry) bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if off < regions.FirstPosition {
		off = 0
	}
	if l.whole {
		return l.readWhole(off, attrs, emit)
	}
	if off != l.next || off == 0 {
		if _, err := unix.Seek(l.fd, int64(off), unix.SEEK_SET); err != nil {
			return code(err)
		}
		l.next, l.left = off, nil
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
		if err := l.fill(); err != nil || len(l.left) == 0 {
			return code(err)
		}
	}
}

// readWhole gives out what the directory held when it was last read from its start.
func (l *listing) readWhole(off uint64, attrs bool, emit func(regions.Entry) bool) error {
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
		if err := l.fill(); err != nil || len(l.left) == 0 {
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

func (l *listing) fill() error {
	if l.buf == nil {
		l.buf = make([]byte, listingBuffer)
	}
	size, err := unix.Getdents(l.fd, l.buf)
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
	if _, err := unix.Seek(l.fd, 0, unix.SEEK_SET); err != nil {
		return 0, 0, code(err)
	}
	if err := l.fill(); err != nil {
		return 0, 0, code(err)
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
	l.next, l.left = 0, nil // a Read from the start seeks
	if l.node == l.arena.rootID {
		parent = self
	}
	return self, parent, nil
}

func (l *listing) Close() error { return unix.Close(l.fd) }
