package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/regions"
)

// region is a region as the mount tells it, with the name of its owner.
type region struct {
	control.Region
	owner string
}

// column is one fact about a region: what ls sorts and filters by.
type column struct {
	name   string
	kind   kind
	sort   bool // can be sorted by
	text   func(r *region) string
	number func(r *region, now time.Time) int64
}

// kind is how a column's value is written and compared.
type kind uint8

const (
	kindText kind = iota
	kindSize      // bytes
	kindCount
	kindFlag // no is 0, yes 1
	kindTime // nanoseconds since 1970
	kindAge  // nanoseconds
)

// columns lists them in the order of --help.
func columns() []column {
	return []column{
		textColumn("name", true, func(r *region) string { return r.Path }),
		numberColumn("size", kindSize, true, func(r *region) int64 { return r.Size }),
		numberColumn("resident", kindSize, true, func(r *region) int64 { return r.Resident }),
		{name: "created", kind: kindTime, sort: true, number: func(r *region, _ time.Time) int64 { return r.Created.UnixNano() }},
		{name: "used", kind: kindTime, sort: true, number: func(r *region, _ time.Time) int64 { return r.LastUsed.UnixNano() }},
		numberColumn("opens", kindCount, true, func(r *region) int64 { return int64(r.Opens) }),
		textColumn("path", false, func(r *region) string { return r.Path }),
		textColumn("id", false, func(r *region) string { return r.ID }),
		textColumn("owner", false, func(r *region) string { return r.owner }),
		textColumn("mode", false, func(r *region) string { return r.Mode }),
		numberColumn("uid", kindCount, false, func(r *region) int64 { return int64(r.UID) }),
		numberColumn("gid", kindCount, false, func(r *region) int64 { return int64(r.GID) }),
		numberColumn("in_use", kindFlag, false, func(r *region) int64 { return oneIf(r.InUse) }),
		{name: "age", kind: kindAge, number: func(r *region, now time.Time) int64 { return int64(now.Sub(r.Created)) }},
		{name: "idle", kind: kindAge, number: func(r *region, now time.Time) int64 { return int64(now.Sub(r.LastUsed)) }},
	}
}

func textColumn(name string, sort bool, text func(*region) string) column {
	return column{name: name, sort: sort, text: text}
}

func numberColumn(name string, k kind, sort bool, number func(*region) int64) column {
	return column{name: name, kind: k, sort: sort, number: func(r *region, _ time.Time) int64 { return number(r) }}
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func columnNamed(name string) (column, bool) {
	for _, c := range columns() {
		if c.name == name {
			return c, true
		}
	}
	return column{}, false
}

func sortable() []string {
	var names []string
	for _, c := range columns() {
		if c.sort {
			names = append(names, c.name)
		}
	}
	return names
}

// sorter answers the order by a column: texts upwards, numbers downwards because the largest and the latest are
// looked for. Equal ones stand by their paths.
func sorter(name string, reverse bool) (func(a, b *region) int, error) {
	c, ok := columnNamed(name)
	if !ok || !c.sort {
		return nil, usageError("one of "+strings.Join(sortable(), ", "), "cannot sort by %q", name)
	}
	by := func(a, b *region) int { return cmp.Compare(c.number(b, time.Time{}), c.number(a, time.Time{})) }
	if c.kind == kindText {
		by = func(a, b *region) int { return cmp.Compare(c.text(a), c.text(b)) }
	}
	return func(a, b *region) int {
		order := by(a, b)
		if reverse {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(a.Path, b.Path))
	}, nil
}

// parse reads a value of a filter.
func (k kind) parse(s string) (int64, error) {
	switch k {
	case kindSize:
		if s == "0" { // no size to mount with, but one to compare with
			return 0, nil
		}
		return regions.ParseSize(s)
	case kindFlag:
		return parseFlag(s)
	case kindTime:
		return parseTime(s)
	case kindAge:
		d, err := parseAge(s)
		return int64(d), err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return n, nil
}

func parseFlag(s string) (int64, error) {
	switch {
	case slices.Contains([]string{"yes", "true", "1"}, s):
		return 1, nil
	case slices.Contains([]string{"no", "false", "0"}, s):
		return 0, nil
	}
	return 0, fmt.Errorf("%q: want yes or no", s)
}

func parseTime(s string) (int64, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t.UnixNano(), nil
		}
	}
	return 0, fmt.Errorf("%q: want a date or a time, such as 2030-01-31 or 2030-01-31T12:00", s)
}

// parseAge reads a duration; days too, which time.ParseDuration has not because of daylight saving. Here one is 24 h.
func parseAge(s string) (time.Duration, error) {
	wrong := fmt.Errorf("%q: want a duration such as 90s, 10m, 3h or 2d", s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, wrong
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, wrong
	}
	return d, nil
}
