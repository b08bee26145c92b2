//go:build linux

package mounts

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	limitedTo  = 4 << 20 // bytes
	limitedAt  = 5       // regions, nodes
	page       = 4096
	limitUser  = 4242
	limitGroup = 4243
)

// kindOfLimit is where a limit is set, and what a program hears that meets it.
type kindOfLimit struct {
	name  string
	errno syscall.Errno
	// set sets limits below which dir is: "bytes=4M", "regions=5".
	set func(t *testing.T, m *mount, dir, limit string)
	as  uint32 // user and group who grow; 0 is root
}

// tell writes to a control file, and fails where that is refused.
func (m *mount) tell(t *testing.T, file, line string) {
	t.Helper()
	if err := m.try(file, line); err != nil {
		t.Fatalf("%s > %s: %v\n%s", line, file, err, m.lastError(t))
	}
}

func (m *mount) try(file, line string) error {
	return os.WriteFile(filepath.Join(m.dir, ".ctl", file), []byte(line), 0)
}

func (m *mount) relative(t *testing.T, dir string) string {
	t.Helper()
	rel, err := filepath.Rel(m.dir, dir)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

var kindsOfLimit = []kindOfLimit{
	{name: "mount", errno: syscall.ENOSPC, set: func(t *testing.T, m *mount, _, limit string) {
		if bytes, ok := strings.CutPrefix(limit, "bytes="); ok {
			m.tell(t, "config", "size="+bytes)
			return
		}
		m.tell(t, "limits", "mount "+limit)
	}},
	{name: "directory", errno: syscall.EDQUOT, set: func(t *testing.T, m *mount, dir, limit string) {
		m.tell(t, "limits", "directory "+m.relative(t, dir)+" "+limit)
	}},
	{name: "xattr", errno: syscall.EDQUOT, set: func(t *testing.T, m *mount, dir, limit string) {
		if err := unix.Setxattr(dir, "user.shmfs.limit", []byte(limit), 0); err != nil {
			t.Fatal(err)
		}
	}},
	{name: "directory above", errno: syscall.EDQUOT, set: func(t *testing.T, m *mount, dir, limit string) {
		m.tell(t, "limits", "directory "+m.relative(t, filepath.Dir(dir))+" "+limit)
	}},
	{name: "user", errno: syscall.EDQUOT, as: limitUser, set: func(t *testing.T, m *mount, _, limit string) {
		m.tell(t, "limits", fmt.Sprintf("user %d %s", limitUser, limit))
	}},
	{name: "group", errno: syscall.EDQUOT, as: limitUser, set: func(t *testing.T, m *mount, _, limit string) {
		m.tell(t, "limits", fmt.Sprintf("group %d %s", limitGroup, limit))
	}},
	{name: "every user", errno: syscall.EDQUOT, as: limitUser, set: func(t *testing.T, m *mount, _, limit string) {
		m.tell(t, "config", "user_limit="+limit)
	}},
}

// Whoever is refused hears who holds the most of what is full.
func TestRefusalsNameWhoHoldsTheMost(t *testing.T) {
	g := newCgroup(t, "most")
	for _, x := range []struct{ limit, want string }{
		{"mount regions=3", "; user 0 holds the most, 2"},
		{"directory d bytes=3M", "; user 0 holds the most, 2.0M"},
		{"user 0 bytes=4M", "; the directory d holds the most, 2.0M"},
		{"group 0 regions=3", "; user 0 holds the most, 2"},
		{"cgroup " + g.path + " bytes=1M", "; owner "},
	} {
		t.Run(x.limit, func(t *testing.T) {
			m := serve(t, "--size=64M", "--huge=never")
			d := m.mkdir(t, "d")
			wantErrno(t, "in the directory", growTo(filepath.Join(d, "a"), 2<<20), 0)
			wantErrno(t, "in the cgroup", g.growTo(t, filepath.Join(m.dir, "b"), 1<<20), 0)
			wantErrno(t, "as another user", errors.Join(growTo(filepath.Join(d, "c"), 1<<20),
				os.Chown(filepath.Join(d, "c"), limitUser, 0)), 0)
			m.tell(t, "limits", x.limit)
			if err := g.growTo(t, filepath.Join(d, "more"), 3<<20); err == nil {
				t.Fatal("it is granted")
			}
			for range 2 { // it stays as it was first told
				if got := m.lastError(t); !strings.Contains(got, x.want) || strings.Count(got, "holds the most") != 1 {
					t.Errorf("got %s, want %q", got, x.want)
				}
			}
		})
	}
	m := serve(t, "--size=4M", "--huge=never")
	wantErrno(t, "a part", growTo(filepath.Join(m.dir, "a"), 3<<20), 0)
	wantErrno(t, "more than there is", growTo(filepath.Join(m.dir, "b"), 2<<20), syscall.ENOSPC)
	if got := m.lastError(t); !strings.Contains(got, "; user 0 holds the most, 3.0M") {
		t.Errorf("got %s", got)
	}
}

// wayToGrow makes a region reach to size, and answers what it was told.
type wayToGrow struct {
	name string
	grow func(dir string, size int64) error
}

func withFile(dir string, flags int, f func(fd int) error) error {
	fd, err := unix.Open(filepath.Join(dir, "f"), flags|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

// Descriptors are for writing only: in the cached way a region that may be mapped for writing counts twice for the mount.
var waysToGrow = []wayToGrow{
	{"ftruncate", func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error { return unix.Ftruncate(fd, size) })
	}},
	{"truncate", func(dir string, size int64) error {
		if err := withFile(dir, unix.O_WRONLY, func(int) error { return nil }); err != nil {
			return err
		}
		return unix.Truncate(filepath.Join(dir, "f"), size)
	}},
	{"fallocate", func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error { return unix.Fallocate(fd, 0, 0, size) })
	}},
	{"fallocate past the end", func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error { return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, size) })
	}},
	{"write", func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error { return writeAll(fd, size) })
	}},
	{"append", func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY|unix.O_APPEND, func(fd int) error { return writeAll(fd, size) })
	}},
	{"a byte at the end", func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error {
			_, err := unix.Pwrite(fd, []byte{1}, size-1)
			return err
		})
	}},
	{"copy_file_range", copyGrow},
	{"O_TMPFILE", func(dir string, size int64) error {
		fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Ftruncate(fd, size)
	}},
	{"an unlinked region", func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error {
			if err := unix.Unlink(filepath.Join(dir, "f")); err != nil {
				return err
			}
			return unix.Ftruncate(fd, size)
		})
	}},
	{"rename", func(dir string, size int64) error { return grownElsewhere(dir, size, unix.Rename) }},
	{"link", func(dir string, size int64) error { return grownElsewhere(dir, size, unix.Link) }},
	{"rename of a directory", func(dir string, size int64) error {
		return grownElsewhere(dir, size, func(from, to string) error {
			sub := filepath.Join(filepath.Dir(from), "sub")
			if err := errors.Join(unix.Mkdir(sub, 0o755), unix.Rename(from, filepath.Join(sub, "x"))); err != nil {
				return err
			}
			return unix.Rename(sub, to)
		})
	}},
}

