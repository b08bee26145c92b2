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
// "directory" is the owner that its directory has. The name of a kind alone (process, process-group, session, cgroup) hands
// it to nobody: it says what of that kind owns a region, that of the process that made it.
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
	ownerKinds    = [...]string{OwnerProcess: "process", OwnerGroup: "process-group", OwnerSession: "session", OwnerCgroup: "cgroup"}
	ownerNames    = [...]string{OwnerProcess: "process", OwnerGroup: "process group", OwnerSession: "session",
		OwnerCgroup: "control group"}
)

// String answers the word of a kind.
func (k OwnerKind) String() string { return ownerKinds[k] }

// ParseOwnerKind reads process, process-group, session or cgroup.
func ParseOwnerKind(s string) (OwnerKind, error) {
	for k, word := range ownerKinds {
		if s == word {
			return OwnerKind(k), nil
		}
	}
	return OwnerProcess, fmt.Errorf("owner %q: want process, process-group, session or cgroup", s)
}

// WhoOwns is an owner. The zero WhoOwns is nobody.
type WhoOwns struct {
	Kind   OwnerKind
	ID     uint32        // of all but a control group
	Since  time.Duration // an uptime at which it was there: a number may be another one's later
	Cgroup string        // its path in the unified hierarchy
	Memory bool          // the path is one in the hierarchy that memory is counted in, if that is another one
}

// Name answers the number of an owner, or the path of a control group; "" if nobody knows.
func (o WhoOwns) Name() string {
	switch {
	case o.Kind == OwnerCgroup:
		return o.Cgroup
	case o.ID == 0:
		return ""
	}
	return strconv.FormatUint(uint64(o.ID), 10)
}

func (o WhoOwns) String() string {
	return ownerNames[o.Kind] + " " + o.Name()
}

// known reports whether it can be told when the owner is gone.
func (o WhoOwns) known() bool { return o.Cgroup != "" || o.ID != 0 && o.Since != 0 }

// Groups are Processes that also watch owners of several processes. Conditions are those of Watch.
type Groups interface {
	WatchGroup(o WhoOwns, gone func()) (cancel func(), alive bool, err error)
}

// ownerSaying is to whom something was handed, or what of its maker's owns it.
type ownerSaying struct {
	to        WhoOwns
	directory bool
	kind      OwnerKind
	hasKind   bool

	configured bool // hasKind comes from the configuration, and reaches everybody's directories
}

func (o ownerSaying) says() bool { return o != ownerSaying{} }

// handed reports whether it does not matter who made it.
func (o ownerSaying) handed() bool { return o.says() && !o.hasKind }

// of answers whose a region with a record is.
func (o ownerSaying) of(r *Record) WhoOwns {
	switch {
	case o.handed():
		return o.to
	case o.kind == OwnerGroup:
		return WhoOwns{Kind: OwnerGroup, ID: r.Group, Since: r.Uptime}
	case o.kind == OwnerSession:
		return WhoOwns{Kind: OwnerSession, ID: r.Session, Since: r.Uptime}
	case o.kind == OwnerCgroup && !unending(r.Unified):
		return WhoOwns{Kind: OwnerCgroup, Cgroup: r.Unified}
	case o.kind == OwnerCgroup && !unending(r.Cgroup):
		return WhoOwns{Kind: OwnerCgroup, Cgroup: r.Cgroup, Memory: true}
	case o.kind == OwnerCgroup:
		return WhoOwns{Kind: OwnerCgroup}
	}
	return WhoOwns{ID: r.PID, Since: r.Uptime}
}

// unending reports whether a path is none of a control group that can be seen to be empty: no path, the root, or one that is
// outside the control group namespace of the server.
func unending(cgroup string) bool {
	return cgroup == "" || cgroup == "/" || strings.HasPrefix(cgroup, "/..")
}

