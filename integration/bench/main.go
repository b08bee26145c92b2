//go:build linux

// Command bench measures shmfs beside what it competes with, in one run: tmpfs at /dev/shm, and go-fuse's own loopback
// file system with passthrough over a tmpfs. The contenders take turns in random order, so that a machine that slows
// down slows all of them down; medians are compared, and ratios are of rounds that ran side by side.
//
// It needs root (passthrough does) and bin/shmfs, takes tens of minutes, and wants the machine to itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == serveCommand {
		os.Exit(serveLoopback(os.Args[2:]))
	}
	o, err := parseOptions(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options say what is measured and how often. Sizes are bytes.
type options struct {
	rows       string // those whose title contains it
	contenders []string
	binary     string
	noSlots    string // a shmfs built without slots
	rounds     int
	size       int
	few, many  int // regions present in the measurements of scale and of restarts
	kills      int
	lists      []int
	cold       bool
	out, json  string
}

func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.rows, "rows", "", "only works whose name contains this (memory, touch, io, open, create, stat, list, scale, restart, lives, slots, limits, trips)")
	contenders := f.String("contenders", "tmpfs,loopback,shmfs", "who takes part, comma separated")
	f.StringVar(&o.binary, "binary", "bin/shmfs", "the shmfs to measure")
	f.StringVar(&o.noSlots, "noslots", "bin/shmfs-noslots", "the same, built with -tags noslots")
	f.IntVar(&o.kills, "kills", 200, "kills of a server under a busy client; of an idle one a tenth of that")
	f.IntVar(&o.rounds, "rounds", 15, "rounds a work")
	f.IntVar(&o.size, "size", 1<<30, "bytes of the region that is mapped")
	f.IntVar(&o.few, "few", 1_000, "regions present, for comparison with many")
	f.IntVar(&o.many, "many", 1_000_000, "regions present")
	f.BoolVar(&o.cold, "cold", true, "also list with the kernel's caches dropped (the whole machine's)")
	f.StringVar(&o.out, "out", "", "markdown file whose text between the bench markers is replaced (default: print)")
	f.StringVar(&o.json, "json", "", "file for the figures (default: none)")
	quick := f.Bool("quick", false, "small sizes and few rounds: whether it works, not how fast it is")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.contenders = strings.Split(*contenders, ",")
	o.lists = []int{10_000, 100_000}
	if *quick {
		o.rounds, o.size, o.many, o.kills, o.lists = 3, 64<<20, 10_000, 20, []int{1_000, 10_000}
	}
	if o.size < 1<<20 || o.size&(o.size-1) != 0 {
		return o, fmt.Errorf("-size %d: want a power of two, at least 1 MiB", o.size)
	}
	return o, nil
}

// run measures and reports. Contenders are stopped whatever happens.
func run(ctx context.Context, o options, stdout io.Writer) error {
	report := newReport(o)
	if err := measure(ctx, o, report, stdout); err != nil {
		return err
	}
	return report.write(o, stdout)
}

func measure(ctx context.Context, o options, r *report, progress io.Writer) error {
	if err := measureWorks(ctx, o, r, progress); err != nil {
		return err
	}
	if o.wants("scale") {
		if err := measureScale(ctx, o, r, progress); err != nil {
			return err
		}
	}
	if err := measureServers(ctx, o, r, progress); err != nil {
		return err
	}
	if o.wants("trips") {
		return measureTrips(ctx, o, r)
	}
	return nil
}

// measureServers measures what no other contender can do.
func measureServers(ctx context.Context, o options, r *report, progress io.Writer) error {
	if !slices.Contains(o.contenders, shmfs) {
		return nil
	}
	if o.wants("restart") {
		if err := measureTakeover(ctx, o, r, progress); err != nil {
			return fmt.Errorf("restart: %w", err)
		}
	}
	if o.wants("lives") {
		if err := measureLives(ctx, o, r, progress); err != nil {
			return fmt.Errorf("lives: %w", err)
		}
	}
	if o.wants("limits") {
		if err := measureLimits(ctx, o, r, progress); err != nil {
			return err
		}
	}
	if o.wants("slots") {
		fmt.Fprintln(progress, "measuring: slots")
		if err := measureSlots(ctx, o, r); err != nil {
			return fmt.Errorf("slots: %w", err)
		}
	}
	return nil
}

func measureWorks(ctx context.Context, o options, r *report, progress io.Writer) (err error) {
	all, stop, err := startAll(ctx, o)
	defer func() { err = firstError(err, stop()) }()
	if err != nil {
		return err
	}
	for _, w := range works(o) {
		if !o.wants(w.name) {
			continue
		}
		fmt.Fprintln(progress, "measuring:", w.name)
		results, err := interleave(ctx, w, all, o)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		r.results = append(r.results, results...)
	}
	return nil
}

func (o options) wants(work string) bool { return strings.Contains(work, o.rows) }

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