// comesFromElsewhere are those that bring a region in: what is the mount's, or the owner's, is so wherever it stands.
func (w wayToGrow) comesFromElsewhere() bool {
	return strings.HasPrefix(w.name, "rename") || w.name == "link"
}

// writeAll writes size bytes, from the end of what is there on if it appends.
func writeAll(fd int, size int64) error {
	block := bytes.Repeat([]byte("x"), 300_000)
	for done := int64(0); done < size; {
		n, err := unix.Write(fd, block[:min(size-done, int64(len(block)))])
		if err != nil {
			return err
		}
		done += int64(n)
	}
	return nil
}

// copyGrow copies from a region that is outside of every limit but the mount's: from a memory file.
func copyGrow(dir string, size int64) error {
	return withFile(dir, unix.O_WRONLY, func(fd int) error {
		if err := unix.Ftruncate(fd, size/2); err != nil {
			return err
		}
		source, err := unix.Open(filepath.Join(dir, "f"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(source)
		from, to := int64(0), size/2
		for to < size {
			n, err := unix.CopyFileRange(source, &from, fd, &to, int(min(size-to, size/2)), 0)
			if err != nil {
				return err
			}
			if n == 0 {
				return errors.New("nothing was copied")
			}
			from = 0
		}
		return nil
	})
}

// grownElsewhere makes a region beside the limited directories, and moves it in.
func grownElsewhere(dir string, size int64, move func(from, to string) error) error {
	outside := filepath.Join(filepath.Dir(filepath.Dir(dir)), "outside")
	from := filepath.Join(outside, "f")
	fd, err := unix.Open(from, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, size); err != nil {
		return err
	}
	return move(from, filepath.Join(dir, "f"))
}

// actAs runs f as another user. The thread is not used again.
func actAs(id uint32, f func() error) error {
	if id == 0 {
		return f()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		unix.Syscall(unix.SYS_SETFSGID, limitGroup, 0, 0)
		unix.Syscall(unix.SYS_SETFSUID, uintptr(id), 0, 0)
		done <- f()
	}()
	return <-done
}

// Every way of growing meets every kind of limit: what fits is granted, a byte more is refused with the right errno, and
// the reason is told.
func TestLimitsHoldWhateverGrows(t *testing.T) {
	for _, io := range []string{"auto", "cached"} {
		t.Run(io, func(t *testing.T) {
			m := serve(t, "--io="+io, "--size=1G", "--huge=never", "--mode=1777")
			makeReachable(t, m.dir)
			for _, k := range kindsOfLimit {
				t.Run(k.name, func(t *testing.T) {
					for _, w := range waysToGrow {
						if w.comesFromElsewhere() && k.name != "directory" && k.name != "directory above" && k.name != "xattr" {
							continue
						}
						t.Run(w.name, func(t *testing.T) { limitHolds(t, m, k, w) })
					}
				})
			}
		})
	}
}

// underLimit makes a directory to grow in, below another one, with everything as it was afterwards.
func underLimit(t *testing.T, m *mount, k kindOfLimit, limit string) string {
	t.Helper()
	top, outside := filepath.Join(m.dir, "top"), filepath.Join(m.dir, "outside")
	dir := filepath.Join(top, "in")
	for _, d := range []string{top, dir, outside} {
		if err := errors.Join(os.Mkdir(d, 0o777), os.Chmod(d, 0o777)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := errors.Join(os.RemoveAll(top), os.RemoveAll(outside)); err != nil {
			t.Error(err)
		}
		m.tell(t, "config", "size=1G")
		m.tell(t, "config", "user_limit=max")
		for _, subject := range []string{"mount", fmt.Sprint("user ", limitUser), fmt.Sprint("group ", limitGroup)} {
			m.tell(t, "limits", subject+" regions=max")
			m.tell(t, "limits", subject+" largest=max")
			if subject != "mount" {
				m.tell(t, "limits", subject+" bytes=max")
			}
		}
	})
	k.set(t, m, dir, limit)
	return dir
}

func limitHolds(t *testing.T, m *mount, k kindOfLimit, w wayToGrow) {
	dir := underLimit(t, m, k, fmt.Sprintf("bytes=%d", limitedTo))
	grow := func(size int64) error { return actAs(k.as, func() error { return w.grow(dir, size) }) }
	clear := func() {
		for _, d := range []string{dir, filepath.Join(m.dir, "outside")} {
			entries, err := os.ReadDir(d)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if err := os.RemoveAll(filepath.Join(d, e.Name())); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := grow(limitedTo); err != nil {
		t.Fatalf("up to the limit: %v\n%s", err, m.lastError(t))
	}
	clear()
	if err := grow(limitedTo + 1); !errors.Is(err, k.errno) {
		t.Fatalf("a byte more: got %v, want %v", err, k.errno)
	}
	if told := m.lastError(t); !strings.Contains(told, "promised") || !strings.Contains(told, "remedy=\"remove regions") {
		t.Errorf("not told why: %s", told)
	}
	clear()
	if err := grow(limitedTo); err != nil {
		t.Errorf("again up to the limit: %v\n%s", err, m.lastError(t))
	}
}

func (m *mount) lastError(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/errors"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// Everything that makes a node meets the limits of numbers.
func TestLimitsOfNumbers(t *testing.T) {
	ways := []struct {
		name string
		node bool // no region: counts as node only
		make func(dir, path string) error
	}{
		{"create", false, func(_, path string) error {
			fd, err := unix.Open(path, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR, 0o644)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}},
		{"mknod", false, func(_, path string) error { return unix.Mknod(path, unix.S_IFREG|0o644, 0) }},
		{"mkdir", true, func(_, path string) error { return unix.Mkdir(path, 0o755) }},
		{"symlink", true, func(_, path string) error { return unix.Symlink("to", path) }},
		{"fifo", true, func(_, path string) error { return unix.Mkfifo(path, 0o644) }},
		{"rename", false, func(dir, path string) error {
			from := filepath.Join(filepath.Dir(filepath.Dir(dir)), "outside", filepath.Base(path))
			return errors.Join(os.WriteFile(from, nil, 0o644), unix.Rename(from, path))
		}},
	}
	m := serve(t, "--size=64M", "--mode=1777")
	for _, k := range kindsOfLimit[:4] {
		for _, w := range ways {
			limit := "regions"
			if w.node {
				limit = "nodes"
			}
			if k.name == "mount" && (w.node || w.name == "rename") {
				continue // inodes= is that limit; a rename brings nothing new
			}
			t.Run(k.name+"/"+w.name, func(t *testing.T) {
				most := limitedAt
				if w.node && k.name == "directory above" {
					most-- // the directory below is one
				}
				dir := underLimit(t, m, k, fmt.Sprintf("%s=%d", limit, limitedAt))
				for i := range most {
					if err := w.make(dir, filepath.Join(dir, fmt.Sprint(i))); err != nil {
						t.Fatalf("number %d: %v\n%s", i, err, m.lastError(t))
					}
				}
				if err := w.make(dir, filepath.Join(dir, "more")); !errors.Is(err, k.errno) {
					t.Errorf("one more: got %v, want %v", err, k.errno)
				}
				if err := os.RemoveAll(filepath.Join(dir, "0")); err != nil {
					t.Fatal(err)
				}
				if err := w.make(dir, filepath.Join(dir, "again")); err != nil {
					t.Errorf("in the place of another one: %v", err)
				}
			})
		}
	}
}
