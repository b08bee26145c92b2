//go:build linux

package mounts

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
)

// Each of these is a row of docs/reliability.md.

// A server that crashes says why, and is replaced.
func TestCrashedServerIsReplaced(t *testing.T) {
	needSuccessor(t)
	for _, sig := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGABRT} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			m := serve(t, "--size=64M")
			for i := range 3 {
				if err := syscall.Kill(m.number(t, "server_pid"), sig); err != nil {
					t.Fatal(err)
				}
				if err := os.Mkdir(filepath.Join(m.dir, fmt.Sprint("d", i)), 0o700); err != nil {
					t.Errorf("mkdir: %v", err)
				}
				m.waitFor(t, "the next server", func() bool { return m.number(t, "restarts_total") == i+1 })
			}
			m.waitFor(t, "the log to say why", func() bool { return strings.Contains(m.stderr.String(), unix.SignalName(sig)+":") })
		})
	}
}

// Who reads the log of a mount in the foreground ends. The mount does not: neither where it has something to say, nor at its
// end.
func TestLogThatNobodyReads(t *testing.T) {
	needSuccessor(t)
	needRoot(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	m := &mount{dir: t.TempDir(), stderr: &lockedBuffer{}, ended: make(chan struct{})}
	m.cmd = exec.Command(path, "mount", "--foreground", m.dir, "--size=16M")
	said := &lockedBuffer{}
	m.cmd.Stdout, m.cmd.Stderr = said, out
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Close()
	go func() {
		defer close(m.ended)
		m.cmd.Wait()
	}()
	t.Cleanup(func() {
		m.finish(t)
		leftArena(t, m.dir, 0)
	})
	m.waitFor(t, "the mount", func() bool { return strings.Contains(said.String(), "shmfs on ") })
	in.Close()
	for range 2 {
		killServer(t, m)
	}
	if got := m.number(t, "restarts_total"); got != 2 {
		t.Errorf("restarts_total is %d, want 2", got)
	}
	if r := shmfs(t, "umount", m.dir); r.code != exitOK {
		t.Errorf("umount: %+v", r)
	}
}

// memoryGroup is a memory cgroup of its own (cgroups(7)).
type memoryGroup struct {
	dir string
	v2  bool
}

func newMemoryGroup(t *testing.T) memoryGroup {
	t.Helper()
	g := memoryGroup{dir: "/sys/fs/cgroup/memory"}
	if b, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); err == nil && bytes.Contains(b, []byte("memory")) {
		g = memoryGroup{dir: "/sys/fs/cgroup", v2: true}
		os.WriteFile(filepath.Join(g.dir, "cgroup.subtree_control"), []byte("+memory"), 0) // refused where it is so already
	}
	g.dir = filepath.Join(g.dir, fmt.Sprintf("shmfs-test-%d", os.Getpid()))
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		t.Skipf("needs a memory cgroup: %v", err)
	}
	removeAtTheEnd(t, g.dir)
	if _, err := os.Stat(filepath.Join(g.dir, g.file("memory.limit_in_bytes", "memory.max"))); err != nil {
		t.Skipf("needs the memory controller: %v", err)
	}
	return g
}

func (g memoryGroup) file(v1, v2 string) string {
	if g.v2 {
		return v2
	}
	return v1
}

// take moves a process there, with so much memory.
func (g memoryGroup) take(t *testing.T, pid, bytes int) {
	t.Helper()
	for _, x := range []struct {
		name  string
		value int
	}{{g.file("memory.limit_in_bytes", "memory.max"), bytes}, {"cgroup.procs", pid}} {
		if err := os.WriteFile(filepath.Join(g.dir, x.name), []byte(strconv.Itoa(x.value)), 0); err != nil {
			t.Skipf("needs a memory cgroup that takes processes: %v", err)
		}
	}
}

// kills answers how many processes of it were killed for want of memory.
func (g memoryGroup) kills(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(g.dir, g.file("memory.oom_control", "memory.events")))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			kills, _ := strconv.Atoi(strings.TrimSpace(n))
			return kills
		}
	}
	t.Fatalf("no oom_kill in %s", b)
	return 0
}

