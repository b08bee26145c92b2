//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// report is what a run has found.
type report struct {
	options  options
	machine  machine
	date     time.Time
	results  []*result
	scale    []scaleResult
	takeover []takeoverResult
	lives    []livesResult
	slots    *slotsResult // nil if it was not measured
	limits   []limitsResult
	trips    []tripResult
}

func newReport(o options) *report {
	return &report{options: o, machine: describeMachine(), date: time.Now()}
}

// The text between these lines of the markdown file is the run's; what stands around it is a person's.
const (
	beginMark = "<!-- begin of what make bench writes -->\n"
	endMark   = "<!-- end of what make bench writes -->\n"
)

func (r *report) write(o options, stdout io.Writer) error {
	text := r.markdown()
	if _, err := io.WriteString(stdout, text); err != nil {
		return err
	}
	if o.out != "" {
		if err := replaceBetweenMarks(o.out, text); err != nil {
			return err
		}
	}
	if o.json == "" {
		return nil
	}
	figures, err := json.MarshalIndent(r.figures(), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(figures, '\n'), 0o644)
}

func replaceBetweenMarks(path, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	updated, err := splice(string(old), text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(updated), 0o644)
}

func splice(old, text string) (string, error) {
	before, rest, ok := strings.Cut(old, beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return "", fmt.Errorf("want the lines %q and %q around the figures", strings.TrimSpace(beginMark), strings.TrimSpace(endMark))
	}
	return before + beginMark + text + endMark + after, nil
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nMeasured on %s: %s. %d rounds, a region of %s MiB.\n",
		r.date.Format(time.DateOnly), r.machine, r.options.rounds, thousands(r.options.size>>20))
	if len(r.results) > 0 {
		fmt.Fprintf(&b, "\n%s", table(r.results))
	}
	if len(r.scale) > 0 {
		fmt.Fprintf(&b, "\n%s", scaleTable(r.options, r.scale))
	}
	if len(r.takeover) > 0 {
		fmt.Fprintf(&b, "\n%s", takeoverTable(r.takeover))
	}
	if len(r.lives) > 0 {
		fmt.Fprintf(&b, "\n%s", livesTable(r.lives))
	}
	if r.slots != nil {
		fmt.Fprintf(&b, "\n%s", r.slots)
	}
	if len(r.limits) > 0 {
		fmt.Fprintf(&b, "\n%s", limitsTable(r.limits))
	}
	if len(r.trips) > 0 {
		fmt.Fprintf(&b, "\nRequests to the server, counted by the server itself:\n\n%s", tripsTable(r.trips))
	}
	b.WriteString("\n")
	return b.String()
}

// figure is a row for programs: nanoseconds, or bytes a second where higher is better.
type figure struct {
	Work           string
	HigherIsBetter bool
	Median, Tail   map[string]float64
	ToTmpfs        float64 `json:",omitempty"`
	ToLoopback     float64 `json:",omitempty"`
	Reached        *bool   `json:",omitempty"`
}

func (r *report) figures() any {
	var rows []figure
	for _, res := range r.results {
		f := figure{Work: res.title, HigherIsBetter: res.higher, Median: map[string]float64{}, Tail: map[string]float64{}}
		for c := range res.all {
			f.Median[c], _ = res.median(c)
			f.Tail[c] = res.tail(c)
		}
		f.ToTmpfs, _ = res.ratio(shmfs, tmpfs)
		f.ToLoopback, _ = res.ratio(shmfs, loopback)
		if met, ok := res.reached(); ok {
			f.Reached = &met
		}
		rows = append(rows, f)
	}
	return struct {
		Date     time.Time
		Machine  machine
		Rows     []figure
		Scale    []scaleResult
		Takeover []takeoverResult
		Lives    []livesResult
		Slots    *slotsResult   `json:",omitempty"`
		Limits   []limitsResult `json:",omitempty"`
		Trips    []tripResult
	}{r.date, r.machine, rows, r.scale, r.takeover, r.lives, r.slots, r.limits, r.trips}
}
