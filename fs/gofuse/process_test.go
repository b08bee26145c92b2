//go:build linux

package gofuse

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestProcessOfAThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	self := uint32(os.Getpid())
	done := make(chan uint32)
	go func() {
		runtime.LockOSThread() // not the group's leader: the test's goroutine, or main, has that thread
		defer runtime.UnlockOSThread()
		done <- ProcessOf(uint32(unix.Gettid()))
	}()
	for _, c := range []struct {
		what      string
		got, want uint32
	}{
		{"a thread", <-done, self},
		{"the leader", ProcessOf(self), self},
		{"nobody (another pid namespace)", ProcessOf(0), 0},
		{"a thread that is no more", ProcessOf(endedProcess(t)), 0},
	} {
		if c.got != c.want {
			t.Errorf("ProcessOf %s = %d, want %d", c.what, c.got, c.want)
		}
	}
}

func endedProcess(t *testing.T) uint32 {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return uint32(cmd.Process.Pid)
}

func TestHasCapabilityReadsTheCallers(t *testing.T) {
	if hasCapability(0, unix.CAP_SYS_ADMIN) {
		t.Error("a caller that cannot be named has CAP_SYS_ADMIN")
	}
	cmd := exec.Command("setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all", "sleep", "60")
	if os.Getuid() != 0 {
		t.Skip("needs root to start a process of another user")
	}
	if !hasCapability(uint32(os.Getpid()), unix.CAP_SYS_ADMIN) {
		t.Error("root has no CAP_SYS_ADMIN")
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for statusField(uint32(cmd.Process.Pid), "Name") != "sleep" {
		runtime.Gosched() // until setpriv has become it
	}
	if hasCapability(uint32(cmd.Process.Pid), unix.CAP_SYS_ADMIN) {
		t.Error("nobody's process has CAP_SYS_ADMIN")
	}
}
