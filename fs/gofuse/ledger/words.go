//go:build linux

package ledger

import (
	"errors"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Counters answers numbers that go on in the next server. What they count is the caller's.
func (l *Ledger) Counters() []atomic.Uint64 { return numbers(l.words[0]) }

// Sums answers memory for what is promised to whom, for the next server. What stands where is the caller's.
func (l *Ledger) Sums() []atomic.Uint64 { return numbers(l.words[1]) }

func numbers(b []byte) []atomic.Uint64 {
	return unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(&b[0])), len(b)/8)
}

// openWords maps the sections that are nothing but numbers, of 8 bytes each: they stand behind the texts, which are not
// mapped.
func openWords(fd int, h *header) (words [2][]byte, err error) {
	for i, w := range [len(words)]struct {
		section int
		count   uint64
	}{{counterSection, counterCount}, {sumSection, sumCount}} {
		if h.sections[w.section].count == 0 {
			if err := addWords(fd, h, w.section, w.count); err != nil {
				return words, errors.Join(err, unmap(words))
			}
		}
		s := h.sections[w.section]
		words[i], err = unix.Mmap(fd, int64(s.at), int(s.count*s.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return words, errors.Join(os.NewSyscallError("mmap", err), unmap(words))
		}
	}
	return words, nil
}

func unmap(words [2][]byte) (err error) {
	for _, w := range words {
		if w != nil {
			err = errors.Join(err, unix.Munmap(w))
		}
	}
	return err
}

// addWords gives a ledger that an earlier release made a section that its own servers do not look at.
func addWords(fd int, h *header, which int, count uint64) error {
	var f unix.Stat_t
	if err := unix.Fstat(fd, &f); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	s := section{at: pages(uint64(f.Size)), count: count, size: 8}
	if err := unix.Ftruncate(fd, int64(s.end())); err != nil {
		return os.NewSyscallError("ftruncate", err)
	}
	h.sections[which] = s
	at := int64(unsafe.Offsetof(h.sections)) + int64(which)*int64(unsafe.Sizeof(s))
	b := unsafe.Slice((*byte)(unsafe.Pointer(&h.sections[which])), unsafe.Sizeof(s))
	_, err := unix.Pwrite(fd, b, at)
	return os.NewSyscallError("pwrite", err)
}
