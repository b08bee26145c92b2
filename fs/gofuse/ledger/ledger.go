//go:build linux

package ledger

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Create makes an empty ledger and answers its descriptor, which is not inherited by programs that are started.
func Create() (int, error) { return create(standard) }

func create(n sizes) (int, error) {
	fd, err := unix.MemfdCreate("shmfs-ledger", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	sections := lay(n)
	if err := unix.Ftruncate(fd, int64(sections[sectionCount-1].end())); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("ftruncate", err)
	}
	var h header
	copy(h.magic[:], magic)
	h.version, h.oldest = version, oldest
	h.placed(madePlaces())
	copy(h.sections[:], sections[:])
	h.keeper.Store(uint32(os.Getpid()))
	if _, err := unix.Pwrite(fd, unsafe.Slice((*byte)(unsafe.Pointer(&h)), unsafe.Sizeof(h)), 0); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("pwrite", err)
	}
	return fd, nil
}

// Ledger is a ledger in use by this process, the only one at a time.
type Ledger struct {
	fd     int
	mem    []byte
	words  [2][]byte // of counters and of sums
	head   *header
	places placement

	slots map[uint64]slotRecord // of requests that an earlier server began, by number

	handles, texts, backings vacancies
}

// Open maps a ledger and finds out what is free in it. The descriptor is the caller's, and must stay open.
func Open(fd int) (*Ledger, error) {
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	h := &header{}
	if n, err := unix.Pread(fd, unsafe.Slice((*byte)(unsafe.Pointer(h)), unsafe.Sizeof(*h)), 0); err != nil || n < int(unsafe.Sizeof(*h)) {
		return nil, fmt.Errorf("%w: %d bytes could be read (%v)", ErrFormat, n, err)
	}
	if err := h.check(uint64(s.Size)); err != nil {
		return nil, err
	}
	places, err := h.placement()
	if err != nil {
		return nil, err
	}
	words, err := openWords(fd, h)
	if err != nil {
		return nil, err
	}
	// Texts are read and written with system calls: they are large and rare.
	mem, err := unix.Mmap(fd, 0, int(h.mapped()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("mmap", err), unmap(words))
	}
	l := &Ledger{fd: fd, mem: mem, words: words, head: (*header)(unsafe.Pointer(&mem[0])), places: places,
		slots: map[uint64]slotRecord{}}
	l.handles = vacancies{used: &l.head.handles, count: l.head.sections[handleSection].count}
	l.backings = vacancies{used: &l.head.backings, count: l.head.sections[backingSection].count}
	l.scanSlots()
	l.scanHandles()
	l.scanBackings()
	return l, nil
}

// mapped is how much of the file is mapped: all up to the texts.
func (h *header) mapped() uint64 {
	end := uint64(headSize)
	for _, s := range h.sections[:textSection] {
		end = max(end, s.end())
	}
	return end
}

// Close ends the use of a ledger. Its descriptor stays open.
func (l *Ledger) Close() error { return errors.Join(unix.Munmap(l.mem), unmap(l.words)) }

// Layout answers how it is laid out.
func (l *Ledger) Layout() Layout { return l.head.layout() }

// Newest answers the number of the newest node that a server has seen, 0 for none.
func (l *Ledger) Newest() uint32 { return l.head.newest.Load() }

// SetNewest keeps it.
func (l *Ledger) SetNewest(ino uint32) { l.head.newest.Store(ino) }

// KeeperOf answers the process that holds, or held, a ledger that this process does not use.
func KeeperOf(fd int) (int, error) {
	h := &header{}
	b := unsafe.Slice((*byte)(unsafe.Pointer(h)), unsafe.Sizeof(*h))
	if n, err := unix.Pread(fd, b, 0); err != nil || n < len(b) || string(h.magic[:]) != magic {
		return 0, fmt.Errorf("%w: %d bytes could be read (%v)", ErrFormat, n, err)
	}
	return int(h.keeper.Load()), nil
}

// Keeper answers the process that holds the ledger.
func (l *Ledger) Keeper() int { return int(l.head.keeper.Load()) }

// Way is how the data of regions goes. It is decided once for a connection.
type Way uint32

const (
	Undecided Way = iota
	Cached
	PassthroughByPath       // the kernel takes O_PATH descriptors as backings
	PassthroughByDescriptor // it does not
)

// Way answers what was decided.
func (l *Ledger) Way() Way { return Way(l.head.way.Load()) }

// SetWay decides.
func (l *Ledger) SetWay(w Way) { l.head.way.Store(uint32(w)) }

// Init answers the kernel's INIT request, empty before there was one, and what was answered.
func (l *Ledger) Init() (request, reply []byte) {
	h := l.head
	return h.init[:min(h.initLen.Load(), initSize)], h.reply[:min(h.replyLen.Load(), initSize)]
}

// SetInit keeps them.
func (l *Ledger) SetInit(request, reply []byte) error {
	if len(request) > initSize || len(reply) > initSize {
		return fmt.Errorf("an INIT of %d and %d bytes is longer than expected", len(request), len(reply))
	}
	h := l.head
	copy(h.reply[:], reply)
	h.replyLen.Store(uint32(len(reply)))
	copy(h.init[:], request)
	h.initLen.Store(uint32(len(request)))
	return nil
}

// Config answers the configuration that was in effect last, nil for the one that the server was started with.
func (l *Ledger) Config() []byte {
	i := l.head.config.Load()
	if i == 0 || i > 2 {
		return nil
	}
	c := (*configRecord)(l.at(configSection, uint64(i-1)).base)
	return append([]byte(nil), c.text[:min(c.length, configMax)]...)
}

// SetConfig keeps a configuration: it is written beside the old one, which holds until it is complete.
func (l *Ledger) SetConfig(text []byte) error {
	if len(text) > configMax {
		return fmt.Errorf("a configuration of %d bytes, at most %d are kept", len(text), configMax)
	}
	next := l.head.config.Load()%2 + 1
	c := (*configRecord)(l.at(configSection, uint64(next-1)).base)
	c.length = uint32(copy(c.text[:], text))
	l.head.config.Store(next)
	return nil
}
