//go:build linux

package mounts

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pings answers when signs of life came, after a time.
func (m *manager) pings(after time.Time) []time.Time {
	var at []time.Time
	for _, s := range m.lines() {
		if s.line == "WATCHDOG=1" && s.at.After(after) {
			at = append(at, s.at)
		}
	}
	return at
}

// A server that hangs is replaced before the watchdog gives the keeper up; a keeper that hangs says nothing.
func TestWatchdog(t *testing.T) {
	m := manage(t)
	m.watchdog = 8 * time.Second // the least that is not warned of
	m.run(t, "--size=64M")
	if strings.Contains(m.stderr.String(), "watchdog") {
		t.Errorf("a watchdog of %v is warned of: %s", m.watchdog, m.stderr)
	}
	m.waitFor(t, "signs of life", func() bool { return len(m.pings(time.Time{})) >= 3 })
	keeper := m.cmd.Process.Pid
	for _, s := range m.lines() {
		if s.pid != keeper {
			t.Errorf("%q came from process %d, and not from the keeper", s.line, s.pid)
		}
	}

	for try := 1; ; try++ {
		longest := m.silence(t, try)
		if longest < 3*time.Second/2 { // signs of life come once a second
			t.Errorf("%v without a sign of life, want 2 s and more", longest)
		}
		if longest < m.watchdog {
			break
		}
		t.Logf("%v without a sign of life", longest) // this machine was very busy
		if try == 5 {
			t.Errorf("never less than %v without a sign of life", m.watchdog)
			break
		}
	}

	m.signal(t, syscall.SIGSTOP)
	m.waitFor(t, "all threads of the keeper to stop", func() bool { return stopped(t, keeper) })
	m.heardAll(t)
	before := len(m.pings(time.Time{}))
	time.Sleep(3 * time.Second)
	if got := len(m.pings(time.Time{})) - before; got != 0 {
		t.Errorf("a keeper that is stopped gave %d signs of life", got)
	}
	m.signal(t, syscall.SIGABRT) // as systemd does
	m.signal(t, syscall.SIGCONT)
	m.wait(t)
	m.run(t, "--size=64M")
	if n := m.number(t, "keeper_restarts_total"); n != 1 {
		t.Errorf("keeper_restarts_total %d, want 1", n)
	}
}

// silence stops the server, waits for the next one, the so many'th, and answers for how long no sign of life came.
func (m *manager) silence(t *testing.T, restarts int) (longest time.Duration) {
	t.Helper()
	begun := time.Now()
	if err := syscall.Kill(m.number(t, "server_pid"), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(m.dir, fmt.Sprint("nothing", restarts))); !os.IsNotExist(err) { // waits for the next server
		t.Error(err)
	}
	m.waitFor(t, "the next server", func() bool { return m.number(t, "restarts_total") >= restarts })
	if n := m.number(t, "restarts_total"); n != restarts {
		t.Errorf("restarts_total %d, want %d", n, restarts)
	}
	m.waitFor(t, "signs of life of the next server", func() bool { return len(m.pings(begun)) >= 4 })
	last := begun
	for _, at := range m.pings(begun) {
		longest = max(longest, at.Sub(last))
		last = at
	}
	return longest
}

// heardAll waits until all has been heard that was said before.
func (m *manager) heardAll(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const mark = "X_TEST=all before this"
	before := len(m.lines())
	if err := unix.Sendto(fd, []byte(mark), 0, &unix.SockaddrUnix{Name: m.socket}); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "what was said", func() bool { return m.heard(before, mark) })
}

// While requests are refused in a crash loop they are answered: the keeper is alive, and says what is wrong.
func TestWatchdogInACrashLoop(t *testing.T) {
	m := manage(t)
	m.watchdog = 8 * time.Second
	m.run(t, "--size=64M", "--crash-loop-deaths=2", "--crash-loop-within=1h")
	for range 2 {
		killServer(t, &m.mount)
	}
	m.waitFor(t, "the status", func() bool { return m.heard(0, "STATUS=requests are refused") })
	m.waitFor(t, "the next server", func() bool {
		_, err := os.Stat(filepath.Join(m.dir, "nothing"))
		return os.IsNotExist(err)
	})
	m.waitFor(t, "the status", func() bool {
		lines := m.lines()
		i := slices.IndexFunc(lines, func(s said) bool { return strings.HasPrefix(s.line, "STATUS=requests are refused") })
		return m.heard(i, "STATUS=ok: 0 regions")
	})
}

// STATUS= is health in one line, and a reload is told of.
func TestStatusAndReload(t *testing.T) {
	m := manage(t)
	config := filepath.Join(t.TempDir(), "c.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("version = 1\nsize = \"64M\"\n")
	m.run(t, "--config="+config)
	if !m.heard(0, "STATUS=ok: 0 regions, 0 used of 64M") {
		t.Errorf("said was %+v", m.lines())
	}
	f, err := os.Create(filepath.Join(m.dir, "r"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, 63<<20); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "the status", func() bool { return m.heard(0, "STATUS=degraded: 1 region, 63M used of 64M; bytes run out") })

	write("version = 1\nsize = \"96M\"\n")
	before := len(m.lines())
	m.signal(t, syscall.SIGHUP)
	m.waitFor(t, "the reload", func() bool {
		lines := m.lines()[before:]
		begun := slices.IndexFunc(lines, func(s said) bool { return s.line == "RELOADING=1" })
		done := slices.IndexFunc(lines, func(s said) bool { return s.line == "READY=1" })
		return begun >= 0 && done > begun && m.heard(before, "MONOTONIC_USEC=")
	})
	if got := m.number(t, "arena_size_bytes"); got != 96<<20 {
		t.Errorf("arena_size_bytes %d, want %d", got, 96<<20)
	}
}
