//go:build linux

package main

import (
	"context"
	"math/rand/v2"
)

// work is something that every contender does in turns, and the rows of the table that come of it.
type work struct {
	name    string
	before  func() error // done once, for all contenders; nil for nothing
	rows    []row
	prepare func(c *contender) (task, error)
}

// task is a work prepared for one contender.
type task struct {
	// round does the work once and answers samples for each row: nanoseconds, or bytes a second where higher is better.
	round func() ([][]float64, error)
	close func() error
}

// row is a line of the table.
type row struct {
	title  string
	unit   unit
	higher bool // is better
	target target
}

// target is what shmfs must reach. The limit is of shmfs's figure over the other's: at most, or at least where higher
// is better. Zero: the row is for information.
type target struct {
	against string
	limit   float64
	p99     float64 // in nanoseconds, at most; 0 for none
}

// interleave lets the contenders take turns: one round each to warm up, then the rounds that count, each in a new
// random order.
func interleave(ctx context.Context, w work, all []*contender, o options) (_ []*result, err error) {
	results := newResults(w.rows)
	if w.before != nil {
		if err := w.before(); err != nil {
			return nil, err
		}
	}
	tasks := make([]task, 0, len(all))
	defer func() {
		for _, t := range tasks {
			err = firstError(err, t.close())
		}
	}()
	for _, c := range all {
		t, err := w.prepare(c)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, t)
	}
	for n := -1; n < o.rounds; n++ {
		for _, i := range rand.Perm(len(tasks)) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			samples, err := oneRound(tasks[i])
			if err != nil {
				return nil, err
			}
			for r := range results {
				if n >= 0 {
					results[r].add(all[i].name, samples[r])
				}
			}
		}
	}
	return results, nil
}

func oneRound(t task) (samples [][]float64, err error) {
	err = quietly(func() error {
		samples, err = t.round()
		return err
	})
	return samples, err
}
