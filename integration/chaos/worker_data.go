//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	pageSize = 4096
	pages    = 64
)

// mapped stores numbered pages with checksums through one mapping, and loads them through others that it opens anew.
type mapped struct {
	path   string
	random *rand.Rand
	clock  *clock
	file   *os.File
	memory []byte
	last   [pages]uint64
	number uint64
}

func newMapped(dir string, r *rand.Rand, c *clock) (worker, error) {
	w := &mapped{path: filepath.Join(dir, "mapped"), random: r, clock: c}
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	w.file = f
	if err := f.Truncate(pages * pageSize); err != nil {
		return nil, err
	}
	w.memory, err = unix.Mmap(int(f.Fd()), 0, pages*pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return w, err
}

// fillPage writes a number, and bytes that follow from it, with their checksum.
func fillPage(p []byte, number uint64) {
	binary.LittleEndian.PutUint64(p[8:], number)
	for i := 16; i < len(p); i += 8 {
		binary.LittleEndian.PutUint64(p[i:], number*uint64(i))
	}
	binary.LittleEndian.PutUint32(p, crc32.ChecksumIEEE(p[8:]))
}

func checkPage(p []byte, number uint64) error {
	if number == 0 {
		return nil // not written yet
	}
	if got := binary.LittleEndian.Uint64(p[8:]); got != number {
		return fmt.Errorf("a page has number %d, want %d", got, number)
	}
	if crc32.ChecksumIEEE(p[8:]) != binary.LittleEndian.Uint32(p) {
		return fmt.Errorf("the page with number %d is torn", number)
	}
	return nil
}

func (w *mapped) step() error {
	i := w.random.IntN(pages)
	w.number++
	w.last[i] = w.number
	page := w.memory[i*pageSize : (i+1)*pageSize]
	switch w.random.IntN(8) {
	case 0: // the same page by write(2)
		p := make([]byte, pageSize)
		fillPage(p, w.number)
		return w.clock.timed(func() error {
			_, err := w.file.WriteAt(p, int64(i*pageSize))
			return err
		})
	case 1:
		fillPage(page, w.number)
		return w.reopen()
	case 2: // a hole
		w.last[i] = 0
		const punch = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
		return w.clock.timed(func() error {
			return unix.Fallocate(int(w.file.Fd()), punch, int64(i*pageSize), pageSize)
		})
	}
	fillPage(page, w.number)
	return nil
}

// reopen reads everything through a new descriptor and a new mapping.
func (w *mapped) reopen() error {
	return w.clock.timed(func() error {
		f, err := os.OpenFile(w.path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		memory, err := unix.Mmap(int(f.Fd()), 0, pages*pageSize, unix.PROT_READ, unix.MAP_SHARED)
		err = errors.Join(err, f.Close())
		if err != nil {
			return err
		}
		defer unix.Munmap(memory)
		for i, number := range w.last {
			if err := checkPage(memory[i*pageSize:(i+1)*pageSize], number); err != nil {
				return fmt.Errorf("page %d: %w", i, err)
			}
		}
		return nil
	})
}

func (w *mapped) check() error { return w.reopen() }

func (w *mapped) close() error { return errors.Join(unix.Munmap(w.memory), w.file.Close()) }

// nameless makes regions without a name, and takes names from open ones: they stay what they are.
type nameless struct {
	dir    string
	random *rand.Rand
	clock  *clock
	next   uint64
	files  []*os.File
	number []uint64
}

func newNameless(dir string, r *rand.Rand, c *clock) (worker, error) {
	return &nameless{dir: dir, random: r, clock: c}, nil
}

func (w *nameless) step() error {
	if len(w.files) < 8 {
		return w.clock.timed(w.add)
	}
	i := w.random.IntN(len(w.files))
	page := make([]byte, pageSize)
	if _, err := w.file(i).ReadAt(page, 0); err != nil {
		return fmt.Errorf("read a region without a name: %w", err)
	}
	if err := checkPage(page, w.number[i]); err != nil {
		return fmt.Errorf("a region without a name: %w", err)
	}
	if s, err := w.file(i).Stat(); err != nil || s.Size() != pageSize {
		return fmt.Errorf("a region without a name: %v (%w)", s, err)
	}
	err := w.clock.timed(w.files[i].Close)
	w.files = append(w.files[:i], w.files[i+1:]...)
	w.number = append(w.number[:i], w.number[i+1:]...)
	return err
}

func (w *nameless) file(i int) *os.File { return w.files[i] }

func (w *nameless) add() error {
	w.next++
	path := filepath.Join(w.dir, fmt.Sprint("t", w.next))
	var f *os.File
	var err error
	if w.next%2 == 0 {
		f, err = os.OpenFile(w.dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
		if err == nil && w.next%4 == 0 {
			err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
		}
	} else {
		f, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	}
	if err != nil {
		return fmt.Errorf("make region %d: %w", w.next, err)
	}
	page := make([]byte, pageSize)
	fillPage(page, w.next)
	if _, err := f.WriteAt(page, 0); err != nil {
		return err
	}
	if w.next%4 != 2 {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove region %d: %w", w.next, err)
		}
	}
	w.files, w.number = append(w.files, f), append(w.number, w.next)
	return nil
}

func (w *nameless) check() error {
	names, err := os.ReadDir(w.dir)
	if err == nil && len(names) > 0 {
		return fmt.Errorf("%d names are left: %v", len(names), names)
	}
	return err
}

func (w *nameless) close() error {
	var all []error
	for _, f := range w.files {
		all = append(all, f.Close())
	}
	return errors.Join(all...)
}
