//go:build linux

package ledger

// LastEvent answers the number of the last event that was told.
func (l *Ledger) LastEvent() uint64 { return l.head.events.Load() }

// SetLastEvent keeps it.
func (l *Ledger) SetLastEvent(n uint64) { l.head.events.Store(n) }

// Ending is a name that a server takes away by itself. The kernel is told of it, and of its directory, afterwards; if that
// server does not live so long, the next one tells. Name is empty if only the directory is left to be told of.
type Ending struct {
	Dir  uint64
	Name string
}

// Ending answers the name that is being taken away; false for none.
func (l *Ledger) Ending() (Ending, bool) {
	e := Ending{Dir: l.head.endingDir}
	if n := l.head.endingLen.Load(); n <= nameMax {
		e.Name = string(l.head.endingName[:n])
	}
	return e, e.Dir != 0
}

// BeginEnding keeps a name before it is taken away. There is one at a time; the one before was of the same directory, or
// EndEnding was called.
func (l *Ledger) BeginEnding(e Ending) {
	l.head.endingLen.Store(0)
	l.head.endingDir = e.Dir
	l.head.endingLen.Store(uint32(copy(l.head.endingName[:], e.Name)))
}

// EndEnding says that the kernel was told of all.
func (l *Ledger) EndEnding() {
	l.head.endingLen.Store(0)
	l.head.endingDir = 0
}
