//go:build linux

package ledger

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"
)

const (
	// version is the layout that this release writes. It reads its own, the one before, and a later one whose
	// writer says (in header.oldest) that this release can.
	version = 1
	oldest  = 1
)

// magic begins every ledger.
const magic = "SHMFSLDG"

// ErrFormat says that a ledger cannot be read by this release.
var ErrFormat = errors.New("not a ledger that this release can read")

// section is an array of records of one size.
type section struct {
	at    uint64 // bytes from the start of the file
	count uint64 // records
	size  uint64 // bytes of a record
}

func (s section) end() uint64 { return s.at + s.count*s.size }

// The sections, in the order in which they stand.
const (
	configSection = iota
	slotSection
	handleSection
	backingSection
	textSection
	sectionCount
)

const (
	initSize  = 512  // bytes: struct fuse_init_in with its header is 104 (linux/fuse.h, 7.45)
	headSize  = 4096 // bytes, one page
	configMax = 8192 - 16
	nameMax   = 255 // bytes: NAME_MAX in linux/limits.h
	// textMax is the longest content of a control file that outlives its server, in bytes: some 300,000 regions.
	textMax = 64 << 20
)

// header is the first page.
type header struct {
	magic    [8]byte
	version  uint32
	oldest   uint32 // the oldest release's version that can use it
	sections [8]section

	slotNext  atomic.Uint64 // requests that were given a slot
	handles   atomic.Uint64 // handle records from here on were never used
	backings  atomic.Uint64 // so for backings
	backingID atomic.Int64  // the last that the kernel gave out
	way       atomic.Uint32 // how data goes, see Way
	keeper    atomic.Uint32 // process id
	config    atomic.Uint32 // which copy of the configuration holds, plus 1; 0 for none

	initLen  atomic.Uint32
	replyLen atomic.Uint32
	_        uint32
	init     [initSize]byte
	reply    [initSize]byte

	// What follows is 0 in a ledger of an earlier release.
	events     atomic.Uint64 // the number of the last event
	endingDir  uint64        // where a name is being taken away by a server
	endingLen  atomic.Uint32 // bytes of endingName; 0 for none
	endingName [nameMax + 1]byte
}

// configRecord is one copy of the configuration.
type configRecord struct {
	length uint32
	_      [12]byte
	text   [configMax]byte
}

// slotRecord is a request that cannot simply be done again.
type slotRecord struct {
	unique  atomic.Uint64 // FUSE's number of the request; 0 for a slot that was never used
	begun   int64         // ns since 1970
	node    uint64        // what stood at the name
	active  atomic.Uint32 // 1 until its answer is made
	existed uint32        // whether what the request is about was there
}

// handleRecord is an open file or directory.
type handleRecord struct {
	used       atomic.Uint32 // 1 while it is open
	generation uint32        // high half of the handle's number: one that is used again is another
	node       uint64
	request    uint64 // FUSE's number of the request that opened it
	access     uint8
	kind       uint8
	_          uint16
	text       uint32 // which text it reads, plus 1; 0 for none
	length     uint64 // bytes of that text
	_          uint64
}

// backingRecord is a file that the kernel has registered for a node.
type backingRecord struct {
	node  uint64
	id    int32
	state atomic.Uint32 // see backingFree
}

// States of a backing record.
const (
	backingFree    = iota
	backingHeld    // the kernel knows it
	backingClosing // the kernel is being told, or was
)

// sizes are how large a ledger's sections are, in records.
type sizes [sectionCount]uint64

// standard is enough for 4 million open handles and as many regions in use at once.
var standard = sizes{configSection: 2, slotSection: 1 << 16, handleSection: 1 << 22, backingSection: 1 << 22, textSection: 64}

var recordSizes = [sectionCount]uint64{
	configSection:  uint64(unsafe.Sizeof(configRecord{})),
	slotSection:    uint64(unsafe.Sizeof(slotRecord{})),
	handleSection:  uint64(unsafe.Sizeof(handleRecord{})),
	backingSection: uint64(unsafe.Sizeof(backingRecord{})),
	textSection:    textMax,
}

// lay places the sections one after the other, each on a page.
func lay(n sizes) (sections [sectionCount]section) {
	at := uint64(headSize)
	for i := range sections {
		sections[i] = section{at, n[i], recordSizes[i]}
		at = (sections[i].end() + headSize - 1) / headSize * headSize
	}
	return sections
}

// check answers whether a header can be used: total is the length of the file, mapped that of what is mapped of it.
func (h *header) check(total uint64) error {
	switch {
	case string(h.magic[:]) != magic:
		return fmt.Errorf("%w: it does not begin as one", ErrFormat)
	case h.oldest > version || h.version+1 < version:
		return fmt.Errorf("%w: it has layout %d, readable from %d on; this release has %d", ErrFormat, h.version, h.oldest, version)
	case h.initLen.Load() > initSize || h.replyLen.Load() > initSize || h.config.Load() > 2:
		return fmt.Errorf("%w: its header is damaged", ErrFormat)
	}
	for i, want := range recordSizes {
		s := h.sections[i]
		const most = 1 << 40 // bytes; keeps the products below from overflowing
		if s.at%8 != 0 || s.size%8 != 0 || s.at > most || s.size > most || s.size < want || s.size > 0 && s.count > most/s.size {
			return fmt.Errorf("%w: section %d is damaged", ErrFormat, i)
		}
		if s.at < headSize || s.end() > total {
			return fmt.Errorf("%w: section %d reaches past the end", ErrFormat, i)
		}
	}
	if h.sections[configSection].count < 2 || h.sections[slotSection].count == 0 {
		return fmt.Errorf("%w: it has no room", ErrFormat)
	}
	if h.handles.Load() > h.sections[handleSection].count || h.backings.Load() > h.sections[backingSection].count {
		return fmt.Errorf("%w: it counts more than it has", ErrFormat)
	}
	return nil
}
