//go:build linux

package ledger

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Handle is an open file or directory. Its number is the record's index plus 1 and, above, the record's generation.
type Handle struct {
	Number  uint64
	Node    uint64
	Request uint64 // FUSE's number of the request that opened it
	Access  uint8
	Kind    uint8
	text    uint32
	length  uint64
}

// ErrFull says that there is no room for one more.
var ErrFull = errors.New("the ledger is full")

// EnterHandle enters an open handle and answers its number. The content of a control file goes along; one that does
// not fit is lost with this server.
func (l *Ledger) EnterHandle(h Handle, content []byte) (uint64, error) {
	i, ok := l.handles.take()
	if !ok {
		return 0, ErrFull
	}
	r := l.handle(uint64(i))
	*r.generation()++
	*r.node(), *r.request(), *r.access(), *r.kind() = h.Node, h.Request, h.Access, h.Kind
	*r.text(), *r.length() = 0, uint64(len(content))
	if i, ok := l.enterText(content); ok {
		*r.text() = i + 1
	}
	r.used().Store(1)
	return uint64(*r.generation())<<32 | uint64(i+1), nil
}

// find answers the record of a handle that is open.
func (l *Ledger) find(number uint64) (handleRecord, uint32, bool) {
	i := uint64(uint32(number))
	if i == 0 || i > l.head.handles.Load() {
		return handleRecord{}, 0, false
	}
	r := l.handle(i - 1)
	return r, uint32(i - 1), r.used().Load() == 1 && *r.generation() == uint32(number>>32)
}

// LeaveHandle takes a handle out. One that is not there (any more) is nothing to do.
func (l *Ledger) LeaveHandle(number uint64) {
	r, i, ok := l.find(number)
	if !ok || !r.used().CompareAndSwap(1, 0) {
		return
	}
	if text := *r.text(); text > 0 && uint64(text) <= l.head.sections[textSection].count {
		l.leaveText(text - 1)
	}
	l.handles.give(i)
}

// Handles calls fn for every open handle.
func (l *Ledger) Handles(fn func(Handle)) {
	for i := range l.head.handles.Load() {
		r := l.handle(i)
		if r.used().Load() == 1 {
			fn(Handle{Number: uint64(*r.generation())<<32 | (i + 1), Node: *r.node(), Request: *r.request(),
				Access: *r.access(), Kind: *r.kind(), text: *r.text(), length: *r.length()})
		}
	}
}

func (l *Ledger) scanHandles() {
	taken := make(map[uint32]bool)
	for i := range l.head.handles.Load() {
		r := l.handle(i)
		if r.used().Load() == 1 {
			taken[*r.text()] = true
		} else {
			l.handles.give(uint32(i))
		}
	}
	for i := range l.head.sections[textSection].count {
		if !taken[uint32(i)+1] {
			l.texts.give(uint32(i))
		}
	}
}

// enterText keeps the content of a control file; false if there is none, or no room for it.
func (l *Ledger) enterText(content []byte) (uint32, bool) {
	if len(content) == 0 || len(content) > textMax {
		return 0, false
	}
	i, ok := l.texts.take()
	if !ok {
		return 0, false
	}
	if wrote, err := unix.Pwrite(l.fd, content, l.textAt(i)); err != nil || wrote < len(content) {
		l.texts.give(i)
		return 0, false
	}
	return i, true
}

// leaveText gives a text's memory back.
func (l *Ledger) leaveText(i uint32) {
	unix.Fallocate(l.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, l.textAt(i), textMax)
	l.texts.give(i)
}

func (l *Ledger) textAt(i uint32) int64 {
	s := l.head.sections[textSection]
	return int64(s.at + uint64(i)*s.size)
}

// Text reads the content that a handle reads; false if it is lost.
func (l *Ledger) Text(h Handle) ([]byte, bool) {
	if h.length == 0 {
		return nil, true
	}
	if h.text == 0 || uint64(h.text) > l.head.sections[textSection].count || h.length > textMax {
		return nil, false
	}
	b := make([]byte, h.length)
	n, err := unix.Pread(l.fd, b, l.textAt(h.text-1))
	return b, err == nil && n == len(b)
}

// Size answers how many bytes of memory the ledger takes.
func (l *Ledger) Size() (int64, error) {
	var s unix.Stat_t
	if err := unix.Fstat(l.fd, &s); err != nil {
		return 0, fmt.Errorf("size of the ledger: %w", os.NewSyscallError("fstat", err))
	}
	return s.Blocks * 512, nil
}
