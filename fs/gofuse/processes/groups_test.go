//go:build linux

package processes

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func groupWatcher(t *testing.T) *Watcher {
	t.Helper()
	w, err := New(16)
	if err != nil {
		t.Fatal(err)
	}
	go w.Run()
	return w
}

// sleeper starts a process, in a group of its own if group is 0.
func sleeper(t *testing.T, group int) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

func told(t *testing.T, gone <-chan struct{}) {
	t.Helper()
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Fatal("the end is not told")
	}
}

func TestGroups(t *testing.T) {
	w := groupWatcher(t)
	first := sleeper(t, 0)
	id := uint32(first.Process.Pid)
	second := sleeper(t, first.Process.Pid)
	gone := make(chan struct{})
	if _, err := w.WatchGroup(ProcessGroup, id, Boot(), func() { close(gone) }); err != nil {
		t.Fatal(err)
	}
	cancel, err := w.WatchGroup(ProcessGroup, id, Boot(), func() { t.Error("told though it was taken back") })
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := w.WatchGroup(ProcessGroup, id, 0, func() {}); !errors.Is(err, ErrGone) {
		t.Errorf("before there was a process of the number: %v", err)
	}
	first.Process.Kill() // and is left a zombie
	for Alive(id, Boot()) {
	}
	third := sleeper(t, first.Process.Pid)
	second.Process.Kill()
	second.Wait()
	select {
	case <-gone:
		t.Fatal("told while one lives")
	case <-time.After(100 * time.Millisecond):
	}
	third.Process.Kill()
	third.Wait()
	told(t, gone)
	if _, err := w.WatchGroup(ProcessGroup, id, Boot(), func() {}); !errors.Is(err, ErrGone) {
		t.Errorf("of a group that is gone: %v", err)
	}
}

func TestSessionsOfProcesses(t *testing.T) {
	w := groupWatcher(t)
	cmd := exec.Command("sleep", "600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	gone := make(chan struct{})
	if _, err := w.WatchGroup(Session, uint32(cmd.Process.Pid), Boot(), func() { close(gone) }); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	told(t, gone)
}

// However many ask for a group, one process is watched.
func TestGroupsAreShared(t *testing.T) {
	w := groupWatcher(t)
	cmd := sleeper(t, 0)
	id := uint32(cmd.Process.Pid)
	sleeper(t, cmd.Process.Pid)
	var all []chan struct{}
	for range 100 {
		gone := make(chan struct{})
		if _, err := w.WatchGroup(ProcessGroup, id, Boot(), func() { close(gone) }); err != nil {
			t.Fatal(err)
		}
		all = append(all, gone)
	}
	if n := w.Watched(); n != 1 {
		t.Errorf("%d processes are watched, want 1", n)
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, gone := range all {
		told(t, gone)
	}
	if n := w.Watched(); n != 0 || len(w.groups) != 0 {
		t.Errorf("%d processes and %d groups are watched afterwards", n, len(w.groups))
	}
}

// Who leaves its group ends it if it is the last one, as a daemon does.
func TestLeavingAGroup(t *testing.T) {
	w := groupWatcher(t)
	// The first process of the group ends, and its child goes to a session of its own when it is told to.
	cmd := exec.Command("sh", "-c", `sh -c 'read x; exec setsid sleep 600' <&3 >/dev/null 2>&1 & echo $!`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer tell.Close()
	cmd.ExtraFiles = []*os.File{in}
	out, err := cmd.Output()
	in.Close()
	if err != nil {
		t.Skip(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(child, syscall.SIGKILL) })
	gone := make(chan struct{})
	if _, err := w.WatchGroup(ProcessGroup, uint32(cmd.Process.Pid), Boot(), func() { close(gone) }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
		t.Fatal("told before it left")
	case <-time.After(100 * time.Millisecond):
	}
	if _, err := tell.WriteString("go\n"); err != nil {
		t.Fatal(err)
	}
	told(t, gone)
	if err := syscall.Kill(child, 0); err != nil {
		t.Errorf("it ended, where it was to leave: %v", err)
	}
}

// cgroupHere makes a control group, and skips where none can be made.
func cgroupHere(t *testing.T, kind, controller string) (name, dir string) {
	t.Helper()
	name = "/shmfs-test-" + strconv.Itoa(os.Getpid())
	dir, err := cgroupDir(kind, controller, name)
	if err != nil {
		t.Skip(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("no control group can be made: %v", err)
	}
	t.Cleanup(func() {
		err := os.Remove(dir)
		for end := time.Now().Add(time.Minute); err != nil && !errors.Is(err, os.ErrNotExist) && time.Now().Before(end); {
			time.Sleep(time.Millisecond) // until the kernel has seen the last process end
			os.Remove(filepath.Join(dir, "below"))
			err = os.Remove(dir)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
	return name, dir
}

// enter puts a process into a control group, and skips where that is not allowed.
func enter(t *testing.T, dir string, cmd *exec.Cmd) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644); err != nil {
		t.Skipf("no process can be put into it: %v", err)
	}
}

func TestCgroups(t *testing.T) {
	for _, x := range []struct {
		kind, controller string
		watch            func(*Watcher, string, func()) (func(), error)
	}{{"cgroup2", "", (*Watcher).WatchCgroup}, {"cgroup", "memory", (*Watcher).WatchMemoryCgroup}} {
		t.Run(x.kind, func(t *testing.T) {
			name, dir := cgroupHere(t, x.kind, x.controller)
			w := groupWatcher(t)
			if _, err := x.watch(w, name, func() {}); !errors.Is(err, ErrGone) {
				t.Errorf("an empty one: %v", err)
			}
			below := filepath.Join(dir, "below")
			if err := os.Mkdir(below, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Remove(below) })
			cmd := sleeper(t, 0)
			enter(t, below, cmd)
			gone := make(chan struct{})
			if _, err := x.watch(w, name, func() { close(gone) }); err != nil {
				t.Fatal(err)
			}
			cancel, err := x.watch(w, name, func() { t.Error("told though it was taken back") })
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			cancel()
			cmd.Process.Kill()
			cmd.Wait()
			told(t, gone)
			if _, err := x.watch(w, name+"/none", func() {}); !errors.Is(err, ErrGone) {
				t.Errorf("one that is not there: %v", err)
			}
		})
	}
}

// A control group that a process enters and leaves, and that is removed at once, is told of: the kernel may have no time to
// tell that it is empty.
func TestRemovedCgroups(t *testing.T) {
	name, dir := cgroupHere(t, "cgroup2", "")
	w := groupWatcher(t)
	for range 20 {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
		cmd := sleeper(t, 0)
		enter(t, dir, cmd)
		gone := make(chan struct{})
		if _, err := w.WatchCgroup(name, func() { close(gone) }); err != nil {
			t.Fatal(err)
		}
		cmd.Process.Kill()
		cmd.Wait()
		for end := time.Now().Add(time.Minute); os.Remove(dir) != nil; {
			if time.Now().After(end) {
				t.Fatal("it cannot be removed")
			}
		}
		told(t, gone)
	}
}
