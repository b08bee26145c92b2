//go:build linux

package ledger

import "time"

// Slot is what a request found before it began to act, so that it can be told afterwards whether it did.
//
// A slot is used again when 65,535 later requests had one. It needs to last a little longer than its request is
// served, because the answer goes to the kernel after that: some microseconds.
type Slot struct {
	record slotRecord
}

// Found is what a slot keeps.
type Found struct {
	Begun   time.Time // for servers of layout 1; the clock may be set meanwhile
	Node    uint64    // what stood at the name, or, of a name to be made, the newest node there was; 0 if that is not known
	Existed bool      // whether what the request is about was there
}

// Begin gives a request a slot.
func (l *Ledger) BeginRequest(unique uint64, f Found) Slot {
	count := l.head.sections[slotSection].count
	for range count {
		r := l.slot((l.head.slotNext.Add(1) - 1) % count)
		if !r.active().CompareAndSwap(0, 1) {
			continue // a request that takes long, or one of an earlier server's that is still to come again
		}
		r.unique().Store(0)
		*r.begun(), *r.node(), *r.existed() = f.Begun.UnixNano(), f.Node, 0
		if f.Existed {
			*r.existed() = 1
		}
		r.unique().Store(unique)
		return Slot{r}
	}
	return Slot{} // more requests at once than slots: this one is not remembered
}

// Existed says that the request was refused, because the name was taken before it.
func (s Slot) Existed() {
	if s.record.base != nil {
		*s.record.existed() = 1
	}
}

// End says that the answer is made.
func (s Slot) End() {
	if s.record.base != nil {
		s.record.active().Store(0)
	}
}

// FindRequest answers what a request found that an earlier server began; false if none did.
func (l *Ledger) FindRequest(unique uint64) (Found, Slot, bool) {
	r, ok := l.slots[unique]
	if !ok {
		return Found{}, Slot{}, false
	}
	return Found{Begun: time.Unix(0, *r.begun()), Node: *r.node(), Existed: *r.existed() != 0}, Slot{r}, true
}

// scanSlots finds the requests of earlier servers. Slots that were never used are not looked at, because looking at a
// hole of a mapped file fills it.
func (l *Ledger) scanSlots() {
	count := l.head.sections[slotSection].count
	for i := range min(l.head.slotNext.Load(), count) {
		r := l.slot(i)
		if unique := r.unique().Load(); unique != 0 {
			l.slots[unique] = r
		}
	}
}
