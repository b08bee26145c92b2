package control

import (
	"fmt"
	"sync"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// Bounds of readers that wait: each one takes the server 1 MiB of memory, which is locked. Anybody may read, and must not
// keep others from it.
const (
	readersMost   = 64 // of root, and whose the server is; and as many of all others
	readersOfUser = 16 // of one of the others
)

// readers counts who reads streams. The zero readers is nobody.
type readers struct {
	mu     sync.Mutex // guards the rest; taken alone
	owners int
	others int
	users  map[uint32]int
}

// enter counts one more, and refuses who is one too many. Who began in the time of an earlier server goes on.
func (r *readers) enter(who fs.Reader) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := &r.others
	if who.Owner {
		all = &r.owners
	}
	switch {
	case who.Resumed:
	case !who.Owner && r.users[who.User] >= readersOfUser:
		return &regions.Refusal{Code: regions.TooManyFiles,
			Reason: fmt.Sprintf("user %d has %d streams of events open, and may have no more", who.User, readersOfUser),
			Remedy: "close some of them, or read .ctl/events: that ends, and is not counted"}
	case *all >= readersMost:
		return &regions.Refusal{Code: regions.TooManyFilesHere, Reason: fmt.Sprintf("%d streams of events are open", *all),
			Remedy: "have some of them closed, or read .ctl/events: that ends, and is not counted"}
	}
	*all++
	if who.Known && !who.Owner {
		if r.users == nil {
			r.users = map[uint32]int{}
		}
		r.users[who.User]++
	}
	return nil
}

// leave counts one less.
func (r *readers) leave(who fs.Reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if who.Owner {
		r.owners--
		return
	}
	r.others--
	if !who.Known {
		return
	}
	if r.users[who.User]--; r.users[who.User] == 0 {
		delete(r.users, who.User)
	}
}
