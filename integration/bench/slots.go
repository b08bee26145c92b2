//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
)

// slotsResult is what it costs to write down what a request found before it acts, so that it is done once.
type slotsResult struct {
	With, Without float64 // median nanoseconds of create + ftruncate + mmap + close, then unlink
	Ratio         float64 // median over rounds
}

// slotsLimit is the most that Ratio may be.
const slotsLimit = 1.05

func (s slotsResult) reached() bool { return s.Ratio <= slotsLimit }

// What is to be seen is smaller than the noise of a round. So the two take turns more often: a tenth of the usual creates
// a round, and a hundred times as many rounds.
const (
	slotsCreates = createsEach / 10
	slotsRounds  = 100
)

// measureSlots lets shmfs take turns with a build of itself that keeps no slots.
func measureSlots(ctx context.Context, o options, r *report) (err error) {
	var both []*contender
	defer func() {
		for _, c := range both {
			err = errors.Join(err, c.stop())
		}
	}()
	for name, binary := range map[string]string{"with": o.binary, "without": o.noSlots} {
		of := o
		of.binary = binary
		c, err := startShmfs(ctx, of)
		if err != nil {
			return fmt.Errorf("%w (make bench builds %s)", err, binary)
		}
		c.name = name
		both = append(both, c)
	}
	o.rounds *= slotsRounds
	results, err := interleave(ctx, createWork(slotsCreates), both, o)
	if err != nil {
		return err
	}
	s := slotsResult{}
	s.With, _ = results[0].median("with")
	s.Without, _ = results[0].median("without")
	s.Ratio, _ = results[0].ratio("with", "without")
	r.slots = &s
	return nil
}

func (s slotsResult) String() string {
	return fmt.Sprintf("Create + ftruncate + mmap + close, then unlink: %s, and %s in a build that keeps no slots: %s times as dear; "+
		"shmfs must reach ≤ %.2f: %s.\n", microseconds.format(s.With), microseconds.format(s.Without), digits(s.Ratio), slotsLimit,
		verdict(s.reached()))
}
