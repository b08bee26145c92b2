//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// setLife says when what is at a path ends.
func (m *mount) setLife(t *testing.T, path, attribute, value string) string {
	t.Helper()
	full := filepath.Join(m.dir, path)
	if err := os.MkdirAll(full, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(full, "user.shmfs."+attribute, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
	return full
}

// cares reads .ctl/gc, by path.
func (m *mount) cares(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/gc"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(b)) {
		path, rest, _ := strings.Cut(strings.TrimPrefix(line, "path="), " ")
		all[path] = strings.TrimSpace(rest)
	}
	return all
}

func gone(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// keeps fails if a path is gone within a time in which it would have ended.
func keeps(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if gone(path) {
			t.Fatalf("%s is gone", path)
		}
	}
}

// maker starts a shell that runs a script and then waits, and kills it with all its children at the end of the test.
func maker(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("bash", "-c", script+"; echo ready; sleep 600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { killGroup(cmd) })
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return cmd
}

func killGroup(cmd *exec.Cmd) {
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	cmd.Wait()
}

func TestOwnerLifetime(t *testing.T) {
	m := serve(t, "--size=64M")
	dir := m.setLife(t, "jobs", "lifetime", "owner,grace=100ms")
	pinned := m.setLife(t, "jobs/kept", "pin", "true")
	a, b, kept, plain := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(pinned, "c"), filepath.Join(m.dir, "plain")
	cmd := maker(t, fmt.Sprintf("echo x > %s; echo x > %s; echo x > %s; echo x > %s", a, b, kept, plain))
	m.waitFor(t, "the owner", func() bool { return strings.Contains(m.cares(t)["jobs/a"], "state=owner_alive") })
	survivor, err := os.OpenFile(b, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer survivor.Close()
	if err := survivor.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(survivor.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	copy(mem, "mine")
	survivor.Close() // the mapping alone keeps it
	killGroup(cmd)
	m.waitFor(t, "the end of a", func() bool { return gone(a) })
	keeps(t, b)
	if gone(kept) || gone(plain) {
		t.Errorf("pinned is gone: %v; without a lifetime is gone: %v", gone(kept), gone(plain))
	}
	if string(mem[:4]) != "mine" {
		t.Errorf("the survivor reads %q", mem[:4])
	}
	if err := unix.Munmap(mem); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "the end of b", func() bool { return gone(b) })
	told := func() string {
		var paths []string
		for _, x := range m.events(t) {
			if x.Event == "deleted" && strings.Contains(x.Reason, "owner") {
				paths = append(paths, x.Path)
			}
		}
		return strings.Join(paths, " ")
	}
	eventually(t, func() bool { return told() == "jobs/a jobs/b" }, "word of both ends", func() any { return told() })
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("listed: %v (%v), want kept only", names, err)
	}
}

func TestLastUserLifetime(t *testing.T) {
	m := serve(t, "--size=64M")
	dir := m.setLife(t, "d", "lifetime", "last-user,grace=100ms")
	path := filepath.Join(dir, "r")
	first, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	keeps(t, path)
	second, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	keeps(t, path)
	second.Close()
	m.waitFor(t, "the end", func() bool { return gone(path) })
	if err := os.WriteFile(path, []byte("again"), 0o600); err != nil {
		t.Fatalf("the name cannot be used again: %v", err)
	}
}

func TestTimeToLive(t *testing.T) {
	m := serve(t, "--size=64M")
	dir := m.setLife(t, "d", "lifetime", "ttl=2s")
	used, unused := filepath.Join(dir, "used"), filepath.Join(dir, "unused")
	begun := time.Now()
	newFile(t, used)
	last := time.Now() // before it was used last
	newFile(t, unused)
	for !gone(unused) {
		now := time.Now()
		_, err := os.ReadFile(used)
		switch {
		case err == nil:
			last = now
		case time.Since(last) < 2*time.Second:
			t.Fatalf("in use: %v", err)
		default: // this process did not come to use it in time
			newFile(t, used)
			last = now
		}
		if time.Since(begun) > patience {
			t.Fatal("unused for a minute, and there")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if took := time.Since(begun); took < 2*time.Second {
		t.Errorf("it ended after %v", took)
	}
	if gone(used) && time.Since(last) < 2*time.Second {
		t.Error("what is used ended too")
	}
	m.waitFor(t, "the end of the other", func() bool { return gone(used) })
}

// Who is watched, and what was said, is known to the next server, too: and a name that was being taken away.
func TestLifetimesOutliveTheServer(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	dir := m.setLife(t, "jobs", "lifetime", "owner,grace=100ms")
	region := filepath.Join(dir, "a")
	early := filepath.Join(dir, "early")
	cmd := maker(t, "echo x > "+region)
	gone1 := maker(t, "echo x > "+early)
	killServer(t, m)
	killGroup(gone1) // while nobody serves
	m.waitFor(t, "the end of early", func() bool { return gone(early) })
	keeps(t, region)
	killGroup(cmd)
	m.waitFor(t, "the end", func() bool { return gone(region) })
}

func TestCollect(t *testing.T) {
	m := serve(t, "--size=64M")
	d, e := filepath.Join(m.dir, "d"), filepath.Join(m.dir, "e")
	for _, dir := range []string{d, e} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := maker(t, fmt.Sprintf("echo > %s/orphan; echo > %s/pinned; echo > %s/orphan", d, d, e))
	if r := shmfs(t, "set", filepath.Join(d, "pinned"), "pin=true"); r.code != exitOK {
		t.Fatalf("set: %+v", r)
	}
	killGroup(cmd)
	newFile(t, filepath.Join(d, "mine"))
	m.allClosed(t)
	r := shmfs(t, "gc", m.dir, "--orphans", "--dry-run")
	if want := "d/orphan\ne/orphan\n"; r.code != exitOK || sorted(r.stdout) != want {
		t.Errorf("would end %q (%+v), want %q", sorted(r.stdout), r, want)
	}
	if r := shmfs(t, "gc", "--below", e); r.code != exitOK || !gone(filepath.Join(e, "orphan")) || gone(filepath.Join(d, "orphan")) {
		t.Errorf("below e: %+v", r)
	}
	if r := shmfs(t, "gc", m.dir, "--orphans"); r.code != exitOK || !gone(filepath.Join(d, "orphan")) {
		t.Errorf("orphans: %+v", r)
	}
	for _, name := range []string{"mine", "pinned"} {
		if gone(filepath.Join(d, name)) {
			t.Errorf("%s is gone", name)
		}
	}
	if err := m.try("gc", "everything"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("an unknown command: %v", err)
	}
	if err := unix.Setxattr(d, "user.shmfs.lifetime", []byte("for ever"), 0); err != unix.EINVAL {
		t.Errorf("an unknown lifetime: %v", err)
	}
}

func sorted(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i := range lines {
		for j := range i {
			if lines[i] < lines[j] {
				lines[i], lines[j] = lines[j], lines[i]
			}
		}
	}
	return strings.Join(lines, "")
}

// Very many processes with ten regions each end at once: nothing is left of them. (How long that takes: make bench.)
func TestManyOwnersDieAtOnce(t *testing.T) {
	const owners, each = 1000, 10
	m := serve(t, "--size=256M")
	dir := m.setLife(t, "jobs", "lifetime", "owner,grace=0")
	cmd := maker(t, fmt.Sprintf(`for i in $(seq %d); do ( for j in $(seq %d); do echo > %s/$i-$j; done; exec sleep 600 ) & done
		while [ $(ls %s | wc -l) -lt %d ]; do sleep 0.1; done`, owners, each, dir, dir, owners*each))
	begun := time.Now()
	killGroup(cmd)
	m.waitFor(t, "the ends", func() bool {
		names, err := os.ReadDir(dir)
		return err == nil && len(names) == 0
	})
	t.Logf("%d regions of %d processes ended within %v", owners*each, owners, time.Since(begun))
}

// processorTime is what a process has taken of the processors, in hundredths of a second (proc_pid_stat(5), utime and
// stime).
func processorTime(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	sum := 0
	for _, f := range fields[14-3 : 16-3] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// A server with very many timers, of which none is due, does nothing.
func TestTimersCostNothing(t *testing.T) {
	timers := 100_000
	if raceDetector {
		timers = 10_000
	}
	m := serve(t, "--size=256M", "--inodes=200000")
	for i := range timers {
		if i%1000 == 0 {
			m.setLife(t, fmt.Sprint("d", i/1000), "lifetime", "ttl=1d")
		}
		if err := unix.Mknod(filepath.Join(m.dir, fmt.Sprint("d", i/1000), strconv.Itoa(i)), unix.S_IFREG|0o600, 0); err != nil {
			t.Fatal(err)
		}
	}
	m.waitFor(t, "all timers", func() bool { return m.number(t, "gc_regions") == timers })
	pid := m.number(t, "server_pid")
	const idle = 5 * time.Second
	// What it has yet to do, and what others do to the mount, is no part of it: one quiet time will do.
	for end := time.Now().Add(patience); ; {
		before := processorTime(t, pid)
		time.Sleep(idle)
		took := processorTime(t, pid) - before
		if took == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it took %d hundredths of a second of %v, and never nothing", took, idle)
		}
	}
}

// A full mount, and a full directory, take what only waits for its time before they refuse. On a busy machine a request may
// be refused first: then it is made once more.
func TestRoomIsMadeBeforeARefusal(t *testing.T) {
	m := serve(t, "--size=16M")
	dir := m.setLife(t, "d", "lifetime", "last-user,grace=1h")
	other := m.setLife(t, "other", "lifetime", "ttl=1h")
	kept := filepath.Join(other, "kept")
	newFile(t, kept)
	if err := unix.Setxattr(dir, "user.shmfs.limit", []byte("regions=10"), 0); err != nil {
		t.Fatal(err)
	}
	held, err := os.Create(filepath.Join(dir, "held"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	insist := func(what string, do func() error) {
		t.Helper()
		for end := time.Now().Add(patience); ; {
			err := do()
			if err == nil {
				return
			}
			if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) || time.Now().After(end) {
				t.Fatalf("%s: %v; gc has %v", what, err, m.cares(t))
			}
		}
	}
	for i := range 30 { // each is a third of the mount: what the caretaker knows of goes, what is made comes
		f := filepath.Join(dir, fmt.Sprint(i))
		insist("make", func() error { return os.WriteFile(f, nil, 0o600) })
		insist("size", func() error { return os.Truncate(f, 5<<20) })
	}
	if gone(held.Name()) || gone(kept) {
		t.Errorf("what is open is gone: %v; what has time to live is: %v", gone(held.Name()), gone(kept))
	}
	if n := m.number(t, "gc_ended_early_total"); n < 20 {
		t.Errorf("%d ended early, want 20 at least", n)
	}
	m.tell(t, "config", "end_early=none")
	full := func() error { return os.Truncate(held.Name(), 12<<20) }
	if err := full(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("nothing may be ended early, and it answers %v", err)
	}
	m.tell(t, "config", "end_early=owner;last-user;ttl")
	insist("size with all of the order", full)
	if gone(held.Name()) {
		t.Error("what is open is gone")
	}
}
