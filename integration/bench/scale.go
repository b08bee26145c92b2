//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// scaleResult is what many regions cost one contender.
type scaleResult struct {
	Contender    string
	CreateFew    float64 // median nanoseconds of create + ftruncate + mmap + close, few regions present
	CreateMany   float64 // the same, many present
	Growth       float64 // median over rounds of many to few
	ServerBytes  float64 // resident memory of the server's processes, a region
	KernelBytes  float64 // slab of the whole kernel, a region: information, others use the machine too
	IdleSwitches int     // voluntary context switches of the server's threads while nobody asked, over idleTime
}

const idleTime = 10 * time.Second

// measureScale takes the contenders one after the other: a million regions are gigabytes of the kernel's memory. What
// is compared, few regions and many, stands on two mounts at once and takes turns.
func measureScale(ctx context.Context, o options, r *report, progress io.Writer) error {
	start := starters()
	start[tmpfs] = startTmpfs // what is in /dev/shm is everybody's
	for _, name := range o.contenders {
		fmt.Fprintf(progress, "measuring: scale of %s, %s regions\n", name, thousands(o.many))
		s, err := scaleOf(ctx, o, start[name])
		if err != nil {
			return fmt.Errorf("scale of %s: %w", name, err)
		}
		s.Contender = name
		r.scale = append(r.scale, s)
	}
	return nil
}

func scaleOf(ctx context.Context, o options, start starter) (s scaleResult, err error) {
	few, err := start(ctx, o)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, few.stop()) }()
	many, err := start(ctx, o)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, many.stop()) }()

	if err := populate(ctx, few.dir, o.few); err != nil {
		return s, err
	}
	if err := s.measureMemory(ctx, o, many); err != nil {
		return s, err
	}
	if s.IdleSwitches, err = idleSwitches(ctx, many.pids); err != nil {
		return s, err
	}
	return s, s.measureGrowth(ctx, o, few, many)
}

// measureMemory populates, and compares with the server that holds few.
func (s *scaleResult) measureMemory(ctx context.Context, o options, many *contender) error {
	if err := populate(ctx, many.dir, o.few); err != nil {
		return err
	}
	server, kernel, err := memoryOf(many.pids)
	if err != nil {
		return err
	}
	if err := populateFrom(ctx, many.dir, o.few, o.many); err != nil {
		return err
	}
	time.Sleep(3 * time.Second) // for what the server has yet to give back
	serverAfter, kernelAfter, err := memoryOf(many.pids)
	n := float64(o.many - o.few)
	s.ServerBytes, s.KernelBytes = float64(serverAfter-server)/n, float64(kernelAfter-kernel)/n
	return err
}

func (s *scaleResult) measureGrowth(ctx context.Context, o options, few, many *contender) error {
	w := createWork(createsEach)
	few.name, many.name = "few", "many"
	results, err := interleave(ctx, w, []*contender{few, many}, o)
	if err != nil {
		return err
	}
	alone := results[1]
	s.CreateFew, _ = alone.median("few")
	s.CreateMany, _ = alone.median("many")
	s.Growth, _ = alone.ratio("many", "few")
	return nil
}

// perDir is how many regions share a directory.
const perDir = 1000

func populate(ctx context.Context, dir string, n int) error { return populateFrom(ctx, dir, 0, n) }

// populateFrom makes the regions numbered from to below n.
func populateFrom(ctx context.Context, dir string, from, n int) error {
	for i := from; i < n; i++ {
		parent := filepath.Join(dir, fmt.Sprintf("d%04d", i/perDir))
		if i%perDir == 0 {
			if err := errors.Join(ctx.Err(), os.Mkdir(parent, 0o755)); err != nil {
				return err
			}
		}
		if err := makeRegion(cpath(fmt.Sprintf("%s/r%03d", parent, i%perDir)), 4096); err != nil {
			return fmt.Errorf("region %s of %s: %w", thousands(i), thousands(n), err)
		}
	}
	return nil
}

// memoryOf answers the resident bytes of processes (VmRSS) and the kernel's slab (Slab in /proc/meminfo).
func memoryOf(pids []int) (server, kernel int, err error) {
	for _, pid := range pids {
		kb, err := procValue(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
		if err != nil {
			return 0, 0, err
		}
		server += kb << 10
	}
	slab, err := procValue("/proc/meminfo", "Slab:")
	return server, slab << 10, err
}

// procValue finds the number after a key in a file of /proc.
func procValue(file, key string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == key {
			return strconv.Atoi(f[1])
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, key)
}

// idleSwitches counts how often threads went to sleep while there was nothing to do: each time, something had woken
// them.
func idleSwitches(ctx context.Context, pids []int) (int, error) {
	if len(pids) == 0 {
		return 0, nil
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(2 * time.Second): // until what the last request started has ended
	}
	before, err := switches(pids)
	if err != nil {
		return 0, err
	}
	time.Sleep(idleTime)
	after, err := switches(pids)
	return after - before, err
}

func switches(pids []int) (total int, err error) {
	for _, pid := range pids {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil {
			return 0, err
		}
		for _, t := range threads {
			n, err := procValue(t, "voluntary_ctxt_switches:")
			if err != nil && !errors.Is(err, os.ErrNotExist) { // a thread may have ended
				return 0, err
			}
			total += n
		}
	}
	return total, nil
}

// scaleTable renders the results with their targets: growth at most 20 %, 400 bytes a region, no wake-ups.
func scaleTable(o options, all []scaleResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | create, %s present | create, %s present | grows by | server memory a region | kernel memory a region | "+
		"switches in %v idle |\n|---|---|---|---|---|---|---|\n", thousands(o.few), thousands(o.many), idleTime)
	for _, s := range all {
		server, idle := fmt.Sprintf("%.0f bytes", s.ServerBytes), strconv.Itoa(s.IdleSwitches)
		if s.Contender == tmpfs {
			server, idle = "–", "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %.0f %% | %s | %.0f bytes | %s |\n", s.Contender,
			microseconds.format(s.CreateFew), microseconds.format(s.CreateMany), 100*(s.Growth-1), server, s.KernelBytes, idle)
	}
	b.WriteString("\nshmfs must reach: grows by at most 20 %, at most 400 bytes of server memory a region, no switches of its own.\n")
	return b.String()
}
