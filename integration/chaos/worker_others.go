//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// locks holds a lock, and tries that nobody else gets it.
type locks struct {
	path   string
	random *rand.Rand
	clock  *clock
	holder *os.File
	held   bool
}

func newLocks(dir string, r *rand.Rand, c *clock) (worker, error) {
	w := &locks{path: filepath.Join(dir, "lock"), random: r, clock: c}
	var err error
	w.holder, err = os.OpenFile(w.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	return w, err
}

func (w *locks) step() error {
	if w.random.IntN(4) == 0 {
		how := unix.LOCK_EX
		if w.held {
			how = unix.LOCK_UN
		}
		w.held = !w.held
		return unix.Flock(int(w.holder.Fd()), how|unix.LOCK_NB)
	}
	return w.clock.timed(func() error {
		f, err := os.OpenFile(w.path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if got := err == nil; got == w.held {
			return fmt.Errorf("got the lock: %v (%w) while it is held: %v", got, err, w.held)
		}
		return nil
	})
}

func (w *locks) check() error { return nil }
func (w *locks) close() error { return w.holder.Close() }

// control reads control files, in small pieces, and looks that each is of one piece.
type control struct {
	root   string
	random *rand.Rand
	clock  *clock
}

func newControl(dir string, r *rand.Rand, c *clock) (worker, error) {
	return &control{filepath.Dir(dir), r, c}, nil
}

func (w *control) step() error {
	name := []string{"stats", "version", "regions.json", "config"}[w.random.IntN(4)]
	var b []byte
	err := w.clock.counted(func() (err error) { // some list all regions
		b, err = readSlowly(filepath.Join(w.root, ".ctl", name))
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf(".ctl/%s: %w", name, err)
	case len(b) == 0 || b[len(b)-1] != '\n':
		return fmt.Errorf(".ctl/%s has %d bytes and ends with %q", name, len(b), b[max(0, len(b)-20):])
	case name == "regions.json" && bytes.Count(b, []byte("\n{")) != bytes.Count(b, []byte("}\n"))-1:
		return errors.New(".ctl/regions.json is of two pieces")
	}
	return nil
}

// readSlowly reads a file in pieces, so that the server may die between two.
func readSlowly(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []byte
	piece := make([]byte, 16<<10)
	for {
		n, err := f.Read(piece)
		all = append(all, piece[:n]...)
		if n == 0 {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

func (w *control) check() error { return nil }
func (w *control) close() error { return nil }
