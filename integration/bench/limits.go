//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// limitsResult is what limits cost in one kind of work.
type limitsResult struct {
	What, Against string
	Figure, Other float64 // median nanoseconds, of shmfs with limits and of what it is compared with; 0 for nothing
	Ratio         float64 // median over rounds
	Most          float64 // that the ratio may be, or the figure where it is compared with nothing; 0 for no limit
}

func (l limitsResult) reached() bool {
	if l.Other == 0 {
		return l.Figure <= l.Most
	}
	return l.Ratio <= l.Most
}

// What a limit costs is less than the noise of a round, so those that it is measured on take turns more often.
const (
	limitsNested = 10
	limitsEach   = 20
	limitsRounds = 20
)

// measureLimits measures what limits cost, each work on mounts of its own.
func measureLimits(ctx context.Context, o options, r *report, progress io.Writer) error {
	for _, m := range []struct {
		name    string
		measure func(context.Context, options, *report) error
	}{{"writes", measureStrict}, {"nested", measureNested}, {"growers", measureGrowers}, {"usage", measureUsage}} {
		fmt.Fprintln(progress, "measuring: limits,", m.name)
		if err := m.measure(ctx, o, r); err != nil {
			return fmt.Errorf("limits, %s: %w", m.name, err)
		}
	}
	return nil
}

// tell writes to a control file of shmfs.
func (c *contender) tell(file, line string) error {
	return os.WriteFile(filepath.Join(c.control, file), []byte(line), 0)
}

// withAll starts contenders, and stops them at the end.
func withAll(ctx context.Context, o options, start []starter, do func(all []*contender) error) (err error) {
	var all []*contender
	defer func() {
		for _, c := range all {
			err = errors.Join(err, c.stop())
		}
	}()
	for _, s := range start {
		c, err := s(ctx, o)
		if err != nil {
			return err
		}
		all = append(all, c)
	}
	return do(all)
}

// measureStrict compares what writes cost that ask first, and reads beside them.
func measureStrict(ctx context.Context, o options, r *report) error {
	plain := func(ctx context.Context, o options) (*contender, error) { return startLoopbackWith(ctx, o, plainFlag) }
	strict := func(ctx context.Context, o options) (*contender, error) {
		return startShmfsWith(ctx, o, "--writes", "strict")
	}
	err := withAll(ctx, o, []starter{plain, strict}, func(all []*contender) error {
		results, err := interleave(ctx, descriptorWork(unix.O_RDWR, pwrite), all, o)
		r.limit(results, "pwrite of 4 KiB, writes=strict", loopback+" without passthrough", shmfs, loopback, 1.2)
		return err
	})
	if err != nil {
		return err
	}
	return withAll(ctx, o, []starter{startDevShm, strict}, func(all []*contender) error {
		results, err := interleave(ctx, descriptorWork(unix.O_RDONLY, pread), all, o)
		r.limit(results, "pread of 4 KiB from a read-only descriptor, writes=strict", tmpfs, shmfs, tmpfs, 1.5)
		return err
	})
}

// limit adds the first of the results, of a over b.
func (r *report) limit(results []*result, what, against, a, b string, most float64) {
	if len(results) == 0 {
		return
	}
	l := limitsResult{What: what, Against: against, Most: most}
	l.Figure, _ = results[0].median(a)
	l.Other, _ = results[0].median(b)
	l.Ratio, _ = results[0].ratio(a, b)
	r.limits = append(r.limits, l)
}

// descriptorWork reads or writes 4 KiB at random places of a touched region.
func descriptorWork(flags int, do func(fd int, p []byte, off int) (int, error)) work {
	const size, block = 64 << 20, 4096
	return work{
		name: "limits",
		rows: []row{{unit: microseconds}},
		prepare: func(c *contender) (task, error) {
			path := filepath.Join(c.dir, "limits")
			m, err := newRegion(path, size)
			if err != nil {
				return task{}, err
			}
			m.touch()
			fd, err := open(cpath(path), flags)
			buffer := make([]byte, block)
			round := func() ([][]float64, error) {
				samples, err := batches(100, func() error {
					_, err := do(fd, buffer, rand.IntN(size/block)*block)
					return err
				})
				return [][]float64{samples}, err
			}
			end := func() error { return errors.Join(closeFd(fd), m.unmap(), os.Remove(path)) }
			return task{round, end}, err
		},
	}
}

// measureNested compares a directory with ten limits above it with one that has none, both as deep, on one mount.
func measureNested(ctx context.Context, o options, r *report) error {
	o.rounds *= limitsRounds
	return withAll(ctx, o, []starter{startShmfs}, func(all []*contender) error {
		free, limited := *all[0], *all[0]
		free.name, limited.name = "free", "limited"
		for _, c := range []*contender{&free, &limited} {
			for n := range limitsNested {
				c.dir = filepath.Join(c.dir, fmt.Sprint(c.name, n))
				if err := os.Mkdir(c.dir, 0o755); err != nil {
					return err
				}
				// Both are strict: what is measured are limits, and not how files are opened.
				path := strings.TrimPrefix(c.dir, all[0].dir+"/")
				err := all[0].tell("limits", "directory "+path+" writes=strict")
				if c == &limited {
					err = errors.Join(err, all[0].tell("limits", "directory "+path+" bytes=1G,regions=1000"))
				}
				if err != nil {
					return err
				}
			}
		}
		results, err := interleave(ctx, growWork(), []*contender{&free, &limited}, o)
		against := "no limits"
		r.limit(results[:min(len(results), 1)], fmt.Sprintf("create below %d nested limits", limitsNested), against, "limited", "free", 1.1)
		if len(results) > 1 {
			r.limit(results[1:], fmt.Sprintf("ftruncate below %d nested limits", limitsNested), against, "limited", "free", 1.1)
		}
		return err
	})
}

