package accounts

import (
	"sync"
	"sync/atomic"
	"time"
)

// Book holds the accounts of one arena. All methods may be called at once.
type Book struct {
	moving sync.Mutex // directories are moved one at a time; above mu

	mu         sync.Mutex // guards the rest; held for an update
	unit       int64
	root       *account
	dirs       map[Node]*account
	files      map[Node]*file
	several    map[*file]struct{} // those that have more than one home
	nameless   map[Node]*file
	held       map[Node]int32 // how often who may map it has it, where that makes a second copy
	dying      int            // of nameless: held by nobody
	deaths     uint64
	subjects   [kinds]map[uint64]*account
	named      [kinds]map[string]*account // of subjects
	defaults   [kinds]Limits
	patterns   [kinds]func(name string) Limits
	explicit   map[Subject]Limits
	writes     Writes         // where no directory says anything
	over       bool           // overcommit where no directory says anything
	reserves   int            // accounts that have a reservation
	overs      int            // directories that say that holes count nothing
	unasked    map[Node]int64 // what regions grew by without asking where the mount had no room
	unaskedSum int64
	slots      slots
	scratch    scratch
	crossed    []Crossing
	adopting   bool               // what was there before is being found
	gone       map[Node]struct{}  // what came to its end meanwhile
	partial    map[*file]struct{} // of which not all names are found yet
	sums       *sums              // nil: they are not written down
	unwriting  bool               // nor just now
	writer     uint64             // of the sums
	passed     atomic.Bool        // crossed is not empty
}

// account is what one directory, user, ... holds.
type account struct {
	kind     Kind
	id       uint64
	name     string   // where the kind is a named one
	parent   *account // of a directory, or the one above a named one; nil for the others
	also     *account // where a directory is being moved to
	settings Settings
	used     Amount
	found    Amount                        // while adopting: what of used is found
	sum      *sum                          // where used is written down; nil for nowhere
	blank    bool                          // while adopting: nobody has written down what it holds
	peak     Amount                        // of Bytes and Regions
	xattrs   int64                         // bytes of a directory's own extended attributes
	slack    int64                         // reserved and not used in the directories below
	own      int64                         // what this one adds to its parent's slack
	warned   struct{ bytes, regions bool } // above the soft limit
	// forgotten says that it holds nothing, and is in no list.
	forgotten bool
	pace      pace
}

// file is any node but a directory.
type file struct {
	size     int64 // last known
	promised int64
	beyond   int64 // end of what was allocated past the size
	resident int64
	xattrs   int64      // bytes of extended attributes
	home     *account   // directory of a name; of a region without one, where it was last
	more     []*account // of its further names
	owners   owners
	heirs    *owners // who are becoming its owners; nil for nobody
	region   bool
	nameless bool
	dying    bool
	twice    bool // somebody may have it in memory a second time
	partial  bool
	pending  int32  // changes of the size that are not yet settled
	overlap  bool   // two of them at once
	seq      uint32 // counts changes of the size
}

// Crossing is a soft limit that was passed, or a limit that will be reached soon.
type Crossing struct {
	Kind  Kind
	ID    uint64
	Name  string
	What  What
	Limit int64
	Used  int64
	In    time.Duration // until the limit is reached; 0 for a soft one, which was passed
}

// New makes a book. Memory is given in units of that many bytes, a power of two.
func New(unit int64, root Node) *Book {
	b := &Book{
		unit: unit, root: &account{kind: Mount, id: uint64(root)}, writes: WritesAuto,
		dirs: map[Node]*account{}, files: map[Node]*file{}, several: map[*file]struct{}{}, nameless: map[Node]*file{}, held: map[Node]int32{},
		explicit: map[Subject]Limits{}, unasked: map[Node]int64{},
	}
	b.dirs[root] = b.root
	for k := range b.subjects {
		b.subjects[k] = map[uint64]*account{}
		b.named[k] = map[string]*account{}
	}
	return b
}

// SetUnit changes the unit.
func (b *Book) SetUnit(unit int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unit != unit {
		b.unit = unit
		b.promiseAnew()
	}
}

// directory answers a directory's account; the root's for one that is not known.
func (b *Book) directory(n Node) *account {
	if a := b.dirs[n]; a != nil {
		return a
	}
	return b.root
}

func (f *file) amount() Amount {
	x := Amount{Bytes: f.promised + f.xattrs, Resident: f.resident, Nodes: 1}
	if f.twice {
		x.Copies = f.promised
	}
	switch {
	case f.nameless:
		x.Unlinked = f.promised + f.xattrs
	case f.region:
		x.Regions, x.Size = 1, f.size
	}
	return x
}