// A server that reserves more memory for a client than its cgroup has is killed in the middle of it. The next one, which
// has more, does what was asked.
func TestOutOfMemoryKillIsNotNoticed(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=256M", "--huge=never")
	m.tell(t, "limits", "mount pages=now")
	g := newMemoryGroup(t)
	f, err := os.Create(filepath.Join(m.dir, "r"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g.take(t, m.number(t, "server_pid"), 16<<20)
	const want = 128 << 20
	if err := unix.Fallocate(int(f.Fd()), 0, 0, want); err != nil {
		t.Errorf("fallocate: %v", err)
	}
	if got := g.kills(t); got != 1 {
		t.Errorf("%d processes were killed for want of memory, want the server", got)
	}
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil || s.Size != want {
		t.Errorf("the region has %d bytes (%v), want %d", s.Size, err, want)
	}
	for key, n := range map[string]int{"restarts_total": 1, "region_bytes": want, "resident_bytes": want} {
		if got := m.number(t, key); got != n {
			t.Errorf("%s is %d, want %d", key, got, n)
		}
	}
}

// An arena that is full refuses, before and after a kill, and takes again what there is room for.
func TestAFullArenaOutlivesTheServer(t *testing.T) {
	needSuccessor(t)
	for what, args := range map[string][]string{"bytes": {"--size=4M"}, "inodes": {"--size=64M", "--inodes=50"}} {
		t.Run(what, func(t *testing.T) {
			m := serve(t, append(args, "--huge=never")...)
			var made []string
			more := func() error {
				path := filepath.Join(m.dir, fmt.Sprint("r", len(made)))
				err := os.WriteFile(path, make([]byte, 64<<10), 0o600)
				if err == nil || what == "bytes" {
					made = append(made, path) // it may be there, with less in it
				}
				return err
			}
			var full error
			for range 200 {
				if full = more(); full != nil {
					break
				}
			}
			for range 3 {
				if !errors.Is(full, unix.ENOSPC) {
					t.Fatalf("a full arena answers %v, want ENOSPC", full)
				}
				killServer(t, m)
				full = more()
			}
			for _, path := range made {
				if err := os.Remove(path); err != nil {
					t.Errorf("remove from a full arena: %v", err)
				}
			}
			made = nil
			// The server hears a moment later that nobody has them any more.
			eventually(t, func() bool { full = more(); return !errors.Is(full, unix.ENOSPC) }, "room", func() any { return full })
			if full != nil {
				t.Errorf("when there is room: %v", full)
			}
		})
	}
}

// A server with few descriptors refuses what it has none for. It does not crash, and the next one takes over with as few.
func TestDescriptorLimitRefuses(t *testing.T) {
	needSuccessor(t)
	for _, io := range []string{"auto", "cached"} {
		t.Run(io, func(t *testing.T) {
			needRoot(t)
			m := serveAt(t, t.TempDir(), []string{"sh", "-c", `ulimit -n 26; exec "$@"`, "sh"}, "--size=64M", "--io="+io)
			below := filepath.Join(m.dir, "a/b")
			if err := os.MkdirAll(filepath.Join(below, "c"), 0o700); err != nil {
				t.Fatal(err)
			}
			c := &crowd{below: below, stop: make(chan struct{})}
			held := c.hold(t, 64)
			for i := range 8 {
				c.all.Add(1)
				go c.client(t, fmt.Sprint("r", i))
			}
			for range 5 {
				time.Sleep(50 * time.Millisecond)
				m.kill(t)
			}
			close(c.stop)
			c.all.Wait()
			for _, d := range held {
				d.Close()
			}
			for i := range 10 {
				free(t, filepath.Join(below, fmt.Sprint("s", i)))
			}
			if got := m.number(t, "restarts_total"); got != 5 {
				t.Errorf("restarts_total is %d after 5 kills", got)
			}
			if c.refused.Load() == 0 && io == "cached" || c.done.Load() == 0 {
				t.Errorf("%d requests were refused, %d were not: want some of both", c.refused.Load(), c.done.Load())
			}
			t.Logf("%d requests were refused, %d were not", c.refused.Load(), c.done.Load())
		})
	}
}

// free makes a region when the server has descriptors for it again: it hears a moment later of what was closed.
func free(t *testing.T, path string) {
	t.Helper()
	var err error
	eventually(t, func() bool {
		err = os.WriteFile(path, []byte("x"), 0o600)
		return !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE)
	}, "descriptor for "+path, func() any { return err })
	if err != nil {
		t.Errorf("when descriptors are free again: %v", err)
	}
}

// kill kills the server, of which it asks until there is one that can answer.
func (m *mount) kill(t *testing.T) {
	t.Helper()
	m.waitFor(t, "a server to kill", func() bool {
		b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/stats"))
		if err != nil {
			return false // it may have no descriptor for it
		}
		_, rest, _ := strings.Cut(string(b), "\nserver_pid ")
		text, _, _ := strings.Cut(rest, "\n")
		pid, err := strconv.Atoi(text)
		return err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil
	})
}

// crowd are clients that want more descriptors of a server than it has.
type crowd struct {
	below         string
	stop          chan struct{}
	all           sync.WaitGroup
	refused, done atomic.Int64
}

// took counts what was refused for want of descriptors, and answers whether a request was done.
func (c *crowd) took(t *testing.T, what string, err error) bool {
	switch {
	case err == nil:
		c.done.Add(1)
		return true
	case errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE):
		c.refused.Add(1)
	default:
		t.Errorf("%s: %v", what, err)
	}
	return false
}

