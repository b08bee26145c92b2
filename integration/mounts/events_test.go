//go:build linux

package mounts

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// told is a line of .ctl/events, as far as tests look at it.
type told struct {
	Seq    uint64 `json:"seq"`
	Event  string `json:"event"`
	Path   string `json:"path"`
	PID    uint32 `json:"pid"`
	Reason string `json:"reason"`
	Missed uint64 `json:"missed"`
}

func parseTold(t *testing.T, line string) told {
	t.Helper()
	var x told
	if err := json.Unmarshal([]byte(line), &x); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return x
}

// events reads what is kept.
func (m *mount) events(t *testing.T) []told {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/events"))
	if err != nil {
		t.Fatal(err)
	}
	var all []told
	for line := range strings.Lines(string(b)) {
		all = append(all, parseTold(t, line))
	}
	return all
}

// following is a process that reads the stream.
type following struct {
	cmd   *exec.Cmd
	lines chan told
}

// follow starts `shmfs events --follow`, and waits until it sees what happens.
func (m *mount) follow(t *testing.T, args ...string) *following {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	f := &following{cmd: exec.Command(path, append([]string{"events", m.dir, "--follow", "--json"}, args...)...),
		lines: make(chan told, 10000)}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.cmd.Process.Kill()
		f.cmd.Wait()
	})
	go func() {
		defer close(f.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			var x told
			if json.Unmarshal(s.Bytes(), &x) == nil {
				f.lines <- x
			}
		}
	}()
	return f
}

// until reads until an event of a kind, at a path if that is not "".
func (f *following) until(t *testing.T, event, path string) told {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case x, ok := <-f.lines:
			if !ok {
				t.Fatalf("the stream ended before %s of %s", event, path)
			}
			if x.Event == event && (path == "" || x.Path == path) {
				return x
			}
		case <-late:
			t.Fatalf("no %s of %q within 10 s", event, path)
		}
	}
}

func newFile(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestEvents(t *testing.T) {
	m := serve(t, "--size=16M")
	if err := os.Mkdir(filepath.Join(m.dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	region := filepath.Join(m.dir, "d/r")
	newFile(t, region)
	if err := os.Truncate(region, 1<<40); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("1 TiB in 16 MiB: %v", err)
	}
	if err := os.Remove(region); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for i, x := range m.events(t) {
		kinds = append(kinds, x.Event)
		if x.Seq != uint64(i+1) || x.Path != "d/r" {
			t.Errorf("event %d: %+v", i, x)
		}
		if x.Event == "created" && x.PID != uint32(os.Getpid()) {
			t.Errorf("created by %d, not by %d", x.PID, os.Getpid())
		}
	}
	if want := []string{"created", "refused", "deleted"}; !slices.Equal(kinds, want) {
		t.Errorf("events are %q, want %q", kinds, want)
	}
	listed, err := os.ReadDir(filepath.Join(m.dir, ".ctl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range listed {
		if e.Name() == "stream" {
			t.Error("the stream is listed: tar and grep -r would wait for ever")
		}
	}
}

// Who follows sees everything, in order, also when the server is replaced.
func TestEventsGoOn(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=16M")
	newFile(t, filepath.Join(m.dir, "before"))
	f := m.follow(t)
	last := f.until(t, "created", "before").Seq
	for range 3 {
		newFile(t, filepath.Join(m.dir, "a"))
		x := f.until(t, "created", "a")
		if x.Seq <= last {
			t.Errorf("number %d after %d", x.Seq, last)
		}
		killServer(t, m)
		if err := os.Remove(filepath.Join(m.dir, "a")); err != nil {
			t.Fatal(err)
		}
		if r := f.until(t, "server_restarted", ""); r.Seq <= x.Seq {
			t.Errorf("number %d of the new server after %d", r.Seq, x.Seq)
		}
		last = f.until(t, "deleted", "a").Seq
	}
	if r := shmfs(t, "upgrade", m.dir); r.code != exitOK {
		t.Fatalf("upgrade: %+v", r)
	}
	newFile(t, filepath.Join(m.dir, "after"))
	f.until(t, "opened", "after")
	f.cmd.Process.Signal(syscall.SIGINT)
	begun := time.Now()
	f.cmd.Wait()
	if took := time.Since(begun); took > patience {
		t.Errorf("interrupted, it took %v to end", took)
	}
}

func TestEventFilter(t *testing.T) {
	m := serve(t, "--size=16M")
	f := m.follow(t, "--filter", "event=deleted b*")
	for _, name := range []string{"a", "b"} {
		newFile(t, filepath.Join(m.dir, name))
		if err := os.Remove(filepath.Join(m.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if x := f.until(t, "deleted", ""); x.Path != "b" {
		t.Errorf("got %+v, want the end of b only", x)
	}
}

// Readers that wait are many, take nothing from others, and end with a signal.
func TestWaitingReaders(t *testing.T) {
	const readers = 60
	m := serve(t, "--size=16M")
	stream := filepath.Join(m.dir, ".ctl/stream/events")
	fd, err := unix.Open(stream, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	if _, err := unix.Read(fd, buf); err != unix.EAGAIN {
		t.Errorf("with O_NONBLOCK it answers %v, want EAGAIN", err)
	}
	var all []*exec.Cmd
	for range readers {
		cmd := exec.Command("cat", stream)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	time.Sleep(200 * time.Millisecond)
	begun := time.Now()
	for range 50 {
		newFile(t, filepath.Join(m.dir, "x"))
		if err := os.Remove(filepath.Join(m.dir, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); took > patience {
		t.Errorf("50 regions beside %d readers took %v", readers, took)
	}
	if n, err := unix.Read(fd, buf); err != nil || !strings.Contains(string(buf[:n]), `"event":"created"`) {
		t.Errorf("it reads %q (%v)", buf[:max(n, 0)], err)
	}
	for i, cmd := range all {
		cmd.Process.Signal([]os.Signal{syscall.SIGTERM, syscall.SIGKILL}[i%2])
	}
	begun = time.Now()
	for _, cmd := range all {
		cmd.Wait()
	}
	if took := time.Since(begun); took > patience {
		t.Errorf("the readers took %v to end", took)
	}
}

// A reader that is too slow is told what it missed.
func TestMissedEvents(t *testing.T) {
	m := serve(t, "--size=16M")
	fd, err := unix.Open(filepath.Join(m.dir, ".ctl/stream/events"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const made = 3000 // each is created, opened, released, deleted
	for range made {
		newFile(t, filepath.Join(m.dir, "x"))
		if err := os.Remove(filepath.Join(m.dir, "x")); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 1<<16)
	n, err := unix.Read(fd, buf)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(buf[:n]), "\n")
	first, second := parseTold(t, lines[0]), parseTold(t, lines[1])
	if first.Event != "missed" || first.Missed == 0 || first.Missed != first.Seq || second.Seq != first.Seq+1 {
		t.Errorf("the first lines are %+v and %+v", first, second)
	}
}
