//go:build linux

package mounts

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// One user has all streams open that he may have, and others read: also when another server has taken over.
func TestReadersOfOneUser(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=16M")
	makeReachable(t, m.dir)
	stream := filepath.Join(m.dir, ".ctl/stream/events")
	cmd := exec.Command("bash", "-c", fmt.Sprintf(`for i in $(seq 16); do exec {f}<%[1]s; done; echo open
		while read; do (exec 3<%[1]s && echo one more) 2>&1 | head -1; done`, stream))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		cmd.Wait()
	}()
	lines := bufio.NewReader(out)
	line := func() string {
		text, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if got := line(); got != "open\n" {
		t.Fatalf("opening: %s", got)
	}
	refused := func() {
		t.Helper()
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Fatal(err)
		}
		if got := line(); !strings.Contains(got, "Too many open files") {
			t.Errorf("one more: %s", got)
		}
		if x := m.lastError(t); !strings.Contains(x, "EMFILE") || !strings.Contains(x, "user 1000 has 16") {
			t.Errorf("told as %s", x)
		}
	}
	refused()
	asUser(t, 1001, "exec 3<"+stream)
	before := m.number(t, "server_pid")
	killServer(t, m)
	m.waitFor(t, "another server", func() bool { return m.number(t, "server_pid") != before })
	refused()
	asUser(t, 1001, "exec 3<"+stream)
}

// What was made in directories that are gone is told of with its whole path.
func TestEventsOfDirectoriesThatAreGone(t *testing.T) {
	m := serve(t, "--size=16M")
	if out, err := exec.Command("bash", "-ec", "cd "+m.dir+"; mkdir -p a/b; echo > a/b/r; mv a c; rm -r c").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, event := range []string{"created", "deleted"} {
		if !m.told(t, event, "c/b/r") {
			t.Errorf("not told: %s c/b/r; but %+v", event, m.events(t))
		}
	}
	if r := shmfs(t, "show", filepath.Join(m.dir, "c/b/r")); r.code != exitOK || !strings.Contains(r.stdout, "which is not there any more") {
		t.Errorf("show: %+v", r)
	}
}