// growWork makes regions, and lets them grow.
func growWork() work {
	return work{
		name: "limits",
		rows: []row{{unit: microseconds}, {unit: microseconds}},
		prepare: func(c *contender) (task, error) {
			made := 0
			round := func() ([][]float64, error) {
				samples := [][]float64{make([]float64, limitsEach), make([]float64, limitsEach)}
				for i := range limitsEach {
					made++
					create, grow, err := timeGrow(cpath(filepath.Join(c.dir, fmt.Sprint("g", made))))
					if err != nil {
						return nil, err
					}
					samples[0][i], samples[1][i] = create, grow
				}
				return samples, nil
			}
			return task{round, func() error { return nil }}, nil
		},
	}
}

func timeGrow(path *byte) (create, grow float64, err error) {
	start := time.Now()
	fd, err := open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	create = since(start)
	if err != nil {
		return 0, 0, err
	}
	start = time.Now()
	err = truncate(fd, 64<<10)
	grow = since(start)
	return create, grow, errors.Join(err, closeFd(fd), unlink(path))
}

// measureGrowers lets one grower, and sixteen at once, make regions of their own larger below ten nested limits: a lock
// that were held for long would let sixteen do less than one.
func measureGrowers(ctx context.Context, o options, r *report) error {
	return withAll(ctx, o, []starter{startShmfs}, func(all []*contender) error {
		dir := all[0].dir
		for n := range limitsNested {
			dir = filepath.Join(dir, fmt.Sprint("n", n))
			err := errors.Join(os.Mkdir(dir, 0o755),
				all[0].tell("limits", "directory "+strings.TrimPrefix(dir, all[0].dir+"/")+" bytes=4G,regions=1000"))
			if err != nil {
				return err
			}
		}
		one, many := &contender{name: "one", dir: dir}, &contender{name: "many", dir: dir}
		results, err := interleave(ctx, growersWork(), []*contender{one, many}, o)
		r.limit(results, "ftruncate of 16 growers at once, a change", "one grower", "many", "one", 1)
		return err
	})
}

// growersWork answers the nanoseconds of one change, over all growers.
func growersWork() work {
	const changes = 1600
	return work{
		name: "limits",
		rows: []row{{unit: microseconds}},
		prepare: func(c *contender) (task, error) {
			growers := 1
			if c.name == "many" {
				growers = 16
			}
			files := make([]int, growers)
			for i := range files {
				fd, err := unix.Open(filepath.Join(c.dir, fmt.Sprint(c.name, i)), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
				if err != nil {
					return task{}, err
				}
				files[i] = fd
			}
			round := func() ([][]float64, error) {
				var all sync.WaitGroup
				errs := make([]error, growers)
				start := time.Now()
				for i, fd := range files {
					all.Go(func() {
						for n := range changes / growers {
							// Each change is another size, so that each one is counted.
							errs[i] = errors.Join(errs[i], unix.Ftruncate(fd, int64(n%64+1)<<16))
						}
					})
				}
				all.Wait()
				return [][]float64{{since(start) / changes}}, errors.Join(errs...)
			}
			end := func() error {
				var err error
				for _, fd := range files {
					err = errors.Join(err, unix.Close(fd))
				}
				return err
			}
			return task{round, end}, nil
		},
	}
}

// usageMost is how long reading one of the files of .ctl/usage may take, in nanoseconds.
const usageMost = 50e6

// measureUsage reads .ctl/usage with many regions, the first time right after they were made.
func measureUsage(ctx context.Context, o options, r *report) error {
	n := min(o.many, 100_000)
	return withAll(ctx, o, []starter{startShmfs}, func(all []*contender) error {
		if err := populate(ctx, all[0].dir, n); err != nil {
			return err
		}
		first := map[string]float64{}
		var rest []float64
		for range o.rounds {
			for _, kind := range []string{"directory", "user", "group", "owner"} {
				start := time.Now()
				if _, err := os.ReadFile(filepath.Join(all[0].control, "usage", kind)); err != nil {
					return err
				}
				took := since(start)
				if _, seen := first[kind]; !seen {
					first[kind] = took
					continue
				}
				rest = append(rest, took)
			}
		}
		what := fmt.Sprintf("reading a file of .ctl/usage, %s regions", thousands(n))
		r.limits = append(r.limits,
			limitsResult{What: what + ", the first time", Figure: first["directory"], Most: usageMost},
			limitsResult{What: what + ", afterwards, the slowest", Figure: quantile(rest, 1), Most: usageMost})
		return nil
	})
}

// limitsTable renders the results.
func limitsTable(all []limitsResult) string {
	var b strings.Builder
	b.WriteString("| Limits | shmfs | compared with | | ratio | must reach | |\n|---|---|---|---|---|---|---|\n")
	for _, l := range all {
		if l.Other == 0 {
			fmt.Fprintf(&b, "| %s | %s | – | – | – | ≤ %s | %s |\n", l.What, milliseconds.format(l.Figure), milliseconds.format(l.Most),
				verdict(l.reached()))
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | ≤ %s | %s |\n", l.What, microseconds.format(l.Figure), l.Against,
			microseconds.format(l.Other), digits(l.Ratio), digits(l.Most), verdict(l.reached()))
	}
	return b.String()
}
