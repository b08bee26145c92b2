package ledger

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"
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

const (
	initSize  = 512  // bytes: struct fuse_init_in with its header is 104 (linux/fuse.h, 7.45)
	headSize  = 4096 // bytes, one page
	configMax = 8192 - 16
	nameMax   = 255 // bytes: NAME_MAX in linux/limits.h
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

	fields [64]place     // where the fields of records stand; none in layout 1, which has them at firstPlaces
	newest atomic.Uint32 // number of the newest node that a server has seen; 0 for none

	orphaned atomic.Int64 // when a server lost its keeper, in ns since 1970; 0 for never. Layout 1 has none.

	// What follows is 0 in a ledger of an earlier release.
	events     atomic.Uint64 // the number of the last event
	endingDir  uint64        // where a name is being taken away by a server
	endingLen  atomic.Uint32 // bytes of endingName; 0 for none
	endingName [nameMax + 1]byte
}

// place is where a field stands in its record.
type place struct {
	at   uint16 // bytes from the start of the record
	size uint16 // bytes; 0 for a field that is not there
}

// placement is where each field stands, in bytes from the start of its record.
type placement [fieldCount]uint16

// firstPlaces is where fields stood in layouts 1 and 2.
func firstPlaces() placement {
	return placement{
		slotUnique: 0, slotBegun: 8, slotNode: 16, slotActive: 24, slotExisted: 28,
		handleUsed: 0, handleGeneration: 4, handleNode: 8, handleRequest: 16, handleAccess: 24, handleKind: 25,
		handleText: 28, handleLength: 32,
		backingNode: 0, backingID: 8, backingState: 12,
	}
}

// firstSizes is how long records were in layouts 1 and 2, in bytes.
func firstSizes() [sectionCount]uint64 {
	return [sectionCount]uint64{
		configSection: uint64(unsafe.Sizeof(configRecord{})), slotSection: 32, handleSection: 48, backingSection: 16,
		textSection: textMax, counterSection: 8, sumSection: 8,
	}
}

// configRecord is one copy of the configuration.
type configRecord struct {
	length uint32
	_      [12]byte
	text   [configMax]byte
}

// sizes are how large a ledger's sections are, in records.
type sizes [sectionCount]uint64

// standard is enough for 4 million open handles and as many regions in use at once.
var standard = sizes{configSection: 2, slotSection: 1 << 16, handleSection: 1 << 22, backingSection: 1 << 22, textSection: 64,
	counterSection: counterCount, sumSection: sumCount}

// lay places the sections one after the other, each on a page.
func lay(n sizes) (sections [sectionCount]section) {
	at, records := uint64(headSize), madeSizes()
	for i := range sections {
		sections[i] = section{at, n[i], records[i]}
		at = pages(sections[i].end())
	}
	return sections
}

// pages rounds up to whole pages.
func pages(n uint64) uint64 { return (n + headSize - 1) / headSize * headSize }

// placed writes down where fields stand.
func (h *header) placed(p placement) {
	for f, at := range p {
		h.fields[f] = place{at, fieldsOf()[f].size}
	}
}

// placement answers where fields stand in this ledger. They must all be there: a later release that adds one has to say
// what it does without.
func (h *header) placement() (placement, error) {
	p := firstPlaces()
	for f, want := range fieldsOf() {
		x := h.fields[f]
		if h.version < 2 {
			x = place{p[f], want.size}
		}
		if x.size != want.size || x.at%want.size != 0 || uint64(x.at)+uint64(x.size) > h.sections[want.section].size {
			return p, fmt.Errorf("%w: field %d is damaged", ErrFormat, f)
		}
		p[f] = x.at
	}
	return p, nil
}

// check answers whether a header can be used: total is the length of the file.
func (h *header) check(total uint64) error {
	switch {
	case string(h.magic[:]) != magic:
		return fmt.Errorf("%w: it does not begin as one", ErrFormat)
	case !h.layout().Readable(version):
		return fmt.Errorf("%w: it has layout %d, readable from %d on; this release has %d", ErrFormat, h.version, h.oldest, version)
	case h.initLen.Load() > initSize || h.replyLen.Load() > initSize || h.config.Load() > 2:
		return fmt.Errorf("%w: its header is damaged", ErrFormat)
	}
	for i, least := range [sectionCount]uint64{configSection: uint64(unsafe.Sizeof(configRecord{})), textSection: textMax} {
		if (i == counterSection || i == sumSection) && h.sections[i] == (section{}) {
			continue // see addWords
		}
		s := h.sections[i]
		const most = 1 << 40 // bytes; keeps the products below from overflowing
		if s.at%8 != 0 || s.size%8 != 0 || s.at > most || s.size > most || s.size < max(least, 8) || s.count > most/s.size {
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

func (h *header) layout() Layout { return Layout{h.version, h.oldest} }
