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

// needSuccessor skips where a dead server cannot be replaced: before Linux 6.9 the kernel does not send again what it
// had read.
func needSuccessor(t *testing.T) {
	t.Helper()
	need69(t, "FUSE_NOTIFY_RESEND")
}

// needPassthrough skips where the kernel passes no data through.
func needPassthrough(t *testing.T) {
	t.Helper()
	need69(t, "FUSE_PASSTHROUGH")
}

func need69(t *testing.T, what string) {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	if major < 6 || major == 6 && minor < 9 {
		t.Skipf("needs Linux 6.9 (%s): this is %d.%d", what, major, minor)
	}
}

// killServer kills the server of a mount, and not its keeper.
func killServer(t *testing.T, m *mount) {
	t.Helper()
	if err := syscall.Kill(m.number(t, "server_pid"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// Each of these is a row of docs/reliability.md.

func TestKilledServerIsNotNoticed(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	path := filepath.Join(m.dir, "r")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	keeper := m.number(t, "keeper_pid")
	for i := range 5 {
		killServer(t, m)
		mem[i]++
		if err := os.Mkdir(filepath.Join(m.dir, fmt.Sprint("d", i)), 0o700); err != nil {
			t.Errorf("mkdir after kill %d: %v", i, err)
		}
		if _, err := f.WriteAt([]byte{byte(i)}, 1<<19); err != nil {
			t.Errorf("write after kill %d: %v", i, err)
		}
	}
	for key, want := range map[string]int{"restarts_total": 5, "keeper_pid": keeper, "regions": 1, "directories": 5,
		"open_descriptors": 1, "regions_in_use": 1, "region_bytes": 1 << 20} {
		if got := m.number(t, key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
	if mem[4] != 1 || mem[1<<19] != 4 {
		t.Errorf("the mapping has %d and %d, want 1 and 4", mem[4], mem[1<<19])
	}
}

func TestStoppedServerIsReplaced(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	server := m.number(t, "server_pid")
	if err := syscall.Kill(server, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "all of its threads to stop", func() bool { return stopped(t, server) })
	begun := time.Now()
	if err := os.Mkdir(filepath.Join(m.dir, "d"), 0o700); err != nil {
		t.Errorf("mkdir while the server is stopped: %v", err)
	}
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("it took %v, want some 3 s", took)
	}
	if got := m.number(t, "restarts_total"); got != 1 {
		t.Errorf("restarts_total %d, want 1", got)
	}
}

// stopped answers whether no thread of a process runs any more (proc_pid_stat(5)): they stop one after the other, and one
// that waits for requests may serve some more. None runs of one that its keeper has ended before this process came to look.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		t.Fatalf("threads of %d: %v", pid, err)
	}
	for _, task := range tasks {
		b, err := os.ReadFile(task)
		if err != nil {
			continue // it has ended
		}
		if _, state, ok := strings.Cut(string(b), ") "); !ok || state[0] != 'T' {
			return false
		}
	}
	return true
}

func TestLocksAndUnlinkedRegionsOutliveTheServer(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	if got := m.stat(t, "mode"); got != "passthrough" {
		t.Skipf("without passthrough unlinked regions end with the server: %s", m.stat(t, "mode_reason"))
	}
	path := filepath.Join(m.dir, "r")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("still here"); err != nil {
		t.Fatal(err)
	}
	other, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	killServer(t, m)
	if err := unix.Flock(int(other.Fd()), unix.LOCK_SH|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("the lock was lost: %v", err)
	}
	if err := f.Truncate(5); err != nil {
		t.Errorf("truncate of an unlinked region: %v", err)
	}
	b := make([]byte, 10)
	if n, err := other.ReadAt(b, 0); n != 5 || string(b[:n]) != "still" {
		t.Errorf("an unlinked region reads %q (%v)", b[:n], err)
	}
}

// Without passthrough the server's own descriptor keeps an unlinked region, and ends with it. What has a name does not.
func TestCachedServerLosesUnlinkedRegionsOnly(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M", "--io=cached")
	kept, gone := filepath.Join(m.dir, "kept"), filepath.Join(m.dir, "gone")
	for _, path := range []string{kept, gone} {
		if err := os.WriteFile(path, []byte("bytes"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(gone, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	killServer(t, m)
	if err := f.Truncate(1); !errors.Is(err, unix.ESTALE) {
		t.Errorf("truncate of an unlinked region: %v, want ESTALE", err)
	}
	if b, err := os.ReadFile(kept); err != nil || string(b) != "bytes" {
		t.Errorf("a region with a name reads %q (%v)", b, err)
	}
}

// waitGone waits until a server whose keeper is gone has ended.
func waitGone(t *testing.T, server int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if err := syscall.Kill(server, 0); errors.Is(err, unix.ESRCH) {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the server outlives its keeper")
		}
	}
}

func TestServerEndsWithItsKeeper(t *testing.T) {
	m := serve(t, "--size=64M")
	server := m.number(t, "server_pid")
	m.cmd.Process.Kill()
	<-m.ended
	waitGone(t, server)
	if _, err := os.ReadDir(m.dir); !errors.Is(err, unix.ENOTCONN) {
		t.Errorf("the mount answers %v, want ENOTCONN", err)
	}
	replaceDead(t, m.dir)
	if r := shmfs(t, "umount", m.dir); r.code != exitOK {
		t.Errorf("umount: %+v", r)
	}
}

// What was set while mounted is still so in the next server.
func TestSettingsOutliveTheServer(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	config := filepath.Join(m.dir, ".ctl/config")
	if err := os.WriteFile(config, []byte("keep=true\n"), 0); err != nil {
		t.Fatal(err)
	}
	killServer(t, m)
	b, err := os.ReadFile(config)
	if err != nil || !strings.Contains(string(b), "\nkeep = true\n") {
		t.Errorf("keep=true is lost (%v):\n%s", err, b)
	}
	if err := os.WriteFile(config, []byte("keep=false\n"), 0); err != nil {
		t.Error(err)
	}
}

// A server that dies again and again is started later and later, and requests fail instead of waiting.
func TestACrashLoopIsRefused(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M", "--crash-loop-deaths=2", "--crash-loop-within=1h")
	// Some ask all the time, so that somebody waits when the server is gone.
	answers, stop := make(chan error, 8), make(chan struct{})
	var all sync.WaitGroup
	for i := range cap(answers) {
		all.Go(func() {
			err := error(os.ErrNotExist)
			for n := 0; errors.Is(err, os.ErrNotExist); n++ {
				select {
				case <-stop:
					return
				default:
				}
				_, err = os.Stat(filepath.Join(m.dir, fmt.Sprint("nobody has asked for ", i, " ", n)))
			}
			answers <- err
		})
	}
	for range 2 {
		killServer(t, m)
	}
	select {
	case err := <-answers:
		if !errors.Is(err, unix.EIO) {
			t.Errorf("in a crash loop a request gets %v, want EIO", err)
		}
	case <-time.After(patience):
		t.Error("in a crash loop no request fails")
	}
	close(stop)
	all.Wait()
	m.waitFor(t, "the next server", func() bool {
		_, err := os.Stat(filepath.Join(m.dir, "nor for this"))
		return errors.Is(err, os.ErrNotExist)
	})
	if got := m.number(t, "restarts_total"); got != 2 {
		t.Errorf("restarts_total %d, want 2", got)
	}
}