func parseOwner(s string) (ownerSaying, error) {
	bad := fmt.Errorf("owner %q: want the number of a process, pgid:, sid: or cgroup: with a group, what of its maker's owns a "+
		"region (process, process-group, session, cgroup), or of a region: directory", s)
	if s == "directory" {
		return ownerSaying{directory: true}, nil
	}
	if k, err := ParseOwnerKind(s); err == nil {
		return ownerSaying{kind: k, hasKind: true}, nil
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

// TranslateOwner replaces a number that OwnerXattr is to have by another one. One with an uptime was read here, and stays; so
// does what is no number.
func TranslateOwner(s string, number func(kind OwnerKind, id uint32) (uint32, error)) (string, error) {
	o, err := parseOwner(s)
	if err != nil || o.to.ID == 0 || o.to.Since != 0 {
		return s, nil
	}
	id, err := number(o.to.Kind, o.to.ID)
	return fmt.Sprintf("%s%d", ownerPrefixes[o.to.Kind], id), err
}

// complete adds to an attribute what its writer need not know: of the owner, since when the number is its.
func (m *Manager) complete(name string, value []byte) []byte {
	if name != OwnerXattr {
		return value
	}
	o, err := parseOwner(string(value))
	if err != nil || o.directory || o.hasKind || o.to.Since != 0 || o.to.Kind == OwnerCgroup {
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
	case name == SessionXattr && s.session.end && !m.IsSession(a.Node):
		return &Refusal{Code: NotPermitted, Reason: "it is no session any more: what is in it was kept",
			Remedy: "remove it with rm -r; or make a session of it again: setfattr -n " + SessionXattr + " -v begin DIRECTORY"}
	case name == LifetimeXattr && s.lifetime.Kind == Session && a.IsRegion():
		return &Refusal{Code: NotPermitted, Reason: "a lifetime of session is for directories: each directory in it is a session",
			Remedy: "shmfs set DIRECTORY lifetime=session, and make the region in a directory of that"}
	case name == SealXattr && !a.IsRegion():
		return &Refusal{Code: NotPermitted, Reason: name + " is for regions", Remedy: "seal the regions in it"}
	case name == SealXattr && s.sealed && a.Source != NoNode:
		return &Refusal{Code: NotPermitted, Reason: "it is a read-only share: nobody writes to it by this name",
			Remedy: "seal the region that it shares: .ctl/shares names it"}
	case name == OwnerXattr && s.owner.directory && a.IsDir():
		return &Refusal{Code: Invalid, Reason: "a directory is handed to a process", Remedy: "write the number of one"}
	case name == OwnerXattr && !s.owner.directory && !s.owner.hasKind && !m.alive(s.owner.to):
		return &Refusal{Code: Invalid, Reason: fmt.Sprintf("there is no %s", s.owner.to),
			Remedy: "write the number of a process that runs, or of a group that has one"}
	}
	return nil
}

// OwnerOf answers whose a region is: to whom it was handed, or its directory, or else the process that made it, or what of
// that process is to own it. Its name is "" if nobody knows.
func (m *Manager) OwnerOf(node NodeID) WhoOwns {
	s := m.ownerSaid(node)
	if s.handed() {
		return s.to
	}
	r, err := m.Arena.Record(node)
	if err != nil {
		r = Record{}
	}
	return s.of(&r)
}

// OwnerIn is OwnerOf where the record is at hand.
func (m *Manager) OwnerIn(node NodeID, r *Record) WhoOwns { return m.ownerSaid(node).of(r) }

// ownerSaid answers what is said of whose a region is: by itself, or by the nearest directory.
func (m *Manager) ownerSaid(node NodeID) ownerSaying {
	if !m.lives.any.Load() {
		return ownerSaying{}
	}
	var own ownerSaying
	if !m.books.isPlain(node) {
		s := m.readSaying(node)
		own = s.owner
	}
	if own.says() && !own.directory {
		return own
	}
	above := m.ownerAbove(m.home(node))
	for _, dir := range m.others(node) {
		if m.ownerAbove(NodeID(dir)) != above {
			return ownerSaying{directory: true} // of several directories that say different things: nobody's
		}
	}
	if above.says() {
		return above
	}
	return own
}

// ownerAbove answers what is said first by a directory, or by those above it, as far as that reaches.
func (m *Manager) ownerAbove(dir NodeID) ownerSaying {
	var way ascent
	for ; ; dir = m.Parent(dir) {
		s, user := m.lives.of(dir)
		if reaches := way.pass(user); s.owner.says() && (reaches || s.owner.configured) {
			return s.owner
		}
		if dir == RootNode {
			return ownerSaying{}
		}
	}
}

// hand looks whose a region is now.
func (c *Caretaker) hand(x *care) {
	s := c.m.ownerSaid(x.node)
	if !s.handed() && x.maker.ID == 0 {
		x.maker, _ = c.m.Arena.Record(x.node)
	}
	c.handTo(x, s.of(&x.maker))
}

func (c *Caretaker) handTo(x *care, to WhoOwns) {
	if to != x.owner {
		c.unwatch(x)
		x.owner, x.gone, x.orphan = to, false, false
	}
}

// lost takes note that owners are gone: this one's, if it is among them.
func (c *Caretaker) lost(x *care, gone []WhoOwns) {
	if !x.gone && slices.Contains(gone, x.owner) {
		x.gone = true
		c.tell(events.OwnerGone, x, x.owner.String()+" is gone")
	}
}

// orphaned tells once of a region that somebody has who does not own it, and whose owner is gone.
func (c *Caretaker) orphaned(x *care) {
	if x.gone && !x.orphan && x.lifetime.Kind == Owner {
		x.orphan = true
		c.tell(events.Orphaned, x, x.owner.String()+" is gone, and somebody else has it: it ends when nobody does")
	}
}

// unknownOwner says why it cannot be told when an owner is gone.
func unknownOwner(o WhoOwns) string {
	if o.Kind == OwnerCgroup {
		return "it was made in the root of the control groups, which is never empty, or nobody knows in which: " +
			"it ends as if it were manual"
	}
	return "nobody knows which " + ownerNames[o.Kind] + " made it: it ends as if it were manual"
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
