package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/regions"
)

// topRow is a line of top: a subject, or a region.
type topRow struct {
	name    string // as it is shown
	usage   *control.Usage
	region  *region
	rate    int64 // bytes a second
	lastUse time.Duration
}

// topColumn is one fact of a row.
type topColumn struct {
	name, head string
	text       func(r *topRow) string
	number     func(r *topRow) int64 // sorted by, the largest first; nil for the text, the first first
}

const regionSubject = "region"

// topUsages are the subjects of usage that top can show: as many as there is room for in 80 columns.
var topUsages = []string{"directory", "user", "group", "owner", "cgroup", "label", "session"}

// topSubjects are what top can show, in the order of its keys.
func topSubjects() []string { return append(slices.Clone(topUsages), regionSubject) }

// topColumns are those of a subject. The first one is what it is sorted by where nothing is said.
func topColumns(subject string) []topColumn {
	if subject == regionSubject {
		return []topColumn{
			sizeColumn("size", "SIZE", func(r *topRow) int64 { return r.region.Size }),
			sizeColumn("resident", "RESIDENT", func(r *topRow) int64 { return r.region.Resident }),
			rateColumn(),
			{"opens", "OPENS", func(r *topRow) string { return fmt.Sprint(r.region.Opens) },
				func(r *topRow) int64 { return int64(r.region.Opens) }},
			{"used", "USED", func(r *topRow) string { return since(r.lastUse) }, func(r *topRow) int64 { return -int64(r.lastUse) }},
			{"owner", "OWNER", func(r *topRow) string { return r.region.owner }, nil},
			{"name", "PATH", func(r *topRow) string { return r.name }, nil},
		}
	}
	return []topColumn{
		sizeColumn("promised", "PROMISED", func(r *topRow) int64 { return r.usage.Promised }),
		sizeColumn("resident", "RESIDENT", func(r *topRow) int64 { return r.usage.Resident }),
		{"limit", "LIMIT", func(r *topRow) string { return sizeOrMax(r.usage.LimitBytes) },
			func(r *topRow) int64 { return r.usage.LimitBytes }},
		{"use", "USE", func(r *topRow) string { return percent(r.usage) }, func(r *topRow) int64 { return perMille(r.usage) }},
		rateColumn(),
		{"full", "FULL IN", func(r *topRow) string { return fullIn(r.usage.FullIn) },
			func(r *topRow) int64 { return -r.usage.FullIn }},
		{"regions", "REGIONS", func(r *topRow) string { return fmt.Sprint(r.usage.Regions) },
			func(r *topRow) int64 { return r.usage.Regions }},
		{"name", strings.ToUpper(subject), func(r *topRow) string { return r.name }, nil},
	}
}

func sizeColumn(name, head string, of func(r *topRow) int64) topColumn {
	return topColumn{name, head, func(r *topRow) string { return regions.FormatSize(of(r)) }, of}
}

func rateColumn() topColumn {
	return topColumn{"rate", "RATE", func(r *topRow) string { return rateOf(r.rate) }, func(r *topRow) int64 { return r.rate }}
}

// topSorts are the names of all columns.
func topSorts() []string {
	var names []string
	for _, subject := range []string{topUsages[0], regionSubject} {
		for _, c := range topColumns(subject) {
			if !slices.Contains(names, c.name) {
				names = append(names, c.name)
			}
		}
	}
	return names
}

// perMille is how much of a limit is used.
func perMille(u *control.Usage) int64 {
	if u.LimitBytes == regions.Unlimited || u.LimitBytes <= 0 {
		return 0
	}
	return int64(float64(u.Promised+u.Reserved) / float64(u.LimitBytes) * 1000)
}

func percent(u *control.Usage) string {
	if u.LimitBytes == regions.Unlimited {
		return "-"
	}
	return fmt.Sprintf("%d%%", perMille(u)/10)
}

