//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// batch is how many calls of less than a microsecond are timed together: reading the clock takes 50 ns.
const batch = 64

// batches calls f in batches and answers nanoseconds a call, a sample for each batch.
func batches(n int, f func() error) ([]float64, error) {
	samples := make([]float64, n)
	for i := range samples {
		start := time.Now()
		for range batch {
			if err := f(); err != nil {
				return nil, err
			}
		}
		samples[i] = since(start) / batch
	}
	return samples, nil
}

func since(start time.Time) float64 { return float64(time.Since(start).Nanoseconds()) }

// ioWork reads and writes through a descriptor, at random places of a touched region.
func ioWork() work {
	const size, block = 64 << 20, 4096
	return work{
		name: "io",
		rows: []row{
			{title: "pread of 4 KiB", unit: microseconds, target: target{against: tmpfs, limit: 1.5}},
			{title: "pwrite of 4 KiB", unit: microseconds, target: target{against: tmpfs, limit: 1.5}},
		},
		prepare: func(c *contender) (task, error) {
			path := filepath.Join(c.dir, "io")
			m, err := newRegion(path, size)
			if err != nil {
				return task{}, err
			}
			m.touch()
			fd, err := open(cpath(path), unix.O_RDWR)
			buffer := make([]byte, block)
			place := func() int { return rand.IntN(size/block) * block }
			round := func() ([][]float64, error) {
				reads, err1 := batches(200, func() error { _, err := pread(fd, buffer, place()); return err })
				writes, err2 := batches(200, func() error { _, err := pwrite(fd, buffer, place()); return err })
				return [][]float64{reads, writes}, errors.Join(err1, err2)
			}
			end := func() error { return errors.Join(closeFd(fd), m.unmap(), os.Remove(path)) }
			return task{round, end}, err
		},
	}
}

// newRegions makes a directory of n small regions and answers their paths.
func newRegions(dir string, n int) ([]*byte, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	paths := make([]*byte, n)
	for i := range paths {
		paths[i] = cpath(fmt.Sprintf("%s/r%06d", dir, i))
		if err := makeRegion(paths[i], 4096); err != nil {
			return nil, fmt.Errorf("region %d of %d in %s: %w", i, n, dir, err)
		}
	}
	return paths, nil
}

// makeRegion creates, sizes and closes.
func makeRegion(path *byte, size int) error {
	fd, err := open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return err
	}
	return errors.Join(truncate(fd, size), closeFd(fd))
}

// openWork opens regions that exist, as a program does that joins.
func openWork() work {
	const present, each = 10_000, 500
	return work{
		name: "open",
		rows: []row{{title: "open + mmap + close, 10,000 regions present", unit: microseconds,
			target: target{against: loopback, limit: 0.6, p99: 1e6}}},
		prepare: func(c *contender) (task, error) {
			dir := filepath.Join(c.dir, "open")
			paths, err := newRegions(dir, present)
			round := func() ([][]float64, error) {
				samples := make([]float64, each)
				for i := range samples {
					ns, err := timeOpen(paths[rand.IntN(present)])
					if err != nil {
						return nil, err
					}
					samples[i] = ns
				}
				return [][]float64{samples}, nil
			}
			return task{round, func() error { return os.RemoveAll(dir) }}, err
		},
	}
}

func timeOpen(path *byte) (float64, error) {
	start := time.Now()
	fd, err := open(path, unix.O_RDWR)
	if err != nil {
		return 0, err
	}
	m, err := mmap(fd, 4096)
	err = errors.Join(err, closeFd(fd))
	ns := since(start)
	if err != nil {
		return 0, err
	}
	return ns, m.unmap()
}

// createsEach is how many regions are made and removed a round.
const createsEach = 200

// createWork makes and removes so many regions a round. Unmapping stands between, and is not timed.
func createWork(each int) work {
	return work{
		name: "create",
		rows: []row{
			{title: "create + ftruncate + mmap + close, then unlink", unit: microseconds, target: target{against: loopback, limit: 0.6}},
			{title: "create + ftruncate + mmap + close alone", unit: microseconds},
			{title: "unlink alone", unit: microseconds},
		},
		prepare: func(c *contender) (task, error) {
			dir := filepath.Join(c.dir, "create")
			err := os.Mkdir(dir, 0o755)
			made := 0
			round := func() ([][]float64, error) {
				samples := [][]float64{make([]float64, each), make([]float64, each), make([]float64, each)}
				for i := range each {
					made++
					create, remove, err := timeCreate(cpath(fmt.Sprintf("%s/c%08d", dir, made)))
					if err != nil {
						return nil, err
					}
					samples[0][i], samples[1][i], samples[2][i] = create+remove, create, remove
				}
				return samples, nil
			}
			return task{round, func() error { return os.RemoveAll(dir) }}, err
		},
	}
}

func timeCreate(path *byte) (create, remove float64, err error) {
	const size = 64 << 10
	start := time.Now()
	fd, err := open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return 0, 0, err
	}
	m, err := mapping{}, truncate(fd, size)
	if err == nil {
		m, err = mmap(fd, size)
	}
	err = errors.Join(err, closeFd(fd))
	create = since(start)
	if err != nil {
		return 0, 0, err
	}
	if err := m.unmap(); err != nil {
		return 0, 0, err
	}
	start = time.Now()
	err = unlink(path)
	return create, since(start), err
}

// statWork asks for the same region again and again.
func statWork() work {
	return work{
		name: "stat",
		rows: []row{{title: "stat of a known region", unit: microseconds, target: target{against: tmpfs, limit: 1.5}}},
		prepare: func(c *contender) (task, error) {
			file := filepath.Join(c.dir, "stat")
			path := cpath(file)
			err := makeRegion(path, 4096)
			var st unix.Stat_t
			round := func() ([][]float64, error) {
				samples, err := batches(200, func() error { return statAt(noDir, path, &st) })
				return [][]float64{samples}, err
			}
			return task{round, func() error { return os.Remove(file) }}, err
		},
	}
}
