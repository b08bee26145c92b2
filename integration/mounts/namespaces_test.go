//go:build linux

package mounts

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A mount is served in a pid namespace of its own, where its keeper is process 1. Who unmounts it from outside waits for that
// one, and who upgrades it speaks to it.
func TestServerInAPidNamespace(t *testing.T) {
	needSuccessor(t)
	needRoot(t)
	dir := t.TempDir()
	m := serveAt(t, dir, []string{"unshare", "--pid", "--fork", "--kill-child"}, "--size=16M")
	if pid := m.number(t, "keeper_pid"); pid != 1 {
		t.Fatalf("the keeper is process %d of its namespace, want 1", pid)
	}
	if r := shmfs(t, "upgrade", dir); r.code != exitOK || m.number(t, "restarts_total") == 0 {
		t.Errorf("upgrade: %+v", r)
	}
	r := shmfs(t, "umount", dir)
	if r.code != exitOK {
		t.Errorf("umount: %+v", r)
	}
	leftArena(t, dir, 0)
	m.waitForEnd(t)
}

func (m *mount) waitForEnd(t *testing.T) {
	t.Helper()
	select {
	case <-m.ended:
	case <-time.After(patience):
		t.Errorf("the server lives on: %s", m.stderr)
	}
}

// The other way round: a container unmounts what is served outside of it, where it sees no process.
func TestUmountInAPidNamespace(t *testing.T) {
	needRoot(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	shared := t.TempDir() // what is unmounted in one namespace is unmounted in the other one
	if err := unix.Mount(shared, shared, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(shared, unix.MNT_DETACH) })
	if err := unix.Mount("", shared, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(shared, "m")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	m := serveAt(t, dir, nil, "--size=16M")
	inside := func(args ...string) ran {
		line := append([]string{"--pid", "--fork", "--mount-proc", "--propagation", "unchanged", path}, args...)
		return run(t, exec.Command("unshare", line...))
	}
	if r := inside("upgrade", dir); r.code == exitOK || !strings.Contains(r.stderr, "pid namespace") {
		t.Errorf("upgrade: %+v", r)
	}
	if r := inside("umount", dir); r.code != exitOK {
		t.Errorf("umount: %+v", r)
	}
	leftArena(t, dir, 0)
	m.waitForEnd(t)
}

// Who hands a region to a process in a container of its own names it by its number there.
func TestOwnerIsNamedInAPidNamespace(t *testing.T) {
	m := serve(t, "--size=16M")
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	region := filepath.Join(m.dir, "r")
	for _, levels := range []int{1, 2} {
		var line []string
		for range levels {
			line = append(line, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
		}
		const script = `"$0" chown --owner 9999999 "$1" && exit 9
			setsid sleep 600 & until grep -qx sleep /proc/$!/comm; do :; done
			"$0" chown "$2" $! "$1" && echo $! && wait`
		for _, owner := range []string{"--owner", "--process-group", "--session"} {
			newFile(t, region)
			if r := shmfs(t, "set", region, "lifetime=owner,grace=0"); r.code != exitOK {
				t.Fatalf("set: %+v", r)
			}
			cmd := exec.Command(line[0], append(line[1:], "sh", "-c", script, path, region, owner)...)
			inside := firstLine(t, cmd)
			var b [256]byte
			n, err := unix.Getxattr(region, "user.shmfs.owner", b[:])
			value := string(b[:max(n, 0)])
			number, _, _ := strings.Cut(value[strings.LastIndex(value, ":")+1:], "@")
			status, _ := os.ReadFile("/proc/" + number + "/status")
			if name, ids := statusLine(status, "Name"), statusLine(status, "NSpid"); name != "sleep" || !strings.HasSuffix(ids, "\t"+inside) {
				t.Errorf("%s %s was named %d levels below, and the owner is %q (%v): %s %s", owner, inside, levels, value, err, name, ids)
			}
			cmd.Process.Kill()
			cmd.Wait()
			m.waitFor(t, "the end of the region", func() bool { return gone(region) })
		}
	}
}

// firstLine starts a command and answers the first line that it writes.
func firstLine(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("%q: %v", cmd.Args, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// statusLine answers a line of /proc/PID/status, "" if there is none.
func statusLine(status []byte, key string) string {
	_, rest, _ := strings.Cut("\n"+string(status), "\n"+key+":\t")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}
