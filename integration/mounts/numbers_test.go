//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// wayToMake makes a node.
type wayToMake struct {
	name  string
	where []place
	node  bool // no region: counts as node only
	make  func(dir, path string) error
}

var waysToMake = []wayToMake{
	{"create", everywhere, false, func(_, path string) error {
		fd, err := unix.Open(path, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR, 0o644)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}},
	{"mknod", everywhere, false, func(_, path string) error { return unix.Mknod(path, unix.S_IFREG|0o644, 0) }},
	{"O_TMPFILE and linkat", everywhere, false, func(dir, path string) error { return linkNameless(dir, path, 0) }},
	{"mkdir", onlyDirectories, true, func(_, path string) error { return unix.Mkdir(path, 0o755) }},
	{"symlink", onlyDirectories, true, func(_, path string) error { return unix.Symlink("to", path) }},
	{"fifo", onlyDirectories, true, func(_, path string) error { return unix.Mkfifo(path, 0o644) }},
	{"link", onlyDirectories, false, func(dir, path string) error { return fromElsewhere(dir, path, unix.Link) }},
	{"rename", onlyDirectories, false, func(dir, path string) error { return fromElsewhere(dir, path, unix.Rename) }},
	{"exchange for a link", onlyDirectories, false, func(dir, path string) error {
		return errors.Join(unix.Symlink("to", path), fromElsewhere(dir, path, exchange))
	}},
}

// fromElsewhere makes an empty region beside the limited directories, and moves it in.
func fromElsewhere(dir, path string, move func(from, to string) error) error {
	from := filepath.Join(elsewhere(dir), filepath.Base(path))
	return errors.Join(os.WriteFile(from, nil, 0o644), move(from, path))
}

// Everything that makes a node meets the limits of numbers.
func TestLimitsOfNumbers(t *testing.T) {
	m := serve(t, "--size=64M", "--mode=1777")
	makeReachable(t, m.dir)
	for _, k := range kindsOfLimit {
		for _, w := range waysToMake {
			if slices.Contains(w.where, k.where) {
				t.Run(k.name+"/"+w.name, func(t *testing.T) { numberHolds(t, m, k, w) })
			}
		}
	}
}

func numberHolds(t *testing.T, m *mount, k kindOfLimit, w wayToMake) {
	limit, most := "regions", limitedAt
	if w.node {
		limit = "nodes"
	}
	if w.node && k.name == "directory above" {
		most-- // the directory below is one
	}
	dir := underLimit(t, m, k, fmt.Sprintf("%s=%d", limit, limitedAt))
	try := func(name string) error {
		do := func() error { return w.make(dir, filepath.Join(dir, name)) }
		if k.other {
			return actAs(limitUser, do)
		}
		return do()
	}
	eventually(t, func() bool { return try("0") == nil }, "room for the first one", func() any { return m.lastError(t) })
	for i := 1; i < most; i++ {
		if err := try(fmt.Sprint(i)); err != nil {
			t.Fatalf("number %d: %v\n%s", i, err, m.lastError(t))
		}
	}
	if err := try("more"); !errors.Is(err, k.errno) {
		t.Errorf("one more: got %v, want %v", err, k.errno)
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "0")), os.RemoveAll(filepath.Join(dir, "more"))); err != nil {
		t.Fatal(err)
	}
	// The server hears a moment later of what was closed.
	n := 0
	eventually(t, func() bool {
		n++
		return try(fmt.Sprint("again", n)) == nil
	}, "room in the place of another one", func() any { return m.lastError(t) })
}
