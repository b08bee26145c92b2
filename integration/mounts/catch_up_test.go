//go:build linux

package mounts

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
)

// A server is stopped, and killed by its keeper, when a name is gone and the kernel does not know, while a program holds
// the directory of that name: it moves another directory out of it, which waits for the count of what there is. The next
// server has to tell the kernel of the name, for which it needs the directory, and counts all the same.
func TestCountingWaitsForNoDirectory(t *testing.T) {
	needSuccessor(t)
	needRoot(t)
	stopping := program(t, ".", "stopping", "-tags", "failpoints")
	t.Setenv(failpoint.Variable, string(failpoint.Unlinked)+"="+failpoint.Stop)
	m, _ := mountOf(t, stopping)
	for try := range 10 {
		if m.moveWhileStopped(t, fmt.Sprint(try)) {
			return
		}
	}
	t.Error("this process never came to look while a server was stopped")
}

// moveWhileStopped does that once, and answers false if the server was killed before this process knew that it was stopped.
func (m *mount) moveWhileStopped(t *testing.T, name string) bool {
	t.Helper()
	d, e := m.setLife(t, "d"+name, "lifetime", "owner,grace=0"), filepath.Join(m.dir, "e"+name)
	for _, dir := range []string{e, filepath.Join(d, "moved")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	region := filepath.Join(d, "r")
	owner := maker(t, "echo > "+region)
	server := m.number(t, "server_pid")
	for _, dir := range []string{m.dir, d, e} { // so that nothing is asked before the directories are taken
		if _, err := os.Stat(dir); err != nil {
			t.Fatal(err)
		}
	}
	killGroup(owner)
	state := byte(0)
	eventually(t, func() bool {
		state = processState(t, server)
		return state == 'T' || state == 'Z' || state == 0
	}, "stopped server", func() any { return m.cares(t) })
	if state != 'T' {
		return false
	}
	moved, thread := make(chan error, 1), make(chan int, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- unix.Gettid()
		moved <- unix.Renameat2(unix.AT_FDCWD, filepath.Join(d, "moved"), unix.AT_FDCWD, filepath.Join(e, "moved"), 0)
	}()
	waiting := fmt.Sprintf("%d ", unix.SYS_RENAMEAT2)
	at := fmt.Sprintf("/proc/self/task/%d/syscall", <-thread)
	eventually(t, func() bool {
		b, err := os.ReadFile(at)
		return err == nil && strings.HasPrefix(string(b), waiting) || len(moved) == 1 // this process did not come to look in time
	}, "waiting rename", func() any { return at })
	eventually(t, func() bool { return len(moved) == 1 }, "answer to who holds the directory", func() any { return "" })
	if err := <-moved; err != nil {
		t.Error(err)
	}
	if gone(filepath.Join(e, "moved")) || !gone(region) {
		t.Errorf("moved: %v, ended: %v", !gone(filepath.Join(e, "moved")), gone(region))
	}
	if m.number(t, "restarts_total") == 0 {
		t.Error("the server that was stopped lives")
	}
	return true
}

// processState is the letter of a process's state (proc_pid_stat(5)), 0 if it is gone.
func processState(t *testing.T, pid int) byte {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return b[strings.LastIndexByte(string(b), ')')+2]
}
