//go:build linux

package ledger

import (
	"sync/atomic"
	"unsafe"
)

// record is one in the mapped memory. Its fields stand where the ledger's header says.
type record struct {
	base unsafe.Pointer
	at   *placement
}

func (r record) field(f int) unsafe.Pointer { return unsafe.Add(r.base, r.at[f]) }

// A request that cannot simply be done again.
type slotRecord struct{ record }

func (r slotRecord) unique() *atomic.Uint64 { return (*atomic.Uint64)(r.field(slotUnique)) }
func (r slotRecord) begun() *int64          { return (*int64)(r.field(slotBegun)) }
func (r slotRecord) node() *uint64          { return (*uint64)(r.field(slotNode)) }
func (r slotRecord) active() *atomic.Uint32 { return (*atomic.Uint32)(r.field(slotActive)) }
func (r slotRecord) existed() *uint32       { return (*uint32)(r.field(slotExisted)) }

// An open file or directory.
type handleRecord struct{ record }

func (r handleRecord) used() *atomic.Uint32 { return (*atomic.Uint32)(r.field(handleUsed)) }
func (r handleRecord) generation() *uint32  { return (*uint32)(r.field(handleGeneration)) }
func (r handleRecord) node() *uint64        { return (*uint64)(r.field(handleNode)) }
func (r handleRecord) request() *uint64     { return (*uint64)(r.field(handleRequest)) }
func (r handleRecord) access() *uint8       { return (*uint8)(r.field(handleAccess)) }
func (r handleRecord) kind() *uint8         { return (*uint8)(r.field(handleKind)) }
func (r handleRecord) text() *uint32        { return (*uint32)(r.field(handleText)) }
func (r handleRecord) length() *uint64      { return (*uint64)(r.field(handleLength)) }

// A file that the kernel has registered for a node.
type backingRecord struct{ record }

func (r backingRecord) node() *uint64         { return (*uint64)(r.field(backingNode)) }
func (r backingRecord) id() *int32            { return (*int32)(r.field(backingID)) }
func (r backingRecord) state() *atomic.Uint32 { return (*atomic.Uint32)(r.field(backingState)) }

// States of a backing record.
const (
	backingFree    = iota
	backingHeld    // the kernel knows it
	backingClosing // the kernel is being told, or was
)

// at answers the i-th record of a section.
func (l *Ledger) at(section int, i uint64) record {
	s := l.head.sections[section]
	return record{unsafe.Pointer(&l.mem[s.at+i*s.size]), &l.places}
}

func (l *Ledger) slot(i uint64) slotRecord       { return slotRecord{l.at(slotSection, i)} }
func (l *Ledger) handle(i uint64) handleRecord   { return handleRecord{l.at(handleSection, i)} }
func (l *Ledger) backing(i uint64) backingRecord { return backingRecord{l.at(backingSection, i)} }
