//go:build linux

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// unit is how a figure is printed. Samples are nanoseconds, or bytes a second.
type unit int

const (
	nanoseconds unit = iota
	microseconds
	milliseconds
	gigabytes
)

func (u unit) format(v float64) string {
	switch u {
	case nanoseconds:
		return digits(v) + " ns"
	case microseconds:
		return digits(v/1e3) + " µs"
	case milliseconds:
		return digits(v/1e6) + " ms"
	default:
		return digits(v/1e9) + " GB/s"
	}
}

// digits keeps three of them: more would be noise.
func digits(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// thousands writes 10000 as 10,000.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// table renders the results, a column a contender: median, and the 99th percentile where there are enough samples.
func table(results []*result) string {
	var b strings.Builder
	b.WriteString("| Work | tmpfs at /dev/shm | go-fuse loopback | shmfs | to tmpfs | to loopback | shmfs must reach | |\n" +
		"|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", r.title,
			r.figure(tmpfs), r.figure(loopback), r.figure(shmfs), r.against(tmpfs), r.against(loopback),
			r.target.text(r.row), r.verdict())
	}
	return b.String()
}

func (r *result) figure(contender string) string {
	m, ok := r.median(contender)
	if !ok {
		return "–"
	}
	text := r.unit.format(m)
	if len(r.all[contender]) >= 1000 {
		text += " (p99 " + r.unit.format(r.tail(contender)) + ")"
	}
	return text
}

func (r *result) against(contender string) string {
	ratio, ok := r.ratio(shmfs, contender)
	if !ok {
		return "–"
	}
	return digits(ratio)
}

func (r *result) verdict() string {
	met, ok := r.reached()
	if !ok {
		return ""
	}
	return verdict(met)
}

func verdict(met bool) string {
	if met {
		return "reached"
	}
	return "**missed**"
}

func (t target) text(r row) string {
	if t.limit == 0 {
		return ""
	}
	sign := "≤"
	if r.higher {
		sign = "≥"
	}
	text := fmt.Sprintf("%s %s × %s", sign, strconv.FormatFloat(t.limit, 'f', -1, 64), t.against)
	if t.p99 > 0 {
		text += ", p99 ≤ " + milliseconds.format(t.p99)
	}
	return text
}
