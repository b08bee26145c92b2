//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// livesResult is what it takes that regions end by themselves. Figures are nanoseconds, or a ratio.
type livesResult struct {
	What    string
	Samples []float64
	Limit   float64 // what the median must stay below
	Ratio   bool
}

// compared reports whether it stands there only for what it is compared with.
func (l *livesResult) compared() bool { return l.Limit == 0 }

func (l *livesResult) reached() bool { return quantile(l.Samples, 0.5) < l.Limit }

// How many owners with how many regions each are killed, and how often.
const (
	owners     = 1000
	eachOwner  = 10
	stormGrace = time.Second
	storms     = 5
	// idleLives is for how long an idle server is watched, and oneTick how much of the processor it may take: less than the
	// least that utime and stime (proc_pid_stat(5)) can tell.
	idleLives = 5 * time.Second
	oneTick   = 10 * time.Millisecond
	freely    = 1.05
)

// measureLives kills many owners at once, watches a server with many timers, and makes regions with and without an owner.
func measureLives(ctx context.Context, o options, r *report, progress io.Writer) (err error) {
	c, err := startShmfsWith(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	fmt.Fprintln(progress, "measuring: lives")
	if err := measureStorms(ctx, c, r); err != nil {
		return err
	}
	if err := measureOwned(ctx, o, r); err != nil {
		return err
	}
	return measureTimers(ctx, c, o, r)
}

// say sets an extended attribute, on a directory that it makes.
func say(dir, name, value string) error {
	return errors.Join(os.MkdirAll(dir, 0o755), unix.Setxattr(dir, "user.shmfs."+name, []byte(value), 0))
}

// stormPlace is where owners make regions, and where a client works meanwhile.
type stormPlace struct {
	name       string
	jobs       string
	elsewhere  string
	regionsEnd bool
	took, p99  []float64
}

// measureStorms kills owners whose regions end, and by turns as many whose regions stay, there and on tmpfs: what a client
// waits for without any end is what the machine makes it wait.
func measureStorms(ctx context.Context, c *contender, r *report) (err error) {
	plain, err := os.MkdirTemp("/dev/shm", "shmfs-bench-storm-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(plain)) }()
	all := []*stormPlace{
		{name: "end", jobs: filepath.Join(c.dir, "jobs"), elsewhere: filepath.Join(c.dir, "elsewhere"), regionsEnd: true},
		{name: "stay (lifetime manual)", jobs: filepath.Join(c.dir, "manual"), elsewhere: filepath.Join(c.dir, "elsewhere")},
		{name: "stay, on tmpfs", jobs: filepath.Join(plain, "jobs"), elsewhere: filepath.Join(plain, "elsewhere")},
	}
	for _, p := range all {
		if err := errors.Join(os.MkdirAll(p.jobs, 0o755), os.MkdirAll(p.elsewhere, 0o755)); err != nil {
			return err
		}
	}
	if err := say(all[0].jobs, "lifetime", "owner,grace="+stormGrace.String()); err != nil {
		return err
	}
	for range storms {
		meanwhile := time.Duration(0)
		for _, p := range all {
			took, p99, err := p.storm(ctx, meanwhile)
			if err != nil {
				return err
			}
			if p.regionsEnd {
				meanwhile = max(time.Duration(took), leastStorm)
			}
			p.took, p.p99 = append(p.took, took), append(p.p99, p99)
		}
	}
	r.lives = append(r.lives, livesResult{What: fmt.Sprintf("%s owners of %d regions each are killed: from the end of the grace "+
		"period until nothing is left", thousands(owners), eachOwner), Samples: all[0].took, Limit: 1e9})
	for _, p := range all {
		x := livesResult{What: "99th percentile of a client's calls meanwhile, while the regions " + p.name, Samples: p.p99}
		if p.regionsEnd {
			x.Limit = 1e6
		}
		r.lives = append(r.lives, x)
	}
	return nil
}

// leastStorm is for how long at least a client is watched where nothing ends.
const leastStorm = 100 * time.Millisecond

// storm kills owners, and answers how long after the grace period their regions were there, and what a client waited: until
// they were gone, or for a time.
func (p *stormPlace) storm(ctx context.Context, meanwhile time.Duration) (took, p99 float64, err error) {
	cmd, err := startOwners(ctx, p.jobs)
	if err != nil {
		return 0, 0, err
	}
	calls := startCalls(p.elsewhere)
	killed := time.Now()
	err = errors.Join(unix.Kill(-cmd.Process.Pid, unix.SIGKILL))
	cmd.Wait() // by a signal
	time.Sleep(time.Until(killed.Add(stormGrace)))
	due := time.Now()
	switch {
	case err != nil:
	case p.regionsEnd:
		err = untilGone(ctx, p.jobs)
	default:
		time.Sleep(meanwhile)
	}
	took = max(since(killed)-float64(stormGrace), 0)
	samples, failed := calls.end(due)
	if !p.regionsEnd {
		err = errors.Join(err, os.RemoveAll(p.jobs), os.Mkdir(p.jobs, 0o755))
	}
	return took, quantile(samples, 0.99), errors.Join(err, failed)
}

// startOwners starts processes that have made their regions.
func startOwners(ctx context.Context, dir string) (*exec.Cmd, error) {
	script := fmt.Sprintf(`cd "$1" && for i in $(seq %d); do
		( for j in $(seq %d); do echo > $i-$j; done; echo made; exec sleep 600 ) & done; wait`, owners, eachOwner)
	cmd := exec.CommandContext(ctx, "bash", "-c", script, "bash", dir)
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for range owners {
		if !lines.Scan() {
			return nil, errors.Join(errors.New("the owners ended early"), unix.Kill(-cmd.Process.Pid, unix.SIGKILL), cmd.Wait())
		}
	}
	return cmd, nil
}

// untilGone waits until nothing is left, looking at some of the regions only, so as not to be what is measured.
func untilGone(ctx context.Context, dir string) error {
	const sampled = 50
	for i := 0; i < owners; i += owners / sampled {
		for there(fmt.Sprintf("%s/%d-%d", dir, owners-i, eachOwner)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		names, err := os.ReadDir(dir)
		if err != nil || len(names) == 0 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d regions are left", len(names))
		}
	}
}

func there(path string) bool {
	var st unix.Stat_t
	return statAt(noDir, cpath(path), &st) == nil
}

// calls is a client that makes, looks at and removes a region, some thousand times a second at most.
type calls struct {
	stop chan struct{}
	done chan error
	took []call
}

type call struct {
	begun time.Time
	took  float64
}

func startCalls(dir string) *calls {
	c := &calls{stop: make(chan struct{}), done: make(chan error, 1)}
	go func() { c.done <- quietly(func() error { return c.run(cpath(filepath.Join(dir, "region"))) }) }()
	return c
}

func (c *calls) run(path *byte) error {
	const pause = 100 * time.Microsecond
	var st unix.Stat_t
	fd := -1
	for {
		select {
		case <-c.stop:
			return nil
		default:
		}
		for _, act := range []func() error{
			func() (err error) { fd, err = open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL); return err },
			func() error { return closeFd(fd) },
			func() error { return statAt(noDir, path, &st) },
			func() error { return unlink(path) },
		} {
			begun := time.Now()
			if err := act(); err != nil {
				return err
			}
			c.took = append(c.took, call{begun, since(begun)})
		}
		time.Sleep(pause)
	}
}

// end stops it, and answers what its calls took from a time on.
func (c *calls) end(from time.Time) ([]float64, error) {
	close(c.stop)
	err := <-c.done
	var samples []float64
	for _, x := range c.took {
		if x.begun.After(from) {
			samples = append(samples, x.took)
		}
	}
	return samples, err
}

// measureOwned compares making and opening on two mounts, with an owner's lifetime and without any: of two directories of
// one mount, the one that is filled later is slower to open in.
func measureOwned(ctx context.Context, o options, r *report) (err error) {
	plain, err := startShmfsWith(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plain.stop()) }()
	owned, err := startShmfsWith(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, owned.stop()) }()
	plain.name, owned.name = "plain", "owned"
	if err := say(owned.dir, "lifetime", "owner"); err != nil {
		return err
	}
	for _, w := range []work{createWork(createsEach), openWork()} {
		results, err := interleave(ctx, w, []*contender{plain, owned}, o)
		if err != nil {
			return err
		}
		ratio, _ := results[0].ratio("owned", "plain")
		r.lives = append(r.lives, livesResult{What: results[0].title + ": with the lifetime owner, times as dear as without",
			Samples: []float64{ratio}, Limit: freely, Ratio: true})
	}
	return nil
}