// since is a time that has passed, in its largest unit.
func since(d time.Duration) string {
	now := time.Time{}.Add(time.Hour + d)
	return strings.TrimSuffix(ago(now, now.Add(-d)), " ago")
}

// topView is how somebody wants to see it.
type topView struct {
	subject string
	column  int // that it is sorted by
	reverse bool
}

// topSnapshot is what was read at a time.
type topSnapshot struct {
	time    time.Time
	point   string
	mount   control.Limit
	subject string
	rows    []*topRow
}

// summary is the mount in a line, of which the end may be cut off.
func (s *topSnapshot) summary() string {
	m := &s.mount
	text := regions.FormatSize(m.Promised + m.Reserved)
	if m.Bytes != regions.Unlimited {
		text += " of " + regions.FormatSize(m.Bytes)
	}
	text += " promised, " + count(int(m.PromisedRegions), "region")
	if m.Rate != 0 {
		text += ", " + rateOf(m.Rate)
	}
	if m.FullIn != regions.Unlimited {
		text += ", full in " + fullIn(m.FullIn)
	}
	return text + " (" + printable(s.point) + ")"
}

func (s *topSnapshot) sort(v topView) {
	column := topColumns(s.subject)[v.column]
	slices.SortFunc(s.rows, func(x, y *topRow) int {
		order := 0
		if column.number != nil {
			order = cmp.Compare(column.number(y), column.number(x))
		} else {
			order = strings.Compare(column.text(x), column.text(y))
		}
		if v.reverse {
			order = -order
		}
		return cmp.Or(order, strings.Compare(x.name, y.name))
	})
}

// document is the snapshot for programs.
func (s *topSnapshot) document() any {
	rows := make([]any, 0, len(s.rows))
	for _, r := range s.rows {
		if r.region != nil {
			rows = append(rows, &r.region.Region)
		} else {
			rows = append(rows, r.usage)
		}
	}
	return struct {
		Mount control.Limit `json:"mount"`
		By    string        `json:"by"`
		Rows  []any         `json:"rows"`
	}{s.mount, s.subject, rows}
}

// topReader reads snapshots, and remembers of the one before how large regions were.
type topReader struct {
	at     asked
	now    func() time.Time
	mu     sync.Mutex // held while it reads: a read that was given up may still be under way
	owners owners
	names  map[string]func(string) string
	sizes  map[string]int64 // of regions, by node
	sized  time.Time
}

func newTopReader(at asked, now func() time.Time) *topReader {
	t := &topReader{at: at, now: now, owners: owners{}, names: map[string]func(string) string{}}
	for _, subject := range topUsages {
		t.names[subject] = nameReader(subject)
	}
	return t
}

func (t *topReader) read(subject string) (*topSnapshot, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &topSnapshot{point: t.at.Mountpoint, subject: subject}
	limits, err := t.at.Limits()
	if err != nil {
		return nil, err
	}
	if len(limits) > 0 {
		s.mount = limits[0]
	}
	s.time = t.now()
	if subject == regionSubject {
		return s, t.readRegions(s)
	}
	all, err := t.at.Usage(subject)
	for i := range all {
		s.rows = append(s.rows, &topRow{name: printable(t.names[subject](all[i].Name)), usage: &all[i], rate: all[i].Rate})
	}
	return s, err
}

func (t *topReader) readRegions(s *topSnapshot) error {
	sizes, passed := map[string]int64{}, s.time.Sub(t.sized).Seconds()
	for r, err := range t.at.Regions(t.at.path) {
		if err != nil {
			return err
		}
		row := &topRow{name: printable(r.Path), region: &region{r, t.owners.name(r.UID)}, lastUse: s.time.Sub(r.LastUsed)}
		if before, known := t.sizes[r.Node]; known && passed > 0 {
			row.rate = int64(float64(r.Size-before) / passed)
		}
		sizes[r.Node] = r.Size
		s.rows = append(s.rows, row)
	}
	t.sizes, t.sized = sizes, s.time
	return nil
}
