//go:build linux

package ledger

// LastEvent answers the number of the last event that was told.
func (l *Ledger) LastEvent() uint64 { return l.head.events.Load() }

// SetLastEvent keeps it.
func (l *Ledger) SetLastEvent(n uint64) { l.head.events.Store(n) }

// Ending is a name that a server takes away by itself. The kernel is told of it afterwards; if that server does not live
// so long, the next one tells.
type Ending struct {
	Dir  uint64
	Name string
}

// Ending answers the name that is being taken away; false for none.
func (l *Ledger) Ending() (Ending, bool) {
	n := l.head.endingLen.Load()
	if n == 0 || n > nameMax {
		return Ending{}, false
	}
	return Ending{Dir: l.head.endingDir, Name: string(l.head.endingName[:n])}, true
}

// BeginEnding keeps a name before it is taken away. There is one at a time.
func (l *Ledger) BeginEnding(e Ending) {
	l.head.endingDir = e.Dir
	l.head.endingLen.Store(uint32(copy(l.head.endingName[:], e.Name)))
}

// EndEnding says that the kernel was told.
func (l *Ledger) EndEnding() { l.head.endingLen.Store(0) }
