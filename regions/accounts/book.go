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
	lately     lately
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
// There is one for each: what few have stands elsewhere, and what many have in common is there once.
type file struct {
	size     int64 // last known
	promised int64
	resident int64
	home     *account // directory of a name; of a region without one, where it was last
	owners   *owners  // does not change
	has      *rare    // nil for nothing
	region   bool
	nameless bool
	dying    bool
	twice    bool // somebody may have it in memory a second time
	partial  bool
	overlap  bool   // there were two changes of the size at once
	pending  int32  // changes of the size that are not yet settled
	seq      uint32 // counts changes of the size
}

// rare is what few files have.
type rare struct {
	beyond int64      // end of what was allocated past the size
	xattrs int64      // bytes of extended attributes
	more   []*account // directories of its further names
	heirs  *owners    // who are becoming its owners; nil for nobody
}

// rare answers what a file has.
func (f *file) rare() rare {
	if f.has == nil {
		return rare{}
	}
	return *f.has
}

// setRare sets all of it. What a copy of the file has stays as it was.
func (f *file) setRare(r rare) {
	if f.has = nil; r.beyond != 0 || r.xattrs != 0 || r.more != nil || r.heirs != nil {
		own := r
		f.has = &own
	}
}

// setMore says in which directories a file has further names.
func (f *file) setMore(more []*account) {
	r := f.rare()
	r.more = more
	f.setRare(r)
}

func (f *file) setHeirs(heirs *owners) {
	r := f.rare()
	r.heirs = heirs
	f.setRare(r)
}

func (f *file) setBeyond(end int64) {
	r := f.rare()
	r.beyond = end
	f.setRare(r)
}

func (f *file) setXattrs(bytes int64) {
	r := f.rare()
	r.xattrs = bytes
	f.setRare(r)
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
	xattrs := f.rare().xattrs
	x := Amount{Bytes: f.promised + xattrs, Resident: f.resident, Nodes: 1}
	if f.twice {
		x.Copies = f.promised
	}
	switch {
	case f.nameless:
		x.Unlinked = f.promised + xattrs
	case f.region:
		x.Regions, x.Size = 1, f.size
	}
	return x
}
