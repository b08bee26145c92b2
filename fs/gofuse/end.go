//go:build linux

package gofuse

import (
	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
	"github.com/shmfs/shmfs/regions"
)

// ender tells the kernel of names that the server takes away by itself, and asks it who has a region.
type ender struct {
	server *Server
	dir    regions.NodeID // of which names were taken away and the kernel was not told; NoNode for none
}

var _ regions.Ender = (*ender)(nil)

// Ender answers what a manager needs to end regions behind this server.
func (s *Server) Ender() regions.Ender { return &ender{server: s} }

// Held asks the kernel whether anybody refers to nodes. NOTIFY_PRUNE (Linux 6.18) has it drop what it only remembers;
// where it cannot, a node that is remembered cannot be told from one that somebody has, and the arena's own answer
// holds. Neither waits for a directory.
func (e *ender) Held(all []regions.NodeID) []bool {
	held := make([]bool, len(all))
	if !e.server.device.prune(all) {
		return held
	}
	for i, n := range all {
		held[i] = e.server.device.knows(uint64(n))
	}
	return held
}

// Begin writes the name down: if this server does not live until Done, the next one tells the kernel.
func (e *ender) Begin(p regions.Place) {
	if e.dir != p.Dir {
		e.Done()
	}
	e.dir = p.Dir
	if e.server.ledger != nil {
		e.server.ledger.BeginEnding(ledger.Ending{Dir: uint64(p.Dir), Name: p.Name})
	}
	failpoint.Hit(failpoint.Ending)
}

// Ended has the kernel forget the name. It waits for whoever changes the directory.
func (e *ender) Ended(p regions.Place) {
	failpoint.Hit(failpoint.Unlinked)
	e.server.device.forgetName(uint64(p.Dir), p.Name)
	failpoint.Hit(failpoint.Told)
}

// Done has the kernel forget what it knows of the directory. Of a name that it does not remember (any more, because Held
// had it dropped) it takes no note at all, and would list it for a day (Linux fs/fuse/dir.c, fuse_reverse_inval_entry).
func (e *ender) Done() {
	if e.dir == regions.NoNode {
		return
	}
	e.server.device.forgetListing(uint64(e.dir))
	failpoint.Hit(failpoint.Ended)
	e.dir = regions.NoNode
	if e.server.ledger != nil {
		e.server.ledger.EndEnding()
	}
}

// Yield lets threads go first that wait for this processor, which would else wait until the end of a slice, some 3 ms (Linux
// kernel/sched/fair.c, RUN_TO_PARITY).
func (e *ender) Yield() {
	unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
}

// finishEnding tells the kernel of what an earlier server was about to take away. If it did not, nothing is lost.
func (s *Server) finishEnding() {
	if s.ledger == nil {
		return
	}
	e, ok := s.ledger.Ending()
	if !ok {
		return
	}
	if e.Name != "" {
		s.device.forgetName(e.Dir, e.Name)
	}
	s.device.forgetListing(e.Dir)
	s.ledger.EndEnding()
}
