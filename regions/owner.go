package regions

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shmfs/shmfs/regions/events"
)

// OwnerXattr hands a region, or all that is in a directory, to another process: its number, and behind @ an uptime of the
// system in seconds at which it was there, which is added where it is missing. Of a region, "directory" is the owner that
// its directory has.
const OwnerXattr = "user.shmfs.owner"

// ownerSaying is to whom something was handed.
type ownerSaying struct {
	pid       uint32
	since     time.Duration
	directory bool
}

func parseOwner(s string) (ownerSaying, error) {
	if s == "directory" {
		return ownerSaying{directory: true}, nil
	}
	number, at, timed := strings.Cut(s, "@")
	pid, err := strconv.ParseUint(number, 10, 31)
	o := ownerSaying{pid: uint32(pid)}
	if timed && err == nil {
		o.since, err = time.ParseDuration(at + "s")
	}
	if err != nil || pid == 0 {
		return ownerSaying{}, fmt.Errorf("owner %q: want the number of a process, or of a region: directory", s)
	}
	return o, nil
}

// complete adds to an attribute what its writer need not know: of the owner, since when the number is its.
func (m *Manager) complete(name string, value []byte) []byte {
	if name != OwnerXattr {
		return value
	}
	o, err := parseOwner(string(value))
	if err != nil || o.directory || o.since != 0 {
		return value
	}
	return fmt.Appendf(nil, "%d@%.9f", o.pid, m.uptime().Seconds())
}

// SetAlive sets who knows whether the process still lives that had a number at an uptime of the system. Call it before
// anything is made.
func (m *Manager) SetAlive(f func(pid uint32, uptime time.Duration) bool) { m.alive = f }

// mayLive refuses attributes that say what cannot be.
func (m *Manager) mayLive(a *Attr, name string, value []byte) error {
	if value == nil {
		return nil
	}
	s, err := saying{}.with(name, string(value))
	switch {
	case err != nil:
		return lifeInvalid(err)
	case name == SessionXattr && (!a.IsDir() || !m.inSessions(a.Node)):
		return &Refusal{Code: NotPermitted, Reason: name + " is for sessions: directories in one of lifetime session",
			Remedy: "shmfs set DIRECTORY lifetime=session, and make sessions in it with mkdir"}
	case name == SealXattr && !a.IsRegion():
		return &Refusal{Code: NotPermitted, Reason: name + " is for regions", Remedy: "seal the regions in it"}
	case name == OwnerXattr && s.owner.directory && a.IsDir():
		return &Refusal{Code: Invalid, Reason: "a directory is handed to a process", Remedy: "write the number of one"}
	case name == OwnerXattr && !s.owner.directory && !m.alive(s.owner.pid, s.owner.since):
		return &Refusal{Code: Invalid, Reason: fmt.Sprintf("there is no process %d", s.owner.pid),
			Remedy: "write the number of a process that runs, as the server sees it"}
	}
	return nil
}

// OwnerOf answers whose a region is: to whom it was handed, or its directory, or else the process that made it. The
// number is 0 if nobody knows.
func (m *Manager) OwnerOf(node NodeID) (pid uint32, since time.Duration) {
	if to, handed := m.handedTo(node); handed {
		return to.pid, to.since
	}
	r, err := m.Arena.Record(node)
	if err != nil || r.Uptime == 0 {
		return 0, 0
	}
	return r.PID, r.Uptime
}

// handedTo answers to whom a region was handed, itself or with its directory; false if it was not.
func (m *Manager) handedTo(node NodeID) (to process, handed bool) {
	s, handed := m.nearest(node, func(s *saying) bool { return s.owner.pid != 0 || s.owner.directory })
	if s.owner.directory {
		s, _ = m.above(m.home(node), func(s *saying) bool { return s.owner.pid != 0 })
	}
	return process{s.owner.pid, s.owner.since}, handed
}

// process is one process: a number may be another one's later.
type process struct {
	pid   uint32
	since time.Duration // an uptime at which it was there
}

// hand looks whose a region is now.
func (c *Caretaker) hand(x *care) {
	to, handed := c.m.handedTo(x.node)
	if !handed {
		if x.maker.ID == 0 {
			x.maker, _ = c.m.Arena.Record(x.node)
		}
		to = process{x.maker.PID, x.maker.Uptime}
	}
	c.handTo(x, to)
}

func (c *Caretaker) handTo(x *care, to process) {
	if to != (process{x.owner, x.since}) {
		c.unwatch(x)
		x.owner, x.since, x.gone = to.pid, to.since, false
	}
}

// lost takes note that processes are gone: of the owner, if it is one of them.
func (c *Caretaker) lost(x *care, gone []process) {
	if !x.gone && slices.Contains(gone, process{x.owner, x.since}) {
		x.gone = true
		c.tell(events.OwnerGone, x, fmt.Sprintf("process %d is gone", x.owner))
	}
}
