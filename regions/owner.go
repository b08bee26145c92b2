package regions

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shmfs/shmfs/regions/events"
)

// OwnerXattr hands a region, or all that is in a directory, to another owner: the number of a process, pgid: with that of a
// process group, sid: with that of a session, each with an uptime of the system in seconds behind @ at which it was there,
// which is added where it is missing; or cgroup: with the path of a control group of the unified hierarchy. Of a region,
// "directory" is the owner that its directory has.
const OwnerXattr = "user.shmfs.owner"

// OwnerKind is what an owner is.
type OwnerKind uint8

// The kinds of owners. Those of several processes are gone when the last of them is.
const (
	OwnerProcess OwnerKind = iota
	OwnerGroup             // a process group
	OwnerSession           // of setsid(2)
	OwnerCgroup
)

var (
	ownerPrefixes = map[OwnerKind]string{OwnerGroup: "pgid:", OwnerSession: "sid:", OwnerCgroup: "cgroup:"}
	ownerNames    = map[OwnerKind]string{OwnerProcess: "process", OwnerGroup: "process group", OwnerSession: "session",
		OwnerCgroup: "control group"}
)

// WhoOwns is an owner. The zero WhoOwns is nobody.
type WhoOwns struct {
	Kind   OwnerKind
	ID     uint32        // of all but a control group
	Since  time.Duration // an uptime at which it was there: a number may be another one's later
	Cgroup string        // its path
}

func (o WhoOwns) String() string {
	if o.Kind == OwnerCgroup {
		return ownerNames[o.Kind] + " " + o.Cgroup
	}
	return fmt.Sprintf("%s %d", ownerNames[o.Kind], o.ID)
}

// known reports whether it can be told when the owner is gone.
func (o WhoOwns) known() bool { return o.Cgroup != "" || o.ID != 0 && o.Since != 0 }

// Groups are Processes that also watch owners of several processes. Conditions are those of Watch.
type Groups interface {
	WatchGroup(o WhoOwns, gone func()) (cancel func(), alive bool, err error)
}

// ownerSaying is to whom something was handed.
type ownerSaying struct {
	to        WhoOwns
	directory bool
}

func (o ownerSaying) says() bool { return o != ownerSaying{} }

func parseOwner(s string) (ownerSaying, error) {
	bad := fmt.Errorf("owner %q: want the number of a process, pgid:, sid: or cgroup: with a group, or of a region: directory", s)
	if s == "directory" {
		return ownerSaying{directory: true}, nil
	}
	var o WhoOwns
	rest := s
	for kind, prefix := range ownerPrefixes {
		if after, ok := strings.CutPrefix(s, prefix); ok {
			o.Kind, rest = kind, after
		}
	}
	if o.Kind == OwnerCgroup {
		if o.Cgroup = rest; !strings.HasPrefix(rest, "/") || path.Clean(rest) != rest || strings.ContainsRune(rest, 0) {
			return ownerSaying{}, bad
		}
		return ownerSaying{to: o}, nil
	}
	number, at, timed := strings.Cut(rest, "@")
	id, err := strconv.ParseUint(number, 10, 31)
	o.ID = uint32(id)
	if timed && err == nil {
		o.Since, err = time.ParseDuration(at + "s")
	}
	if err != nil || id == 0 {
		return ownerSaying{}, bad
	}
	return ownerSaying{to: o}, nil
}

// CheckOwner refuses what OwnerXattr does not take.
func CheckOwner(s string) error {
	_, err := parseOwner(s)
	return err
}

// complete adds to an attribute what its writer need not know: of the owner, since when the number is its.
func (m *Manager) complete(name string, value []byte) []byte {
	if name != OwnerXattr {
		return value
	}
	o, err := parseOwner(string(value))
	if err != nil || o.directory || o.to.Since != 0 || o.to.Kind == OwnerCgroup {
		return value
	}
	return fmt.Appendf(nil, "%s%d@%.9f", ownerPrefixes[o.to.Kind], o.to.ID, m.uptime().Seconds())
}

// SetAlive sets who knows whether an owner still lives. Call it before anything is made.
func (m *Manager) SetAlive(f func(WhoOwns) bool) { m.alive = f }

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
	case name == OwnerXattr && !s.owner.directory && !m.alive(s.owner.to):
		return &Refusal{Code: Invalid, Reason: fmt.Sprintf("there is no %s", s.owner.to),
			Remedy: "write the number of a process that runs, or of a group that has one, as the server sees it"}
	}
	return nil
}

// OwnerOf answers whose a region is: to whom it was handed, or its directory, or else the process that made it. It is the
// zero WhoOwns if nobody knows.
func (m *Manager) OwnerOf(node NodeID) WhoOwns {
	if to, handed := m.handedTo(node); handed {
		return to
	}
	r, err := m.Arena.Record(node)
	if err != nil || r.Uptime == 0 {
		return WhoOwns{}
	}
	return WhoOwns{ID: r.PID, Since: r.Uptime}
}

// handedTo answers to whom a region was handed, itself or with its directory; false if it was not.
func (m *Manager) handedTo(node NodeID) (to WhoOwns, handed bool) {
	s, handed := m.nearest(node, func(s *saying) bool { return s.owner.says() })
	if s.owner.directory {
		s, _ = m.above(m.home(node), func(s *saying) bool { return s.owner.says() })
	}
	return s.owner.to, handed
}

// hand looks whose a region is now.
func (c *Caretaker) hand(x *care) {
	to, handed := c.m.handedTo(x.node)
	if !handed {
		if x.maker.ID == 0 {
			x.maker, _ = c.m.Arena.Record(x.node)
		}
		to = WhoOwns{ID: x.maker.PID, Since: x.maker.Uptime}
	}
	c.handTo(x, to)
}

func (c *Caretaker) handTo(x *care, to WhoOwns) {
	if to != x.owner {
		c.unwatch(x)
		x.owner, x.gone = to, false
	}
}

// lost takes note that owners are gone: this one's, if it is among them.
func (c *Caretaker) lost(x *care, gone []WhoOwns) {
	if !x.gone && slices.Contains(gone, x.owner) {
		x.gone = true
		c.tell(events.OwnerGone, x, x.owner.String()+" is gone")
	}
}

// watch watches an owner.
func (c *Caretaker) watch(o WhoOwns, gone func()) (cancel func(), alive bool, err error) {
	if o.Kind == OwnerProcess {
		return c.processes.Watch(o.ID, o.Since, gone)
	}
	g, ok := c.processes.(Groups)
	if !ok {
		return nil, false, NotSupported
	}
	return g.WatchGroup(o, gone)
}
