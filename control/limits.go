package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/accounts"
)

// limitsFile is `limits`: a line for the mount and for each directory, user, ... that has limits of its own;
// and one change a write.
type limitsFile struct{ d *directory }

func (f limitsFile) Snapshot(context.Context) ([]byte, error) {
	m := f.d.sources.Tree().Arena()
	m.Refresh()
	var p pairs
	now := time.Now()
	for _, s := range m.Accounts().Limited() {
		writeLimits(&p, nameOf(m, &s), &s, now)
	}
	return p.b, nil
}

// nameOf answers what an account is called beside its kind.
func nameOf(m *regions.Manager, s *accounts.State) string {
	switch s.Kind {
	case accounts.Mount:
		return ""
	case accounts.OfDirectory:
		return m.Path(regions.NodeID(s.ID))
	}
	return accounts.Subject{Kind: s.Kind, ID: s.ID, Name: s.Name}.Text()
}

func writeLimits(p *pairs, name string, s *accounts.State, now time.Time) {
	l := &s.Settings.Limits
	p.add("subject", s.Kind.String())
	p.add("name", name)
	for _, x := range []struct {
		key string
		n   int64
	}{
		{"bytes", l.Bytes}, {"regions", l.Regions}, {"nodes", l.Nodes}, {"largest", l.Largest},
		{"soft_bytes", l.SoftBytes}, {"soft_regions", l.SoftRegions},
	} {
		p.add(x.key, maxOr(x.n))
	}
	p.add("reserve", strconv.FormatInt(l.Reserve, 10))
	p.add("throttle", maxOr(l.Throttle))
	p.add("writes", regions.FormatWrites(s.Settings.Writes))
	p.add("overcommit", regions.FormatOvercommit(s.Settings.Overcommit))
	p.add("pages", regions.FormatPages(s.Settings.Pages))
	p.add("promised", strconv.FormatInt(s.Used.Bytes, 10))
	p.add("reserved", strconv.FormatInt(s.Kept, 10))
	p.add("promised_regions", strconv.FormatInt(s.Used.Regions, 10))
	p.add("promised_nodes", strconv.FormatInt(s.Used.Nodes, 10))
	writeGrowth(p, s, now)
	p.end()
}

// writeGrowth tells how fast it goes, and how long that can go on.
func writeGrowth(p *pairs, s *accounts.State, now time.Time) {
	p.add("rate", strconv.FormatInt(s.Growth.Rate(now), 10))
	full := "max"
	if in, ok := s.Growth.FullIn(now); ok {
		full = strconv.FormatInt(int64(in/time.Second), 10)
	}
	p.add("full_in", full)
}

func maxOr(n int64) string {
	if n == 0 {
		return "max"
	}
	return strconv.FormatInt(n, 10)
}

// Write changes limits: "directory models bytes=2G", "user 1000 regions=100", "mount largest=1G". A name with a space
// is in double quotes. Every refusal has a reason and a remedy, so that it is found in `errors`.
func (f limitsFile) Write(_ context.Context, _ fs.Caller, command []byte) error {
	err := f.write(strings.TrimSpace(string(command)))
	var r *regions.Refusal
	if err == nil || errors.As(err, &r) {
		return err
	}
	return &regions.Refusal{Code: fs.CodeOf(err), Reason: fmt.Sprintf("%s: %v", oneLine(string(command)), err),
		Remedy: "write a subject and limits, such as: directory models bytes=2G,regions=100", Err: err}
}

func (f limitsFile) write(line string) error {
	if strings.ContainsAny(line, "\n\r\x00") {
		return fmt.Errorf("more than one line in one write: %w", regions.Invalid)
	}
	word, rest, _ := strings.Cut(line, " ")
	kind, ok := accounts.ParseKind(word)
	if !ok {
		return fmt.Errorf("no subject is called %q: want %s: %w", word, subjectNames(), regions.Invalid)
	}
	m, of := f.d.sources.Tree().Arena(), accounts.Subject{}
	if kind != accounts.Mount {
		name, after, err := cutWord(strings.TrimSpace(rest))
		if err != nil {
			return fmt.Errorf("%w: %w", err, regions.Invalid)
		}
		rest = after
		if of, err = subjectOf(m, kind, name); err != nil {
			return err
		}
	}
	return setLimit(m, of, strings.TrimSpace(rest))
}

