//go:build linux

package processes

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

func TestCgroups(t *testing.T) {
	root, err := unifiedRoot()
	if err != nil {
		t.Skip(err)
	}
	name := "/shmfs-test-" + strconv.Itoa(os.Getpid())
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("no control group can be made: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	w := groupWatcher(t)
	if _, err := w.WatchCgroup(name, func() {}); !errors.Is(err, ErrGone) {
		t.Errorf("an empty one: %v", err)
	}
	cmd := sleeper(t, 0)
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644); err != nil {
		t.Skipf("no process can be put into it: %v", err)
	}
	gone := make(chan struct{})
	if _, err := w.WatchCgroup(name, func() { close(gone) }); err != nil {
		t.Fatal(err)
	}
	cancel, err := w.WatchCgroup(name, func() { t.Error("told though it was taken back") })
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	cmd.Process.Kill()
	cmd.Wait()
	told(t, gone)
	if _, err := w.WatchCgroup(name+"/none", func() {}); !errors.Is(err, ErrGone) {
		t.Errorf("one that is not there: %v", err)
	}
}
