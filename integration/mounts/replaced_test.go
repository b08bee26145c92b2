//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func exchange(from, to string) error {
	return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
}

// replace renames to where a region was that was closed: the server hears of that a moment later.
func replace(from, to string) error {
	err := unix.Rename(from, to)
	for end := time.Now().Add(patience); errors.Is(err, unix.EDQUOT) && time.Now().Before(end); err = unix.Rename(from, to) {
		time.Sleep(time.Millisecond)
	}
	return err
}

// fullDirectory makes a directory that is full: of a region of 1 MiB.
func fullDirectory(t *testing.T, m *mount, name string) (dir, old string) {
	t.Helper()
	dir = m.mkdir(t, name)
	old = filepath.Join(dir, "old")
	wantErrno(t, "up to the limit", growTo(old, 1<<20), 0)
	m.tell(t, "limits", "directory "+name+" bytes=1M,regions=1,nodes=1")
	return dir, old
}

// Where a directory is full, a rename brings in what fits into the place of what it replaces, or is exchanged for, and
// nothing more.
func TestRenameIntoAFullDirectory(t *testing.T) {
	for _, io := range []string{"auto", "cached"} {
		t.Run(io, func(t *testing.T) {
			m := serve(t, "--io="+io, "--size=64M", "--huge=never")
			dir, old := fullDirectory(t, m, "full")
			at := func(name string) string { return filepath.Join(m.dir, name) }
			wantErrno(t, "as large", growTo(at("new"), 1<<20), 0)
			wantErrno(t, "beside it", unix.Rename(at("new"), filepath.Join(dir, "more")), syscall.EDQUOT)
			wantErrno(t, "in exchange", exchange(at("new"), old), 0)
			wantErrno(t, "in its place", replace(at("new"), old), 0)
			wantErrno(t, "a link in its place", errors.Join(os.Symlink("x", at("link")), replace(at("link"), old)), 0)
			wantErrno(t, "in the place of a link", errors.Join(growTo(at("new"), 1<<20), unix.Rename(at("new"), old)), 0)
			wantErrno(t, "larger", growTo(at("larger"), 1<<20+1), 0)
			wantErrno(t, "a larger one", unix.Rename(at("larger"), old), syscall.EDQUOT)
			wantErrno(t, "a larger one in exchange", exchange(at("larger"), old), syscall.EDQUOT)
			if got := m.lastError(t); !strings.Contains(got, "bytes of the directory full are promised, and 4.0K more asked for") {
				t.Errorf("not told why: %s", got)
			}
			if got := m.usage(t, "directory", "full", "peak_promised"); got != 1<<20 {
				t.Errorf("the directory held %d bytes, and may hold %d", got, 1<<20)
			}
		})
	}
}

