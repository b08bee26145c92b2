package regions

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/shmfs/shmfs/regions/accounts"
)

// The extended attributes of a directory that say what holds below it. They are listed, and copied with it.
const (
	LimitXattr      = "user.shmfs.limit"      // limits: 2G, or bytes=2G,regions=100
	WritesXattr     = "user.shmfs.writes"     // auto, strict, fast
	OvercommitXattr = "user.shmfs.overcommit" // true, false
	PagesXattr      = "user.shmfs.pages"      // now, later
	// SubjectsXattr, on the root, keeps the limits of users, groups, processes, cgroups and labels, a line each.
	SubjectsXattr = "user.shmfs.limits"
)

// Limits are what an account may hold; 0 is no limit.
type Limits = accounts.Limits

// limitKeys are the keys of a limit's text, in the order in which they are written.
var limitKeys = []struct {
	name string
	unit limitUnit
	of   func(*Limits) *int64
}{
	{"bytes", inBytes, func(l *Limits) *int64 { return &l.Bytes }},
	{"regions", inNumbers, func(l *Limits) *int64 { return &l.Regions }},
	{"nodes", inNumbers, func(l *Limits) *int64 { return &l.Nodes }},
	{"largest", inBytes, func(l *Limits) *int64 { return &l.Largest }},
	{"soft_bytes", inBytes, func(l *Limits) *int64 { return &l.SoftBytes }},
	{"soft_regions", inNumbers, func(l *Limits) *int64 { return &l.SoftRegions }},
	{"reserve", inBytes, func(l *Limits) *int64 { return &l.Reserve }},
	{"throttle", inPercent, func(l *Limits) *int64 { return &l.Throttle }},
}

// limitUnit is how a limit's value is written.
type limitUnit uint8

const (
	inBytes   limitUnit = iota
	inNumbers           // how many
	inPercent           // of bytes
)

// sample is a value for an example.
func (u limitUnit) sample() string { return [...]string{"2G", "100", "90%"}[u] }

func (u limitUnit) parse(value string) (int64, bool) {
	if u == inPercent {
		n, err := strconv.ParseInt(strings.TrimSuffix(value, "%"), 10, 64)
		return n, err == nil && n > 0 && n < 100
	}
	n, err := ParseSize(value)
	return n, err == nil && (u == inBytes || !strings.ContainsAny(value, "bBiI."))
}

// LimitKeys names the keys that a limit has.
func LimitKeys() []string {
	names := make([]string, len(limitKeys))
	for i, k := range limitKeys {
		names[i] = k.name
	}
	return names
}

// ParseLimits reads a limit over what was set before: a size alone (2G), which is that of bytes, or key=value, with
// commas, semicolons or spaces between them: bytes=2G,regions=100. max takes a limit away.
func ParseLimits(l Limits, s string) (Limits, error) {
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\t' || r == '\n' })
	if len(words) == 0 {
		return l, fmt.Errorf("limit %q: want a size such as 2G, or %s", s, limitExample)
	}
	for _, w := range words {
		key, value, found := strings.Cut(w, "=")
		if !found && len(words) == 1 {
			key, value = "bytes", w
		}
		if err := setLimit(&l, key, value); err != nil {
			return l, err
		}
	}
	return l, nil
}

// mostReserved is the largest reservation, in bytes: many of them can be added.
const mostReserved = 1 << 50

const limitExample = "bytes=2G,regions=100,largest=1G"

func setLimit(l *Limits, key, value string) error {
	for _, k := range limitKeys {
		if k.name != key {
			continue
		}
		if value == "max" || value == "0" && k.name == "reserve" {
			*k.of(l) = 0
			return nil
		}
		n, ok := k.unit.parse(value)
		if !ok {
			return fmt.Errorf("%s %q: want a number greater than zero such as %s, or max", key, value, k.unit.sample())
		}
		if k.name == "reserve" && n > mostReserved {
			return fmt.Errorf("%s %q: larger than any memory", key, value)
		}
		*k.of(l) = n
		return nil
	}
	return fmt.Errorf("%q is no limit: want %s, as in %s", key, strings.Join(LimitKeys(), ", "), limitExample)
}

