//go:build linux

package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// works are all there are, in the order of the table.
func works(o options) []work {
	all := []work{memoryWork(o), touchWork(o), ioWork(), openWork(), createWork(createsEach), statWork()}
	for _, n := range o.lists {
		all = append(all, listWork(n))
	}
	if o.cold {
		all = append(all, coldListWork(o.lists[0]))
	}
	return all
}

// newRegion makes a region through the contender's mount and maps it.
func newRegion(path string, size int) (mapping, error) {
	fd, err := open(cpath(path), unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return mapping{}, &os.PathError{Op: "create", Path: path, Err: err}
	}
	m, err := mapping{}, truncate(fd, size)
	if err == nil {
		m, err = mmap(fd, size)
	}
	return m, errors.Join(err, closeFd(fd))
}

// memoryWork maps one region for all its rounds: what costs time here is memory only.
func memoryWork(o options) work {
	return work{
		name: "memory",
		rows: []row{
			{title: "memcpy into a mapped, touched region", unit: gigabytes, higher: true, target: target{against: tmpfs, limit: 0.98}},
			{title: "memcpy out of it", unit: gigabytes, higher: true, target: target{against: tmpfs, limit: 0.98}},
			{title: "random 8-byte read from it", unit: nanoseconds, target: target{against: tmpfs, limit: 1}},
			{title: "the same, each address known only from the read before", unit: nanoseconds, target: target{against: tmpfs, limit: 1}},
		},
		prepare: func(c *contender) (task, error) {
			path := filepath.Join(c.dir, "memory")
			region, err := newRegion(path, o.size)
			if err != nil {
				return task{}, err
			}
			clear(region.bytes())
			private, err := newPrivate(o.size / 4)
			round := func() ([][]float64, error) {
				return [][]float64{
					{copyRate(region.bytes(), private.bytes())},
					{copyOutRate(private.bytes(), region.bytes())},
					{randomRead(region.words())},
					{chainedRead(region.words())},
				}, nil
			}
			end := func() error { return errors.Join(private.unmap(), region.unmap(), os.Remove(path)) }
			return task{round, end}, err
		},
	}
}

// newPrivate is memory of the client's own, in huge pages, so that the other side of a copy is what differs.
func newPrivate(size int) (mapping, error) {
	m, err := mmap(-1, size)
	if err != nil {
		return m, err
	}
	_ = unix.Madvise(m.bytes(), unix.MADV_HUGEPAGE) // a kernel without huge pages refuses, for all contenders alike
	m.touch()
	return m, nil
}

// copyRate fills dst from a shorter src, again and again, and answers bytes a second.
func copyRate(dst, src []byte) float64 {
	start := time.Now()
	for n := 0; n < len(dst); n += copy(dst[n:], src) {
	}
	return rate(len(dst), start)
}

func copyOutRate(dst, src []byte) float64 {
	start := time.Now()
	for n := 0; n < len(src); n += copy(dst, src[n:]) {
	}
	return rate(len(src), start)
}

func rate(bytes int, start time.Time) float64 { return float64(bytes) / time.Since(start).Seconds() }

const reads = 1 << 21 // a round

// Knuth's MMIX generator (The Art of Computer Programming, 3.3.4, table 1); its high bits are the good ones.
const multiplier, increment = 6364136223846793005, 1442695040888963407

// randomRead answers the nanoseconds of one read when the processor may have several under way.
func randomRead(words []uint64) float64 {
	mask := uint64(len(words) - 1)
	x, sum := rand.Uint64(), uint64(0)
	start := time.Now()
	for range reads {
		x = x*multiplier + increment
		sum += words[(x>>20)&mask]
	}
	ns := float64(time.Since(start).Nanoseconds())
	runtime.KeepAlive(sum)
	return ns / reads
}

// chainedRead lets each address depend on the value before, so that the processor cannot run ahead.
func chainedRead(words []uint64) float64 {
	mask := uint64(len(words) - 1)
	x := rand.Uint64()
	start := time.Now()
	for range reads {
		x = x*multiplier + increment
		x += words[(x>>20)&mask] & 1
	}
	ns := float64(time.Since(start).Nanoseconds())
	runtime.KeepAlive(x)
	return ns / reads
}

// touchWork makes a new region each round and writes into each page of it for the first time. The region of the round
// before has been removed, so its memory is there to be had again; the first round of all is not counted.
func touchWork(o options) work {
	return work{
		name:   "touch",
		before: touchMachine,
		rows:   []row{{title: "first touch of a region", unit: gigabytes, higher: true, target: target{against: tmpfs, limit: 3}}},
		prepare: func(c *contender) (task, error) {
			path := filepath.Join(c.dir, "touch")
			round := func() ([][]float64, error) {
				m, err := newRegion(path, o.size)
				if err != nil {
					return nil, err
				}
				start := time.Now()
				m.touch()
				r := rate(o.size, start)
				err = errors.Join(m.unmap(), os.Remove(path))
				time.Sleep(settle)
				return [][]float64{{r}}, err
			}
			return task{round, func() error { return nil }}, nil
		},
	}
}

// settle is how long a server gets to give back what was removed, before the next contender is timed.
const settle = 300 * time.Millisecond

// touchMachine writes into most of the memory that is free, once. A virtual machine gets its memory from the host page
// by page as it is first written, at the host's speed, which has nothing to do with file systems; and the page that a
// contender gave back is not always the one that it gets again.
func touchMachine() error {
	free, err := procValue("/proc/meminfo", "MemFree:")
	if err != nil {
		return err
	}
	m, err := mmap(-1, free/10*8<<10)
	if err != nil {
		return err
	}
	m.touch()
	return m.unmap()
}
