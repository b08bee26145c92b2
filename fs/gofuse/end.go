//go:build linux

package gofuse

import (
	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
	"github.com/shmfs/shmfs/regions"
)

// ender tells the kernel of names that the server takes away by itself, and asks it who has a region.
type ender struct{ server *Server }

var _ regions.Ender = ender{}

// Ender answers what a manager needs to end regions behind this server.
func (s *Server) Ender() regions.Ender { return ender{s} }

// Held asks the kernel whether anybody refers to a node. NOTIFY_PRUNE (Linux 6.18) has it drop what it only remembers;
// where it cannot, a node that is remembered cannot be told from one that somebody has, and the arena's own answer
// holds. Neither waits for a directory.
func (e ender) Held(n regions.NodeID) bool {
	return e.server.device.prune(uint64(n)) && e.server.device.knows(uint64(n))
}

// Begin writes the name down: if this server does not live until Ended, the next one tells the kernel.
func (e ender) Begin(dir regions.NodeID, name string) {
	if e.server.ledger != nil {
		e.server.ledger.BeginEnding(ledger.Ending{Dir: uint64(dir), Name: name})
	}
	failpoint.Hit(failpoint.Ending)
}

// Ended has the kernel forget the name. It waits for whoever changes the directory.
func (e ender) Ended(dir regions.NodeID, name string) {
	failpoint.Hit(failpoint.Unlinked)
	e.server.forgetName(uint64(dir), name)
	if e.server.ledger != nil {
		e.server.ledger.EndEnding()
	}
}

// forgetName has the kernel forget a name, and what the directory has cached.
func (s *Server) forgetName(dir uint64, name string) {
	s.device.forgetName(dir, name)
}

// finishEnding tells the kernel of the name that an earlier server was about to take away. If it did not, nothing is lost.
func (s *Server) finishEnding() {
	if s.ledger == nil {
		return
	}
	if e, ok := s.ledger.Ending(); ok {
		s.forgetName(e.Dir, e.Name)
		s.ledger.EndEnding()
	}
}