// subjectNames lists what a line can begin with.
func subjectNames() string {
	names := []string{accounts.Mount.String(), accounts.OfDirectory.String()}
	for _, k := range accounts.SubjectKinds() {
		names = append(names, k.String())
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// subjectOf answers whose account a name means.
func subjectOf(m *regions.Manager, kind accounts.Kind, name string) (accounts.Subject, error) {
	if kind != accounts.OfDirectory {
		x, err := accounts.ParseSubject(kind, name)
		if err != nil {
			return x, fmt.Errorf("%w: %w", err, regions.Invalid)
		}
		return x, nil
	}
	a, err := find(m, strings.Trim(name, "/"))
	switch {
	case err != nil:
		return accounts.Subject{}, fmt.Errorf("directory %q: %w", name, err)
	case !a.IsDir():
		return accounts.Subject{}, fmt.Errorf("%q: %w", name, regions.NotDir)
	}
	return accounts.Subject{Kind: kind, ID: uint64(a.Node)}, nil
}

// setLimit sets limits, or one of the other settings of a directory.
func setLimit(m *regions.Manager, of accounts.Subject, text string) error {
	key, value, _ := strings.Cut(text, "=")
	if key == "reserve" && (value == "now" || value == "later") {
		key = "pages" // of what is reserved by fallocate
	}
	attribute := map[string]string{
		"writes": regions.WritesXattr, "overcommit": regions.OvercommitXattr, "pages": regions.PagesXattr,
	}[key]
	if attribute == "" {
		return m.SetLimits(of, text)
	}
	if of.Kind == accounts.Mount && key == "pages" {
		of.ID = uint64(regions.RootNode)
	} else if of.Kind != accounts.OfDirectory {
		return fmt.Errorf("%s is set for a directory, or for all with %s=%s > .ctl/config: %w", key, key, value, regions.Invalid)
	}
	if value != "inherit" {
		return m.Setxattr(regions.NodeID(of.ID), attribute, []byte(value), 0)
	}
	if err := m.Removexattr(regions.NodeID(of.ID), attribute); err != nil && !errors.Is(err, regions.NoData) {
		return err
	}
	return nil
}

// Limit is a line of `limits`. No limit is regions.Unlimited.
type Limit struct {
	Subject         string `json:"subject"` // mount, directory, user, group, owner, cgroup, label
	Name            string `json:"name"`    // a path, a number, or a label; "" for the mount
	Bytes           int64  `json:"bytes"`
	Regions         int64  `json:"regions"`
	Nodes           int64  `json:"nodes"`
	Largest         int64  `json:"largest"`
	SoftBytes       int64  `json:"soft_bytes"`
	SoftRegions     int64  `json:"soft_regions"`
	Reserve         int64  `json:"reserve"`
	Throttle        int64  `json:"throttle"`   // percent of bytes
	Writes          string `json:"writes"`     // auto, strict, fast, inherit
	Overcommit      string `json:"overcommit"` // true, false, inherit
	Pages           string `json:"pages"`      // now, later, inherit
	Promised        int64  `json:"promised"`
	Reserved        int64  `json:"reserved"` // below it, and not used
	PromisedRegions int64  `json:"promised_regions"`
	PromisedNodes   int64  `json:"promised_nodes"`
	Rate            int64  `json:"rate"`    // of what is promised, in bytes a second
	FullIn          int64  `json:"full_in"` // seconds until a limit is reached at that rate
}

// ReadLimits reads `limits`.
func ReadLimits(r io.Reader) ([]Limit, error) {
	return readPairs(r, func(p map[string]string) (x Limit, err error) {
		x = Limit{Subject: p["subject"], Name: p["name"], Writes: p["writes"], Overcommit: p["overcommit"], Pages: p["pages"]}
		err = numbers(p, map[string]*int64{
			"bytes": &x.Bytes, "regions": &x.Regions, "nodes": &x.Nodes, "largest": &x.Largest, "soft_bytes": &x.SoftBytes,
			"soft_regions": &x.SoftRegions, "reserve": &x.Reserve, "throttle": &x.Throttle, "promised": &x.Promised, "reserved": &x.Reserved,
			"promised_regions": &x.PromisedRegions, "promised_nodes": &x.PromisedNodes, "rate": &x.Rate, "full_in": &x.FullIn,
		})
		return x, err
	})
}

// numbers reads integers, regions.Unlimited for max.
func numbers(p map[string]string, into map[string]*int64) error {
	for key, n := range into {
		if p[key] == "max" {
			*n = regions.Unlimited
			continue
		}
		v, err := strconv.ParseInt(p[key], 10, 64)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		*n = v
	}
	return nil
}
