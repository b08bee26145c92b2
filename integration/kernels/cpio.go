package main

import (
	"fmt"
	"io"
	"os"
	"path"
)

// archive writes an initramfs: cpio in its "newc" form, which the kernel unpacks as it boots
// (Documentation/driver-api/early-userspace/buffer-format.rst). It is not compressed: the emulated processor would
// take longer to unpack it than to read it.
type archive struct {
	w     io.Writer
	ino   int
	dirs  map[string]bool
	wrote int64
}

func newArchive(w io.Writer) *archive { return &archive{w: w, dirs: map[string]bool{".": true}} }

const (
	modeDir     = 0o040755
	modeProgram = 0o100755
	modeFile    = 0o100644
	modeChar    = 0o020600
	modeSetuid  = 0o004000
)

// file adds a file, and the directories above it that are not there yet.
func (a *archive) file(name string, mode int, content []byte) error {
	if err := a.parents(name); err != nil {
		return err
	}
	return a.entry(name, mode, 0, 0, content)
}

// host adds a file of the host's.
func (a *archive) host(name, from string, mode int) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return a.file(name, mode, content)
}

// device adds a character device: the kernel opens /dev/console for process 1 before anything is mounted.
func (a *archive) device(name string, major, minor int) error {
	if err := a.parents(name); err != nil {
		return err
	}
	return a.entry(name, modeChar, major, minor, nil)
}

func (a *archive) parents(name string) error {
	dir := path.Dir(name)
	if a.dirs[dir] {
		return nil
	}
	if err := a.parents(dir); err != nil {
		return err
	}
	a.dirs[dir] = true
	return a.entry(dir, modeDir, 0, 0, nil)
}

func (a *archive) close() error { return a.entry("TRAILER!!!", 0, 0, 0, nil) }

// entry writes a header of 13 fields of 8 hexadecimal digits after the magic, the name with its NUL, and the content;
// name and content are each padded to four bytes.
func (a *archive) entry(name string, mode, major, minor int, content []byte) error {
	a.ino++
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.ino, mode, 0, 0, 1, 0, len(content), 0, 0, major, minor, len(name)+1, 0)
	for _, part := range [][]byte{[]byte(header + name + "\x00"), content} {
		n, err := a.w.Write(part)
		a.wrote += int64(n)
		if err == nil {
			err = a.pad()
		}
		if err != nil {
			return fmt.Errorf("initramfs, %s: %w", name, err)
		}
	}
	return nil
}

func (a *archive) pad() error {
	n, err := a.w.Write(make([]byte, -a.wrote&3))
	a.wrote += int64(n)
	return err
}
