package fs

import (
	"errors"
	"sync"
	"time"

	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

// Refused is an operation that was refused for a reason that a person may want to hear.
type Refused struct {
	Seq     uint64
	Time    time.Time
	Op      Op
	Path    string // relative to the root of the mount; "" is the root or unknown
	PID     uint32 // the thread that asked; 0 if the server cannot name it
	Process string // its command name, if it could be read while it waited
	UID     uint32
	Code    regions.Code
	Reason  string
	Remedy  string

	most func() string // adds to the reason when somebody reads it; nil for nothing
}

// Refusals keeps the last refusals.
type Refusals struct {
	mu   sync.Mutex // guards the rest; taken alone
	ring [refusalsKept]Refused
	seq  uint64
}

const refusalsKept = 256

// Add keeps one more, and numbers it.
func (r *Refusals) Add(x Refused) {
	x.Path, x.Reason, x.Remedy = events.Brief(x.Path), events.Brief(x.Reason), events.Brief(x.Remedy)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	x.Seq = r.seq
	r.ring[x.Seq%refusalsKept] = x
}

// Last answers what is kept, oldest first, and who holds the most of what was full: as it is when a refusal is first read.
func (r *Refusals) Last() []Refused {
	all := r.kept()
	told := map[string]string{} // by reason: many are refused by the same limit
	for i := range all {
		x := &all[i]
		if x.most == nil {
			continue
		}
		text, ok := told[x.Reason]
		if !ok {
			text = x.most()
			told[x.Reason] = text
		}
		r.complete(x, text)
	}
	return all
}

// complete adds to a reason, here and in what is kept.
func (r *Refusals) complete(x *Refused, text string) {
	if text != "" {
		x.Reason = events.Brief(x.Reason + "; " + text)
	}
	x.most = nil
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept := &r.ring[x.Seq%refusalsKept]; kept.Seq == x.Seq && kept.most != nil {
		kept.Reason, kept.most = x.Reason, nil
	}
}

func (r *Refusals) kept() []Refused {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := uint64(1)
	if r.seq > refusalsKept {
		first = r.seq - refusalsKept + 1
	}
	all := make([]Refused, 0, r.seq+1-first)
	for s := first; s <= r.seq; s++ {
		all = append(all, r.ring[s%refusalsKept])
	}
	return all
}

// explanation is what is said of a code where the error itself says nothing. Codes that are a program's daily bread
// (ENOENT of a lookup, EEXIST of O_EXCL, ENODATA) are not here: they are answers, not refusals.
var explanation = map[regions.Code]struct{ reason, remedy string }{
	regions.NoSpace: {"the arena is full", "remove regions (shmfs ls --sort resident shows the largest) or give it " +
		"more: echo size=16G > .ctl/config"},
	regions.Quota:            {"a limit is reached", "see .ctl/limits"},
	regions.NoMemory:         {"the system has no memory left", "free memory, or mount with a smaller --size"},
	regions.NotPermitted:     {"not permitted", "see the permissions of the file and of its directory"},
	regions.AccessDenied:     {"permission denied", "see the permissions of the file and of its directory"},
	regions.ReadOnly:         {"read-only", "open it for reading"},
	regions.IO:               {"the server could not do it", "see the server's log"},
	regions.TooManyFiles:     {"the server has no descriptor left", "raise its limit (ulimit -n) and mount again"},
	regions.TooManyFilesHere: {"the system has no descriptor left", "raise fs.file-max"},
	regions.NotSupported:     {"not supported here", "shmfs doctor tells what this machine can do"},
	regions.FileTooBig:       {"larger than a file can be", "ask for less"},
}

// describe fills in reason and remedy, and answers false for what is no refusal.
func (x *Refused) describe(err error) bool {
	x.Code = CodeOf(err)
	e, refusal := explanation[x.Code]
	x.Reason, x.Remedy = e.reason, e.remedy
	var r *regions.Refusal
	if errors.As(err, &r) {
		x.Reason, x.Remedy, x.most = r.Reason, r.Remedy, r.Most
		return true
	}
	if refusal && x.Code == regions.IO {
		x.Reason += ": " + err.Error()
	}
	return refusal
}
