//go:build linux

package mounts

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
)

// stoppedChild answers a child of a process that is stopped, 0 for none.
func stoppedChild(t *testing.T, parent int) int {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, _ := os.ReadFile(file) // empty if the thread has ended meanwhile
		for word := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(word); err == nil && processState(t, pid) == 'T' {
				return pid
			}
		}
	}
	return 0
}

// A keeper is killed in the moment in which its server has begun to answer and has yet to say so: the server goes, and the
// mount stays for the next keeper.
func TestKeeperKilledBeforeItsServerIsReady(t *testing.T) {
	m := manage(t)
	m.program = program(t, ".", "stopping", "-tags", "failpoints")
	m.run(t, "--size=64M")
	f, err := os.Create(filepath.Join(m.dir, "r"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range 5 {
		m.signal(t, syscall.SIGKILL)
		m.wait(t)
		t.Setenv(failpoint.Variable, string(failpoint.Serving)+"="+failpoint.Stop)
		t.Setenv("GOMAXPROCS", "1") // the server goes on where it was stopped, before it looks at anything else
		m.start(t, "--size=64M")
		server := 0
		m.waitFor(t, "a server that is stopped", func() bool {
			server = stoppedChild(t, m.cmd.Process.Pid)
			return server != 0
		})
		m.signal(t, syscall.SIGKILL)
		m.wait(t)
		if err := syscall.Kill(server, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		waitGone(t, server)
		os.Unsetenv(failpoint.Variable)
		os.Unsetenv("GOMAXPROCS")
		m.run(t, "--size=64M")
		if err := f.Truncate(int64(4096 * (i + 1))); err != nil {
			t.Fatalf("who has a region of it notices: %v\n%s", err, m.stderr)
		}
	}
	if got := m.number(t, "keeper_restarts_total"); got != 10 {
		t.Errorf("keeper_restarts_total is %d, want 10", got)
	}
}
