//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// takeoverResult is how long something takes when the server was killed, with a number of regions present.
type takeoverResult struct {
	What    string
	Regions int
	Samples []float64 // nanoseconds, one a kill
	Median  float64   // what the median must stay below, in nanoseconds; 0 if the row is for information
	Worst   float64   // what every sample must stay below; 0 for no limit
}

// What is timed.
const (
	longestWait = "longest wait of a busy client"
	firstAnswer = "first answer"
	wholeIndex  = "sums of all regions"
)

func (t *takeoverResult) median() float64 { return quantile(t.Samples, 0.5) }
func (t *takeoverResult) worst() float64  { return quantile(t.Samples, 1) }

func (t *takeoverResult) reached() bool {
	return t.median() < t.Median && (t.Worst == 0 || t.worst() < t.Worst)
}

// noCrashLoop keeps a keeper from taking this for a server that cannot serve.
const noCrashLoop = "--crash-loop-deaths=1000000"

// measureTakeover fills a mount in steps, and kills its servers at each.
func measureTakeover(ctx context.Context, o options, r *report, progress io.Writer) (err error) {
	c, err := startShmfsWith(ctx, o, noCrashLoop)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	present := 0
	for _, n := range slices.Compact([]int{o.few, o.many / 10, o.many}) {
		fmt.Fprintf(progress, "measuring: restart, %s regions\n", thousands(n))
		if err := populateFrom(ctx, c.dir, present, n); err != nil {
			return err
		}
		present = n
		if n == o.few {
			waits := takeoverResult{What: longestWait, Regions: n, Median: 50e6, Worst: 250e6}
			if waits.Samples, err = longestWaits(ctx, c, o.kills); err != nil {
				return err
			}
			r.takeover = append(r.takeover, waits)
		}
		first, whole, err := c.restarts(ctx, n, max(1, o.kills/10))
		if err != nil {
			return err
		}
		r.takeover = append(r.takeover, first)
		if n > o.few {
			r.takeover = append(r.takeover, whole)
		}
	}
	return nil
}

// restarts kills servers that nobody asks anything, and asks: for a name, and for the sums.
func (c *contender) restarts(ctx context.Context, n, kills int) (first, whole takeoverResult, err error) {
	first = takeoverResult{What: firstAnswer, Regions: n, Median: 50e6}
	whole = takeoverResult{What: wholeIndex, Regions: n}
	if n >= 100_000 { // of fewer it is the start of a process that counts
		whole.Median = 5e3 * float64(n)
	}
	for i := range kills {
		if err := ctx.Err(); err != nil {
			return first, whole, err
		}
		answer, sums, err := c.restart(n, cpath(fmt.Sprintf("%s/none%d-%d", c.dir, n, i)))
		if err != nil {
			return first, whole, err
		}
		first.Samples, whole.Samples = append(first.Samples, answer), append(whole.Samples, sums)
	}
	return first, whole, nil
}

// restart times one kill, from the signal to the answer and to the sums. Nobody has asked for the name before, so no
// other than a server can tell that there is no such thing.
func (c *contender) restart(n int, name *byte) (answer, sums float64, err error) {
	before, err := c.server()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := kill(before); err != nil {
		return 0, 0, err
	}
	var st unix.Stat_t
	if err := statAt(noDir, name, &st); err != unix.ENOENT {
		return 0, 0, fmt.Errorf("a name that is not there: %w", err)
	}
	answer = since(start)
	stats, err := c.stats()
	sums = since(start)
	if err != nil {
		return 0, 0, err
	}
	if stats["server_pid"] == strconv.Itoa(before) || stats["regions"] != strconv.Itoa(n) {
		return 0, 0, fmt.Errorf("after a kill of %d .ctl/stats has server_pid %s and %s regions, want another and %d",
			before, stats["server_pid"], stats["regions"], n)
	}
	return answer, sums, nil
}

// server answers the process that serves.
func (c *contender) server() (int, error) {
	stats, err := c.stats()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(stats["server_pid"])
}

// kill ends a process and waits until it is dead: what is asked from then on it does not answer.
func kill(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
		return err
	}
	const longest = 10_000 // ms
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		switch n, err := unix.Poll(fds, longest); {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("process %d did not die", pid)
		default:
			return nil
		}
	}
}

// longestWaits kills servers under a busy client, and answers its longest call around each kill.
func longestWaits(ctx context.Context, c *contender, kills int) (samples []float64, err error) {
	b := startBusy(c.dir)
	defer func() { err = errors.Join(err, b.end()) }()
	for range kills {
		// So much of a server's life: while it catches up, and afterwards.
		time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
		pid, err := c.server()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return samples, err
		}
		b.longest.Store(0)
		if err := kill(pid); err != nil {
			return samples, err
		}
		if err := b.goesOn(); err != nil {
			return samples, err
		}
		samples = append(samples, float64(b.longest.Load()))
	}
	return samples, nil
}

// takeoverTable renders the results with their targets.
func takeoverTable(all []takeoverResult) string {
	var b strings.Builder
	b.WriteString("| After a kill of the server | regions present | kills | median | worst | shmfs must reach | |\n" +
		"|---|---|---|---|---|---|---|\n")
	for _, t := range all {
		must, met := "", ""
		if t.Median > 0 {
			must, met = "median < "+milliseconds.format(t.Median), verdict(t.reached())
		}
		if t.Worst > 0 {
			must += ", worst < " + milliseconds.format(t.Worst)
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %s | %s |\n", t.What, thousands(t.Regions), len(t.Samples),
			milliseconds.format(t.median()), milliseconds.format(t.worst()), must, met)
	}
	return b.String()
}