// hold opens directories, and regions with and without a name, and keeps them open. In the cached way a region without a
// name is a descriptor of the server's.
func (c *crowd) hold(t *testing.T, n int) []*os.File {
	t.Helper()
	var held []*os.File
	for i := range n {
		for _, x := range []struct {
			path  string
			flags int
		}{
			{c.below, os.O_RDONLY}, {c.below, unix.O_TMPFILE | os.O_RDWR},
			{filepath.Join(c.below, fmt.Sprint("h", i)), os.O_CREATE | os.O_RDWR},
		} {
			f, err := os.OpenFile(x.path, x.flags, 0o600)
			if c.took(t, "open "+x.path, err) {
				held = append(held, f)
			}
		}
	}
	return held
}

// client makes, opens and unlinks a region again and again.
func (c *crowd) client(t *testing.T, name string) {
	defer c.all.Done()
	path := filepath.Join(c.below, name)
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if !c.took(t, "create", err) {
			continue
		}
		c.took(t, "truncate", f.Truncate(8192))
		nameless, err := unix.Open(c.below, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		if c.took(t, "O_TMPFILE", err) {
			unix.Close(nameless)
		}
		f.Close()
		c.took(t, "remove", os.Remove(path))
	}
}

// In the cached way pages are in the mount's own page cache, and outlive the server with it.
func TestKilledCachedServer(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M", "--io=cached")
	path := filepath.Join(m.dir, "r")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	for i := range 5 {
		mem[i], mem[4096*i] = byte(i+1), byte(i+1) // before, not yet written to the arena
		killServer(t, m)
		mem[8192*(i+1)] = byte(i + 1) // a page that was not there
		if _, err := f.WriteAt([]byte{byte(i + 1)}, 1<<19); err != nil {
			t.Errorf("write: %v", err)
		}
		if err := unix.Msync(mem, unix.MS_SYNC); err != nil {
			t.Errorf("msync: %v", err)
		}
		b := make([]byte, 1<<20)
		direct, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Pread(direct, b, 0); err != nil || !bytes.Equal(b, mem) {
			t.Errorf("after kill %d the server reads other bytes than are mapped (%v)", i, err)
		}
		if err := unix.Flock(direct, unix.LOCK_SH|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			t.Errorf("the lock was lost: %v", err)
		}
		unix.Close(direct)
	}
}

// A mount command that runs out of descriptors on its way leaves no mount and no arena, wherever that was.
func TestTooFewDescriptorsToMount(t *testing.T) {
	needRoot(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for most := 8; most < 64; most++ {
		r := run(t, exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$@"`, most), "sh", path, "mount", dir, "--size=64M"))
		if r.code == exitOK {
			t.Logf("%d are enough", most)
			if r := shmfs(t, "umount", dir); r.code != exitOK {
				t.Errorf("umount: %+v", r)
			}
			return
		}
		if mounted(t, dir) {
			fusemount.Unmount(dir, true)
			t.Errorf("with %d descriptors a mount is left: %+v", most, r)
		}
		leftArena(t, dir, 0)
		if strings.Contains(r.stderr, unix.EBADF.Error()) {
			t.Errorf("with %d descriptors one was closed twice: %+v", most, r)
		}
	}
	t.Error("64 descriptors are not enough")
}
