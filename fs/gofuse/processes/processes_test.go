//go:build linux

package processes

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"
)

func watcher(t *testing.T, most int) *Watcher {
	t.Helper()
	w, err := New(most)
	if err != nil {
		t.Fatal(err)
	}
	go w.Run()
	return w
}

func start(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

func TestEndsAreTold(t *testing.T) {
	w, cmd := watcher(t, 10), start(t)
	told := make(chan int, 10)
	pid := uint32(cmd.Process.Pid)
	for i := range 3 {
		if _, err := w.Watch(pid, Boot(), func() { told <- i }); err != nil {
			t.Fatal(err)
		}
	}
	cancel, err := w.Watch(pid, Boot(), func() { t.Error("told of what was cancelled") })
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if got := w.Watched(); got != 1 {
		t.Errorf("%d descriptors for one process", got)
	}
	select {
	case <-told:
		t.Fatal("it lives")
	case <-time.After(20 * time.Millisecond):
	}
	cmd.Process.Kill() // it stays a zombie: nobody waits for it yet
	for range 3 {
		select {
		case <-told:
		case <-time.After(time.Minute):
			t.Fatal("not told within a minute")
		}
	}
	cmd.Wait()
	if _, err := w.Watch(pid, Boot(), func() {}); !errors.Is(err, ErrGone) {
		t.Errorf("a process that is gone: %v", err)
	}
	if got := w.Watched(); got != 0 {
		t.Errorf("%d are watched still", got)
	}
}

// A number that belongs to a process that began later is not the one that is meant.
func TestNumbersAreUsedAgain(t *testing.T) {
	w, cmd := watcher(t, 10), start(t)
	pid := uint32(cmd.Process.Pid)
	before := Boot() - time.Hour
	if _, err := w.Watch(pid, before, func() {}); !errors.Is(err, ErrGone) {
		t.Errorf("a process that began after: %v", err)
	}
	if _, err := w.Watch(pid, Boot(), func() {}); err != nil {
		t.Errorf("the process itself: %v", err)
	}
	if _, err := w.Watch(pid, before, func() {}); !errors.Is(err, ErrGone) {
		t.Errorf("a process that began after, and is watched: %v", err)
	}
}

func TestDescriptorsAreBounded(t *testing.T) {
	w := watcher(t, 1)
	cancel, err := w.Watch(uint32(start(t).Process.Pid), Boot(), func() {})
	if err != nil {
		t.Fatal(err)
	}
	other := uint32(start(t).Process.Pid)
	if _, err := w.Watch(other, Boot(), func() {}); !errors.Is(err, ErrFull) {
		t.Errorf("one more than there may be: %v", err)
	}
	cancel()
	if _, err := w.Watch(other, Boot(), func() {}); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if _, err := w.Watch(1<<30, Boot(), func() {}); err == nil {
		t.Error("there is no process of that number")
	}
}

func TestStart(t *testing.T) {
	got, err := startOf(int32(os.Getpid()))
	if now := Boot(); err != nil || got > now || got < now-time.Hour {
		t.Errorf("started %v after boot (%v), now is %v", got, err, now)
	}
}
