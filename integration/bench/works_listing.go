//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// listWork lists a directory of n regions, as find does (readdir and stat) and as `ls -l` does, which also asks each
// for two extended attributes.
func listWork(n int) work {
	w := listing(n)
	w.rows = []row{
		{title: fmt.Sprintf("readdir + stat of %s regions", thousands(n)), unit: milliseconds, target: target{against: tmpfs, limit: 3}},
		{title: fmt.Sprintf("`ls -l` of %s: the same and two xattrs each", thousands(n)), unit: milliseconds,
			target: target{against: loopback, limit: 1}},
	}
	return w
}

// coldListWork drops the kernel's entries and inodes before each listing: those of a tmpfs stay, they are the files.
func coldListWork(n int) work {
	w := listing(n)
	w.name = fmt.Sprintf("list %d cold", n)
	w.rows = []row{
		{title: fmt.Sprintf("readdir + stat of %s, kernel's entries dropped", thousands(n)), unit: milliseconds},
		{title: fmt.Sprintf("`ls -l` of %s, kernel's entries dropped", thousands(n)), unit: milliseconds},
	}
	prepare := w.prepare
	w.prepare = func(c *contender) (task, error) {
		t, err := prepare(c)
		inner := t.round
		t.round = func() ([][]float64, error) {
			// 2: entries and inodes, not pages (Documentation/admin-guide/sysctl/vm.rst).
			if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0o200); err != nil {
				return nil, err
			}
			return inner()
		}
		return t, err
	}
	return w
}

func listing(n int) work {
	return work{
		name: fmt.Sprintf("list %d", n),
		prepare: func(c *contender) (task, error) {
			dir := filepath.Join(c.dir, "list")
			_, err := newRegions(dir, n)
			l := newLister(dir)
			round := func() ([][]float64, error) {
				plain, err1 := l.time(n, false)
				long, err2 := l.time(n, true)
				return [][]float64{{plain}, {long}}, errors.Join(err1, err2)
			}
			return task{round, func() error { return os.RemoveAll(dir) }}, err
		},
	}
}

// lister holds what a listing needs, allocated before the clock starts.
type lister struct {
	dir    *byte
	path   []byte // of an entry: the directory, a slash, the name and a NUL
	prefix int    // of path, up to the slash
	buffer []byte
	value  []byte
	xattrs [2]*byte
}

func newLister(dir string) *lister {
	return &lister{
		dir:    cpath(dir),
		path:   append([]byte(dir+"/"), make([]byte, 256)...),
		prefix: len(dir) + 1,
		buffer: make([]byte, 32<<10), // as glibc's opendir takes for st_blksize 4096
		value:  make([]byte, 256),
		xattrs: [2]*byte{cpath("security.selinux"), cpath("system.posix_acl_access")},
	}
}

// time lists once and answers nanoseconds. An entry too few or too many is an error.
func (l *lister) time(want int, long bool) (float64, error) {
	start := time.Now()
	fd, err := open(l.dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return 0, err
	}
	got, err := l.entries(fd, long)
	err = errors.Join(err, closeFd(fd))
	ns := since(start)
	if err == nil && got != want {
		err = fmt.Errorf("a listing has %d entries, want %d", got, want)
	}
	return ns, err
}

func (l *lister) entries(fd int, long bool) (count int, err error) {
	for {
		n, err := getdents(fd, l.buffer)
		if err != nil || n == 0 {
			return count, err
		}
		for b := l.buffer[:n]; len(b) > 0; {
			length := binary.NativeEndian.Uint16(b[16:]) // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name
			name := b[19:length]
			b = b[length:]
			if name[0] == '.' {
				continue
			}
			count++
			if err := l.entry(fd, name, long); err != nil {
				return count, err
			}
		}
	}
}

// entry looks at one: name ends in a NUL.
func (l *lister) entry(fd int, name []byte, long bool) error {
	var st unix.Stat_t
	if err := statAt(uintptr(fd), &name[0], &st); err != nil || !long {
		return err
	}
	copy(l.path[l.prefix:], name)
	for _, x := range l.xattrs {
		if _, err := lgetxattr(&l.path[0], x, l.value); err != nil {
			return err
		}
	}
	return nil
}
