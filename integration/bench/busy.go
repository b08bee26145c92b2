//go:build linux

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// busy is a client that makes, looks at and removes regions, one after the other.
type busy struct {
	stop    atomic.Bool
	longest atomic.Int64 // ns of one call, since it was last set to 0
	calls   atomic.Int64
	done    chan error
}

func startBusy(dir string) *busy {
	b := &busy{done: make(chan error, 1)}
	path := cpath(filepath.Join(dir, "busy"))
	go func() { b.done <- quietly(func() error { return b.run(path) }) }()
	return b
}

func (b *busy) run(path *byte) error {
	var st unix.Stat_t
	for !b.stop.Load() {
		fd := -1
		err := b.call(func() (err error) { fd, err = open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL); return err })
		if err != nil {
			return fmt.Errorf("create: %w", err)
		}
		err = errors.Join(closeFd(fd), b.call(func() error { return statAt(noDir, path, &st) }),
			b.call(func() error { return unlink(path) }))
		if err != nil {
			return fmt.Errorf("stat or unlink: %w", err)
		}
	}
	return nil
}

func (b *busy) call(fn func() error) error {
	start := time.Now()
	err := fn()
	took := time.Since(start).Nanoseconds()
	for old := b.longest.Load(); took > old && !b.longest.CompareAndSwap(old, took); old = b.longest.Load() {
	}
	b.calls.Add(1)
	return err
}

// goesOn waits until the client has had some answers.
func (b *busy) goesOn() error {
	const some = 10
	for until := b.calls.Load() + some; b.calls.Load() < until; time.Sleep(time.Millisecond) {
		select {
		case err := <-b.done:
			b.done <- nil
			return fmt.Errorf("the client ended: %w", err)
		default:
		}
	}
	return nil
}

// end stops the client and answers what went wrong.
func (b *busy) end() error {
	b.stop.Store(true)
	return <-b.done
}