// measureTimers looks at what a server takes of the processor that has nothing to do, without timers and with many.
func measureTimers(ctx context.Context, c *contender, o options, r *report) error {
	n := min(o.many, 100_000)
	const what = "processor time of an idle server with %s timers, in %v"
	without, err := idleUse(c)
	if err != nil {
		return err
	}
	dir := filepath.Join(c.dir, "timers")
	if err := errors.Join(say(dir, "lifetime", "ttl=1d"), populate(ctx, dir, n)); err != nil {
		return err
	}
	with, err := idleUse(c)
	r.lives = append(r.lives, livesResult{What: fmt.Sprintf(what, thousands(n), idleLives), Samples: with, Limit: float64(oneTick)},
		livesResult{What: fmt.Sprintf(what, "no", idleLives), Samples: without})
	return err
}

// idleUse is what an idle server takes of the processor, several times.
func idleUse(c *contender) (samples []float64, err error) {
	pid, err := c.server()
	time.Sleep(3 * time.Second) // for what it has yet to do
	for range 3 {
		before, readErr := processorTime(pid)
		time.Sleep(idleLives)
		after, readErrToo := processorTime(pid)
		samples, err = append(samples, float64(after-before)), errors.Join(err, readErr, readErrToo)
	}
	return samples, err
}

// processorTime adds up what the threads of a process got of the processors, in nanoseconds (Linux
// Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat): utime and stime count in ticks of 10 ms.
func processorTime(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err == nil && len(threads) == 0 {
		err = fmt.Errorf("/proc/%d has no threads with a schedstat", pid)
	}
	var sum time.Duration
	for _, path := range threads {
		var ran time.Duration
		b, readErr := os.ReadFile(path)
		if readErr == nil {
			_, readErr = fmt.Sscan(string(b), &ran)
		}
		sum, err = sum+ran, errors.Join(err, readErr)
	}
	return sum, err
}

// livesTable renders the results with their targets.
func livesTable(all []livesResult) string {
	var b strings.Builder
	b.WriteString("| Regions that end by themselves | runs | median | worst | shmfs must reach | |\n|---|---|---|---|---|---|\n")
	for _, l := range all {
		show := milliseconds.format
		if l.Ratio {
			show = func(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }
		}
		target, is := "median < "+show(l.Limit), verdict(l.reached())
		if l.compared() {
			target, is = "for comparison", ""
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s |\n", l.What, len(l.Samples), show(quantile(l.Samples, 0.5)),
			show(slices.Max(l.Samples)), target, is)
	}
	return b.String()
}
