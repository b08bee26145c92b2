//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tripResult is what one act sends to the server: requests by kind, an act.
type tripResult struct {
	Contender string
	Act       string
	Requests  map[string]float64
	Reads     float64 // read(2) calls of the server, an act, as the kernel counts them: each request is at least one
}

// act is something a client does, n times with different names.
type act struct {
	name string
	do   func(c *contender, n int) error
}

const tripActs = 100 // of each kind, so that one request more or less does not show

// measureTrips counts requests, on mounts of their own: counting slows the loopback server down.
func measureTrips(ctx context.Context, o options, r *report) (err error) {
	for _, name := range o.contenders {
		switch name {
		case loopback:
			err = tripsOf(ctx, o, r, func(ctx context.Context, o options) (*contender, error) {
				return startLoopbackWith(ctx, o, countFlag)
			})
		case shmfs:
			err = tripsOf(ctx, o, r, startShmfs)
		}
		if err != nil {
			return fmt.Errorf("counting the requests of %s: %w", name, err)
		}
	}
	return nil
}

func tripsOf(ctx context.Context, o options, r *report, start starter) (err error) {
	c, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if _, err := newRegions(filepath.Join(c.dir, "trips"), tripActs); err != nil {
		return err
	}
	for _, a := range acts() {
		t := tripResult{Contender: c.name, Act: a.name}
		if err := t.count(c, a); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		r.trips = append(r.trips, t)
	}
	return nil
}

func acts() []act {
	each := func(f func(path *byte, n int) error) func(*contender, int) error {
		return func(c *contender, n int) error {
			return f(cpath(fmt.Sprintf("%s/trips/r%06d", c.dir, n)), n)
		}
	}
	fresh := func(c *contender, n int) *byte { return cpath(fmt.Sprintf("%s/trips/new%d", c.dir, n)) }
	var st unix.Stat_t
	return []act{
		{"open + mmap + close", each(func(p *byte, _ int) error { _, err := timeOpen(p); return err })},
		{"stat", each(func(p *byte, _ int) error { return statAt(noDir, p, &st) })},
		{"create + ftruncate + mmap + close, then unlink", func(c *contender, n int) error {
			_, _, err := timeCreate(fresh(c, n))
			return err
		}},
		{"readdir + stat of 100", func(c *contender, _ int) error {
			_, err := newLister(filepath.Join(c.dir, "trips")).time(tripActs, false)
			return err
		}},
		{"`ls -l` of 100", func(c *contender, _ int) error {
			_, err := newLister(filepath.Join(c.dir, "trips")).time(tripActs, true)
			return err
		}},
	}
}

// count subtracts what the counting itself asks: two readings with nothing between.
func (t *tripResult) count(c *contender, a act) error {
	first, err1 := c.requests()
	idle, err2 := c.requests()
	err := quietly(func() error {
		var errs []error
		for n := range tripActs {
			errs = append(errs, a.do(c, n))
		}
		return errors.Join(errs...)
	})
	after, err3 := c.requests()
	if err := errors.Join(err1, err2, err, err3); err != nil {
		return err
	}
	t.Requests = map[string]float64{}
	for kind := range after {
		own := idle[kind] - first[kind]
		if n := after[kind] - idle[kind] - own; n > 0 {
			t.Requests[kind] = float64(n) / tripActs
		}
	}
	t.Reads = t.Requests[readCalls]
	delete(t.Requests, readCalls)
	return nil
}

// readCalls stands among the kinds of requests for the server's read(2) calls.
const readCalls = "read(2)"

// requests answers how many requests a server has had, by kind.
func (c *contender) requests() (map[string]int, error) {
	time.Sleep(50 * time.Millisecond) // RELEASE and FORGET come when the kernel gets round to it
	counts, err := c.counts()
	if err != nil {
		return nil, err
	}
	for _, pid := range c.pids {
		n, err := procValue(fmt.Sprintf("/proc/%d/io", pid), "syscr:")
		if err != nil {
			return nil, err
		}
		counts[readCalls] += n
	}
	return counts, nil
}

// countsInStats reads the counters of a shmfs mount.
func countsInStats(c *contender) func() (map[string]int, error) {
	return func() (map[string]int, error) {
		stats, err := c.stats()
		counts := map[string]int{}
		for key, value := range stats {
			if kind, ok := operation(key); ok {
				counts[kind], _ = strconv.Atoi(value)
			}
		}
		return counts, err
	}
}

// operation reads a key of .ctl/stats such as "operations_lookup_total".
func operation(key string) (kind string, ok bool) {
	kind, ok = strings.CutPrefix(key, "operations_")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(kind, "_total")
}

// countsOf asks the counting loopback server: it answers a signal with a line of JSON.
func countsOf(server *os.Process, lines *json.Decoder) func() (map[string]int, error) {
	return func() (map[string]int, error) {
		if err := server.Signal(unix.SIGUSR1); err != nil {
			return nil, err
		}
		counts := map[string]int{}
		return counts, lines.Decode(&counts)
	}
}

func tripsTable(all []tripResult) string {
	var b strings.Builder
	b.WriteString("| Act | Contender | Requests an act | read(2) calls of the server |\n|---|---|---|---|\n")
	for _, t := range all {
		var parts []string
		total := 0.0
		for _, kind := range slices.Sorted(maps.Keys(t.Requests)) {
			parts = append(parts, strings.ToLower(kind)+" "+digits(t.Requests[kind]))
			total += t.Requests[kind]
		}
		fmt.Fprintf(&b, "| %s | %s | %s: %s | %s |\n", t.Act, t.Contender, digits(total), strings.Join(parts, ", "), digits(t.Reads))
	}
	return b.String()
}
