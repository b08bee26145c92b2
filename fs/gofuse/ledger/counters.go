//go:build linux

package ledger

import (
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Counters answers numbers that go on in the next server. What they count is the caller's.
func (l *Ledger) Counters() []atomic.Uint64 {
	return unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(&l.counters[0])), len(l.counters)/8)
}

// addCounters gives a ledger of layout 1 a section that its own servers do not look at.
func addCounters(fd int, h *header, total uint64) error {
	s := section{at: pages(total), count: counterCount, size: 8}
	if err := unix.Ftruncate(fd, int64(s.end())); err != nil {
		return os.NewSyscallError("ftruncate", err)
	}
	h.sections[counterSection] = s
	at := int64(unsafe.Offsetof(h.sections) + counterSection*unsafe.Sizeof(s))
	b := unsafe.Slice((*byte)(unsafe.Pointer(&h.sections[counterSection])), unsafe.Sizeof(s))
	_, err := unix.Pwrite(fd, b, at)
	return os.NewSyscallError("pwrite", err)
}

// mapCounters maps them: they stand behind the texts, which are not mapped.
func mapCounters(fd int, s section) ([]byte, error) {
	mem, err := unix.Mmap(fd, int64(s.at), int(s.count*s.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return mem, nil
}