// What somebody has keeps its room when it is replaced, until he lets go of it.
func TestReplacedInUseKeepsItsRoom(t *testing.T) {
	for _, io := range []string{"auto", "cached"} {
		t.Run(io, func(t *testing.T) {
			m := serve(t, "--io="+io, "--size=64M", "--huge=never")
			_, old := fullDirectory(t, m, "full")
			next := filepath.Join(m.dir, "new")
			wantErrno(t, "another one", growTo(next, page), 0)
			fd, err := unix.Open(old, unix.O_RDWR|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			p, err := unix.Mmap(fd, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			if err != nil {
				t.Fatal(err)
			}
			wantErrno(t, "in the place of what is open", unix.Rename(next, old), syscall.EDQUOT)
			unix.Close(fd)
			wantErrno(t, "in the place of what is mapped", unix.Rename(next, old), syscall.EDQUOT)
			p[0] = 1
			unix.Munmap(p)
			wantErrno(t, "when nobody has it", replace(next, old), 0)
			m.waitFor(t, "its memory", func() bool { return m.usage(t, "directory", "full", "promised") == page })
		})
	}
}

// Directories make room for each other with all that is in them.
func TestRenameOfDirectoriesWhereItIsFull(t *testing.T) {
	m := serve(t, "--size=64M", "--huge=never")
	for _, name := range []string{"a/in", "b/in", "b/small"} {
		m.mkdir(t, name)
		wantErrno(t, name, growTo(filepath.Join(m.dir, name, "f"), map[bool]int64{true: page, false: 1 << 20}[name == "b/small"]), 0)
	}
	m.tell(t, "limits", "directory a bytes=1M,regions=1,nodes=2")
	a, b := filepath.Join(m.dir, "a/in"), filepath.Join(m.dir, "b/in")
	wantErrno(t, "beside it", unix.Rename(b, filepath.Join(m.dir, "a/more")), syscall.EDQUOT)
	wantErrno(t, "in exchange", exchange(a, b), 0)
	wantErrno(t, "a region beside it", growTo(filepath.Join(b, "g"), page), 0)
	wantErrno(t, "one more in exchange", exchange(b, a), syscall.EDQUOT)
	wantErrno(t, "for a region", exchange(a, filepath.Join(b, "g")), 0)
	wantErrno(t, "for a directory again", exchange(a, filepath.Join(b, "g")), 0)
	wantErrno(t, "not empty", unix.Rename(filepath.Join(m.dir, "b/small"), a), syscall.EDQUOT)
	wantErrno(t, "empty", unix.Unlink(filepath.Join(a, "f")), 0)
	wantErrno(t, "in the place of an empty one", replace(filepath.Join(m.dir, "b/small"), a), 0)
	for key, want := range map[string]int64{"promised": page, "regions": 1, "nodes": 2} {
		m.waitFor(t, fmt.Sprint(key, " of ", want), func() bool { return m.usage(t, "directory", "a", key) == want })
	}
}

// Some replace and exchange in a full directory, others take what room there is: it never holds more than it may, and
// what was exchanged is there.
func TestRenamesAndGrowersAtTheLimit(t *testing.T) {
	const rounds, limit = 60, 1 << 20
	m := serve(t, "--size=64M", "--huge=never")
	dir := m.mkdir(t, "full")
	m.tell(t, "limits", fmt.Sprintf("directory full bytes=%d", limit))
	pair := func(g int) (inside, outside string) {
		return filepath.Join(dir, fmt.Sprint("x", g)), filepath.Join(m.dir, fmt.Sprint("y", g))
	}
	for g := range 2 {
		inside, outside := pair(g)
		wantErrno(t, "in the directory", growTo(inside, limit/4), 0)
		wantErrno(t, "outside", growTo(outside, limit/4), 0)
	}
	var all sync.WaitGroup
	for g := range 2 {
		inside, outside := pair(g)
		all.Go(func() {
			for i := range rounds {
				wantErrno(t, "exchange", exchange(outside, inside), 0)
				if i%4 == 0 {
					wantErrno(t, "replace, and another one", errors.Join(replace(outside, inside), growTo(outside, limit/4)), 0)
				}
			}
		})
		all.Go(func() {
			name := filepath.Join(dir, fmt.Sprint("g", g))
			for i := range rounds {
				if err := growTo(name, int64(i%8+1)*limit/8); err != nil && !errors.Is(err, unix.EDQUOT) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := m.usage(t, "directory", "full", "peak_promised"); got > limit || got < limit/2 {
		t.Errorf("the directory held %d bytes at most, and may hold %d", got, limit)
	}
	for g := range 2 {
		inside, _ := pair(g)
		if err := touch(inside, limit/4); err != nil {
			t.Error(err)
		}
	}
}

// Servers are killed while regions are exchanged and replaced in a full directory: each rename is done once, and what is
// counted is what is there.
func TestRenamesIntoAFullDirectoryOutliveTheServer(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M", "--huge=never")
	dir, old := fullDirectory(t, m, "full")
	next := filepath.Join(m.dir, "new")
	const kills = 6 // more in such a short time are a crash loop
	stop := make(chan struct{})
	ended := make(chan int)
	go func() {
		rounds := 0
		for ; ; rounds++ {
			select {
			case <-stop:
				ended <- rounds
				return
			default:
			}
			wantErrno(t, "another one", growTo(next, 1<<20), 0)
			wantErrno(t, "in exchange", exchange(next, old), 0)
			wantErrno(t, "in its place", replace(next, old), 0)
		}
	}()
	for range kills {
		killServer(t, m)
		time.Sleep(50 * time.Millisecond)
	}
	close(stop)
	if rounds := <-ended; rounds == 0 {
		t.Error("nothing was renamed")
	}
	for key, want := range map[string]int64{"promised": 1 << 20, "regions": 1, "nodes": 1} {
		m.waitFor(t, fmt.Sprint(key, " of ", want), func() bool { return m.usage(t, "directory", "full", key) == want })
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the directory has %d entries, %v", len(entries), err)
	}
}
