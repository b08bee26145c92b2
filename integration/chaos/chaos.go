//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options are a run's.
type Options struct {
	Binary   string
	Kills    int
	Seed     uint64
	Workers  int // of each kind
	Regions  int // that are there all the time
	IO       string
	Progress io.Writer
	// Failpoint is where servers kill themselves, as package failpoint reads it; empty: they are killed. The program
	// must be built with the tag failpoints.
	Failpoint string
}

// Report is what came of a run.
type Report struct {
	Kills, Operations int64
	Waits             []time.Duration // the longest wait of any client, by kill
}

func (r Report) String() string {
	if len(r.Waits) == 0 {
		return fmt.Sprintf("%d kills, %d operations", r.Kills, r.Operations)
	}
	slices.Sort(r.Waits)
	return fmt.Sprintf("%d kills, each with a request in flight; %d operations, none failed; longest wait of a client by kill: "+
		"median %v, worst %v", r.Kills, r.Operations, r.Waits[len(r.Waits)/2].Round(time.Microsecond),
		r.Waits[len(r.Waits)-1].Round(time.Microsecond))
}

// worker is a client. step does one thing and checks it; check compares all that it has with its model.
type worker interface {
	step() error
	check() error
	close() error
}

// clock measures what clients wait for.
type clock struct {
	operations atomic.Int64
	longest    atomic.Int64 // ns, since it was last taken
}

// timed runs an operation of a client's.
func (c *clock) timed(fn func() error) error {
	start := time.Now()
	err := fn()
	took := int64(time.Since(start))
	c.operations.Add(1)
	for old := c.longest.Load(); took > old && !c.longest.CompareAndSwap(old, took); old = c.longest.Load() {
	}
	return err
}

// counted runs an operation that may take longer than some servers live: it begins again with each one.
func (c *clock) counted(fn func() error) error {
	c.operations.Add(1)
	return fn()
}

// kinds lists the clients.
var kinds = []struct {
	name        string
	passthrough bool // what it does outlives a server in that way only
	make        func(dir string, r *rand.Rand, c *clock) (worker, error)
}{
	{"names", false, newNames},
	{"mapped", false, newMapped},
	{"nameless", true, newNameless}, // docs/reliability.md
	{"locks", false, newLocks},
	{"control", false, newControl},
}

// Run does a run. The error names the first thing that was wrong.
func Run(o Options) (r Report, err error) {
	m, err := begin(o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, m.end()) }()
	if err := m.fill(o.Regions); err != nil {
		return r, err
	}
	c := &clock{}
	workers, err := m.hire(o, c)
	if err != nil {
		return r, err
	}
	stop, failed := make(chan struct{}), make(chan error, len(workers))
	var all sync.WaitGroup
	for name, w := range workers {
		all.Go(func() {
			if err := work(w, stop); err != nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	r, err = m.killAll(o, c, failed)
	close(stop)
	all.Wait()
	select {
	case late := <-failed:
		err = errors.Join(err, late)
	default:
	}
	r.Operations = c.operations.Load()
	if err = errors.Join(err, m.checkAll(o, workers, r.Kills)); err != nil {
		err = fmt.Errorf("%w\nthe keeper and its servers said:\n%s", err, m.said())
	}
	return r, err
}

// hire makes the clients, by name.
func (m *mount) hire(o Options, c *clock) (map[string]worker, error) {
	workers := map[string]worker{}
	passthrough, err := m.passthrough()
	if err != nil {
		return nil, err
	}
	for k, kind := range kinds {
		if kind.passthrough && !passthrough {
			continue
		}
		for i := range o.Workers {
			name := fmt.Sprintf("%s-%d", kind.name, i)
			dir := filepath.Join(m.dir, name)
			if err := os.Mkdir(dir, 0o755); err != nil {
				return nil, err
			}
			w, err := kind.make(dir, rand.New(rand.NewPCG(o.Seed, uint64(k)<<32|uint64(i))), c)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			workers[name] = w
		}
	}
	return workers, nil
}

func work(w worker, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := w.step(); err != nil {
			return err
		}
	}
}

// checkAll compares everything with the models, and the server's own counts with what was done.
func (m *mount) checkAll(o Options, workers map[string]worker, kills int64) error {
	var all []error
	for name, w := range workers {
		if err := errors.Join(w.check(), w.close()); err != nil {
			all = append(all, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(append(all, m.checkFill(o.Regions), m.checkStats(o, kills))...)
}
