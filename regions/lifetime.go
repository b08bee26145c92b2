package regions

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The extended attributes, of a region or of a directory, that say when a region ends. What a directory says holds below
// it, where nothing nearer says something else.
const (
	LifetimeXattr = "user.shmfs.lifetime" // manual, owner, last-user, ttl=30m, session; with grace=5s or ttl= behind a comma
	PinXattr      = "user.shmfs.pin"      // true: it does not end by itself; false
)

// LifeXattr reports whether an extended attribute says when, or how, a region ends.
func LifeXattr(name string) bool {
	switch name {
	case LifetimeXattr, PinXattr, ZeroXattr, SessionXattr, OwnerXattr, GuardXattr, SealXattr, LabelsXattr:
		return true
	}
	return false
}

// LifetimeKind is what ends a region.
type LifetimeKind uint8

// The kinds of lifetimes.
const (
	Manual   LifetimeKind = iota // somebody unlinks it
	Owner                        // the process that made it is gone, and nobody else has it
	LastUser                     // nobody has it any more
	TTL                          // nobody used it for a time
	Session                      // the directory that it is in ends, with all that is in it
)

var lifetimeNames = map[LifetimeKind]string{Manual: "manual", Owner: "owner", LastUser: "last-user", TTL: "ttl",
	Session: "session"}

func (k LifetimeKind) String() string { return lifetimeNames[k] }

// Lifetime says when a region ends.
type Lifetime struct {
	Kind  LifetimeKind
	TTL   time.Duration // of TTL; of Session, 0 for none
	Grace time.Duration // of Owner and LastUser: for how long it must be so
}

// usualGrace is the grace period where none is named: time for whoever is about to open the region.
const usualGrace = time.Second

// longestLifetime keeps deadlines far from where a clock ends.
const longestLifetime = 100 * 365 * 24 * time.Hour

// ParseLifetime reads a lifetime: manual, owner, last-user, ttl=30m; owner and last-user take a grace period behind a
// comma: owner,grace=5s, and session a time: session,ttl=30m. A duration is a number with ms, s, m, h or d.
func ParseLifetime(s string) (Lifetime, error) {
	first, rest, more := strings.Cut(strings.TrimSpace(s), ",")
	name, value, hasValue := strings.Cut(first, "=")
	l := Lifetime{Grace: usualGrace}
	err := fmt.Errorf("lifetime %q: want manual, owner, last-user, ttl=30m or session; owner and last-user take a grace "+
		"period: owner,grace=5s, session a time: session,ttl=30m", s)
	switch {
	case name == "ttl" && hasValue && !more:
		ttl, bad := parseTTL(value)
		return Lifetime{Kind: TTL, TTL: ttl}, bad
	case name == "session" && !hasValue:
		if text, ok := strings.CutPrefix(rest, "ttl="); ok {
			ttl, bad := parseTTL(text)
			return Lifetime{Kind: Session, TTL: ttl}, bad
		}
		if more {
			return Lifetime{}, err
		}
		return Lifetime{Kind: Session}, nil
	case hasValue:
		return Lifetime{}, err
	case name == "manual" && !more:
		return Lifetime{}, nil
	case name == "owner":
		l.Kind = Owner
	case name == "last-user":
		l.Kind = LastUser
	default:
		return Lifetime{}, err
	}
	if !more {
		return l, nil
	}
	text, ok := strings.CutPrefix(rest, "grace=")
	if !ok {
		return Lifetime{}, err
	}
	grace, bad := parseDuration(text)
	if bad != nil {
		return Lifetime{}, fmt.Errorf("grace %q: want a duration such as 5s, or 0", text)
	}
	l.Grace = grace
	return l, nil
}

func (l Lifetime) String() string {
	s := l.Kind.String()
	switch {
	case l.Kind == TTL:
		s += "=" + l.TTL.String()
	case l.Kind == Session && l.TTL > 0:
		s += ",ttl=" + l.TTL.String()
	case l.Kind == Session:
	case l.Kind != Manual && l.Grace != usualGrace:
		s += ",grace=" + l.Grace.String()
	}
	return s
}

// longer answers the lifetime that ends when two have. Of different kinds there is none but manual.
func (l Lifetime) longer(x Lifetime) Lifetime {
	if l.Kind != x.Kind {
		return Lifetime{}
	}
	return Lifetime{Kind: l.Kind, TTL: max(l.TTL, x.TTL), Grace: max(l.Grace, x.Grace)}
}

func parseTTL(s string) (time.Duration, error) {
	ttl, err := parseDuration(s)
	if err != nil || ttl == 0 {
		return 0, fmt.Errorf("ttl %q: want a duration such as 30m or 2d, of 36500d at most", s)
	}
	return ttl, nil
}

// parseDuration is time.ParseDuration with days.
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return min(time.Duration(n)*24*time.Hour, longestLifetime), err
	}
	d, err := time.ParseDuration(s)
	if err == nil && (d < 0 || d > longestLifetime) {
		err = fmt.Errorf("%s is out of range", s)
	}
	return d, err
}

// parseFlag reads true or false.
func parseFlag(name, s string) (bool, error) {
	switch strings.TrimSpace(s) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%s %q: want true or false", name, s)
}