// FormatLimits writes limits so that ParseLimits reads the very same: "max" for none at all.
func FormatLimits(l Limits) string {
	var words []string
	for _, k := range limitKeys {
		if n := *k.of(&l); n != 0 {
			word := k.name + "=" + strconv.FormatInt(n, 10)
			if k.unit == inPercent {
				word += "%"
			}
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return "bytes=max"
	}
	return strings.Join(words, ",")
}

var writesNames = map[string]accounts.Writes{
	"auto": accounts.WritesAuto, "strict": accounts.WritesStrict, "fast": accounts.WritesFast,
}

// ParseWrites reads how writes past the end of a region are met.
func ParseWrites(s string) (accounts.Writes, error) {
	w, ok := writesNames[s]
	if !ok {
		return 0, fmt.Errorf("writes %q: want auto, strict or fast", s)
	}
	return w, nil
}

// FormatWrites writes what ParseWrites reads, "inherit" where nothing is set.
func FormatWrites(w accounts.Writes) string {
	for name, x := range writesNames {
		if x == w {
			return name
		}
	}
	return "inherit"
}

// FormatPages writes what a directory's attribute says, "inherit" where nothing is set.
func FormatPages(p accounts.Pages) string {
	switch p {
	case accounts.PagesNow:
		return "now"
	case accounts.PagesLater:
		return "later"
	}
	return "inherit"
}

// FormatOvercommit writes what a directory's attribute says, "inherit" where nothing is set.
func FormatOvercommit(o accounts.Overcommit) string {
	switch o {
	case accounts.OvercommitOn:
		return "true"
	case accounts.OvercommitOff:
		return "false"
	}
	return "inherit"
}

// settings changes s as an extended attribute of a directory says; value nil takes it away.
func settings(s accounts.Settings, name string, value []byte) (accounts.Settings, error) {
	text := strings.TrimSpace(string(value))
	var err error
	switch name {
	case LimitXattr:
		s.Limits = Limits{}
		if value != nil {
			s.Limits, err = ParseLimits(Limits{}, text)
		}
	case WritesXattr:
		s.Writes = accounts.WritesInherit
		if value != nil {
			s.Writes, err = ParseWrites(text)
		}
	case PagesXattr:
		switch {
		case value == nil:
			s.Pages = accounts.PagesInherit
		case text == "now":
			s.Pages = accounts.PagesNow
		case text == "later":
			s.Pages = accounts.PagesLater
		default:
			err = fmt.Errorf("pages %q: want now or later", text)
		}
	case OvercommitXattr:
		switch {
		case value == nil:
			s.Overcommit = accounts.OvercommitInherit
		case text == "true":
			s.Overcommit = accounts.OvercommitOn
		case text == "false":
			s.Overcommit = accounts.OvercommitOff
		default:
			err = fmt.Errorf("overcommit %q: want true or false", text)
		}
	}
	return s, err
}

// SettingXattr reports whether an extended attribute is a setting that only those may change who may.
func SettingXattr(name string) bool {
	switch name {
	case LimitXattr, LimitByXattr, WritesXattr, OvercommitXattr, PagesXattr, SubjectsXattr:
		return true
	}
	return false
}

// refusal says what a person may want to hear of a limit that is reached.
func (m *Manager) refusal(e *accounts.Exceeded) *Refusal {
	r := &Refusal{Code: Quota}
	if e.Kind == accounts.Mount {
		r.Code = NoSpace
	}
	whose, subject := m.whose(e)
	count := FormatSize
	if e.What == accounts.Regions || e.What == accounts.Nodes {
		count = func(n int64) string { return strconv.FormatInt(n, 10) }
	}
	switch e.What {
	case accounts.Apart, accounts.Holes:
		r.Code = CrossDevice
		r.Reason = whose + " has a reservation, and what has a name there has none elsewhere"
		if e.What == accounts.Holes {
			r.Reason = "holes count in " + whose + " and not where it comes from, or the other way round"
		}
		r.Remedy = "copy it, and remove the old one: mv does that by itself"
		return r
	case accounts.Largest:
		r.Reason = fmt.Sprintf("a region of %s is larger than the %s that %s allows", count(e.Used+e.Asked), count(e.Limit), whose)
	default:
		r.Reason = fmt.Sprintf("%s of the %s %s of %s are promised, and %s more asked for", count(e.Used), count(e.Limit), e.What,
			whose, count(e.Asked))
	}
	if e.Kept > 0 {
		r.Reason += fmt.Sprintf("; %s of them are reserved", count(e.Kept))
	}
	if e.Twice > 0 {
		r.Reason += fmt.Sprintf("; %s of them are second copies in the page cache of the mount", count(e.Twice))
	}
	if e.What != accounts.Largest {
		asked := *e
		r.Most = func() string { return m.most(&asked, count) }
	}
	r.Remedy = remedy(e, subject)
	return r
}

// most says who holds the most of what is full; "" if nobody does.
func (m *Manager) most(e *accounts.Exceeded, count func(int64) string) string {
	h, ok := m.accounts.Most(e.Kind, e.ID, e.What)
	if !ok {
		return ""
	}
	name := "the root directory"
	if h.Kind != accounts.Mount { // whose account the root's is
		name, _ = m.whose(&accounts.Exceeded{Kind: h.Kind, ID: h.ID, Name: h.Name})
	}
	return name + " holds the most, " + count(h.Amount)
}

// more is a limit that would do, for an example.
func more(e *accounts.Exceeded) string {
	n := max(e.Used+e.Asked, e.Limit)
	if n > Unlimited/2 {
		return "max"
	}
	if n *= 2; e.What == accounts.Regions || e.What == accounts.Nodes || n < 1<<20 {
		return strconv.FormatInt(n, 10)
	}
	return strconv.FormatInt(n>>20+1, 10) + "M"
}

// whose names an account, and the subject of a line of `.ctl/limits` that is about it.
func (m *Manager) whose(e *accounts.Exceeded) (name, subject string) {
	switch e.Kind {
	case accounts.Mount:
		return "the mount", "mount"
	case accounts.OfDirectory:
		path := m.Path(NodeID(e.ID))
		return "the directory " + path, "directory " + path
	}
	x := accounts.Subject{Kind: e.Kind, ID: e.ID, Name: e.Name}
	return e.Kind.String() + " " + x.Text(), e.Kind.String() + " " + quoted(x.Text())
}

// remedy says what can be typed.
func remedy(e *accounts.Exceeded, subject string) string {
	switch {
	case e.Kind == accounts.Mount && e.What == accounts.Bytes:
		return "remove regions (shmfs ls --sort size shows the largest), or give it more: echo size=" + more(e) + " > .ctl/config"
	case e.What == accounts.Largest:
		return fmt.Sprintf("ask for less, or allow more: echo '%s largest=%s' > .ctl/limits", subject, more(e))
	}
	return fmt.Sprintf("remove regions, or allow more: echo '%s %s=%s' > .ctl/limits", subject, e.What, more(e))
}
