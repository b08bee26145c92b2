//go:build linux

package mounts

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
	"github.com/shmfs/shmfs/fs/gofuse/processes"
)

// tree is a tree of processes that makes regions in a directory, and says what they are called on lines: "name pid".
type tree struct {
	cmd  *exec.Cmd
	dir  string
	pids map[string]int // who made what
}

// grow starts a program that makes so many regions with `made name pid` on a line for each.
func grow(t *testing.T, dir string, regions int, program string, args ...string) *tree {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("needs %s", program)
	}
	x := &tree{cmd: exec.Command(program, args...), dir: dir, pids: map[string]int{}}
	x.cmd.Dir = "/"
	x.cmd.Env = append(os.Environ(), "DIR="+dir)
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	x.cmd.Stderr = os.Stderr
	out, err := x.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range x.pids {
			if pid > 1 { // a namespace of its own has a first process of its own
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		killGroup(x.cmd)
	})
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	late := time.After(patience)
	for len(x.pids) < regions {
		select {
		case line, open := <-lines:
			name, rest, _ := strings.Cut(strings.TrimPrefix(line, "made "), " ")
			pid, err := strconv.Atoi(rest)
			if !open || err != nil {
				t.Fatalf("it said %q and ended: %v, after %v", line, !open, x.pids)
			}
			x.pids[name] = pid
		case <-late:
			t.Fatalf("it made %v only", x.pids)
		}
	}
	go func() {
		for range lines {
		}
	}()
	return x
}

func bash(t *testing.T, dir string, regions int, script string) *tree {
	t.Helper()
	return grow(t, dir, regions, "bash", "-c", `make() { echo mine > $DIR/$1; echo made $1 $BASHPID; }; `+script)
}

func python(t *testing.T, dir string, regions int, script string) *tree {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tree.py")
	const head = `
import os, sys, time, mmap, signal
def make(name):
    with open(os.path.join(os.environ["DIR"], name), "wb") as f:
        f.write(b"mine")
    sys.stdout.write("made %s %d\n" % (name, os.getpid()))
    sys.stdout.flush()
def wait(*args):
    time.sleep(600)
`
	if err := os.WriteFile(file, []byte(head+script), 0o644); err != nil {
		t.Fatal(err)
	}
	return grow(t, dir, regions, "python3", file)
}

func (x *tree) path(name string) string { return filepath.Join(x.dir, name) }

// kill kills who made a region.
func (x *tree) kill(t *testing.T, name string) {
	t.Helper()
	if err := syscall.Kill(x.pids[name], syscall.SIGKILL); err != nil {
		t.Fatalf("kill who made %s: %v", name, err)
	}
}

// ends waits until regions are gone, and stay until nothing happens to those that are to stay.
func (x *tree) ends(t *testing.T, m *mount, names string, stay string) {
	t.Helper()
	for name := range strings.FieldsSeq(names) {
		eventually(t, func() bool { return gone(x.path(name)) }, "end of "+name, func() any { return m.cares(t) })
	}
	for name := range strings.FieldsSeq(stay) {
		if b, err := os.ReadFile(x.path(name)); err != nil || !strings.HasPrefix(string(b), "mine") {
			t.Errorf("%s reads %q (%v)", name, b, err)
		}
	}
}

// owned waits until a region is known to be of who made it.
func (x *tree) owned(t *testing.T, m *mount, names string) {
	t.Helper()
	for name := range strings.FieldsSeq(names) {
		rel, err := filepath.Rel(m.dir, x.path(name))
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("owner_pid=%d ", x.pids[name])
		eventually(t, func() bool { return strings.Contains(m.cares(t)[rel], want) }, want, func() any { return m.cares(t) })
	}
}

// Trees of processes, as shells and Python make them, of which parts are killed by SIGKILL: what was made by the dead
// ends, and nothing else.
func TestTreesOfProcesses(t *testing.T) {
	m := serve(t, "--size=64M")
	n := 0
	fresh := func(t *testing.T) string {
		n++
		return m.setLife(t, fmt.Sprint("d", n), "lifetime", "owner,grace=20ms")
	}
	t.Run("a group", func(t *testing.T) {
		x := bash(t, fresh(t), 3, `make a; for i in b c; do ( make $i; exec sleep 600 ) & done; wait`)
		x.owned(t, m, "a b c")
		killGroup(x.cmd)
		x.ends(t, m, "a b c", "")
	})
	t.Run("double fork", func(t *testing.T) { // what a daemon makes is its own, whatever its parents do
		x := bash(t, fresh(t), 2, `( make parent; ( make daemon; exec sleep 600 ) & ) ; sleep 600`)
		x.ends(t, m, "parent", "daemon")
		x.owned(t, m, "daemon")
		x.kill(t, "daemon")
		x.ends(t, m, "daemon", "")
	})
	t.Run("exec", func(t *testing.T) { // the process is the same
		x := bash(t, fresh(t), 1, `make a; exec sleep 600`)
		x.owned(t, m, "a")
		keeps(t, x.path("a"))
		x.kill(t, "a")
		x.ends(t, m, "a", "")
	})
	t.Run("pipeline", func(t *testing.T) {
		x := bash(t, fresh(t), 2, `{ make left >&2; echo made left $BASHPID; exec sleep 600; } |
			{ make right; read -r line; echo "$line"; exec sleep 600; }`)
		x.kill(t, "left")
		x.ends(t, m, "left", "right")
		x.owned(t, m, "right")
		x.kill(t, "right")
		x.ends(t, m, "right", "")
	})
	t.Run("threads", func(t *testing.T) { // the end of a thread is not the end of its process
		x := python(t, fresh(t), 2, `
import threading
def work():
    make("a")
w = threading.Thread(target=work); w.start(); w.join()
make("b")
wait()`)
		x.owned(t, m, "a b")
		keeps(t, x.path("a"))
		x.kill(t, "a")
		x.ends(t, m, "a b", "")
	})
	t.Run("survivor", func(t *testing.T) { // a child that has it mapped reads its own bytes after its parent's death
		x := python(t, fresh(t), 2, `
path = os.path.join(os.environ["DIR"], "a")
make("a")
with open(path, "r+b") as f:
    f.truncate(8192)
    m = mmap.mmap(f.fileno(), 8192)
if os.fork():
    wait()
m[4096:4101] = b"child"
signal.signal(signal.SIGUSR1, lambda *a: make("ok" if m[:4] == b"mine" and m[4096:4101] == b"child" else "bad"))
sys.stdout.write("made child %d\n" % os.getpid()); sys.stdout.flush()
while True:
    time.sleep(1)`)
		x.kill(t, "a")
		eventually(t, func() bool { return strings.Contains(m.cares(t)[filepath.Base(x.dir)+"/a"], "state=in_use") }, "a region in use",
			func() any { return m.cares(t) })
		keeps(t, x.path("a"))
		if err := syscall.Kill(x.pids["child"], syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return !gone(x.path("ok")) || !gone(x.path("bad")) }, "word of the child", func() any { return m.cares(t) })
		if !gone(x.path("bad")) {
			t.Error("the child does not read its own bytes")
		}
		x.kill(t, "child")
		x.ends(t, m, "a", "")
	})
}

// Python's ways to make workers: whichever is killed, what it made ends, and not what its siblings and parents made.
func TestPythonsPools(t *testing.T) {
	m := serve(t, "--size=64M")
	for _, kind := range []string{"fork", "spawn", "forkserver"} {
		t.Run(kind, func(t *testing.T) {
			dir := m.setLife(t, kind, "lifetime", "owner,grace=20ms")
			x := python(t, dir, 4, fmt.Sprintf(`
import multiprocessing as mp
def work(name):
    make(name)
    wait()
if __name__ == "__main__":
    make("parent")
    all = [mp.get_context(%q).Process(target=work, args=(n,)) for n in ("a", "b", "c")]
    for p in all: p.start()
    wait()`, kind))
			x.owned(t, m, "parent a b c")
			x.kill(t, "b")
			x.ends(t, m, "b", "parent a c")
			x.kill(t, "parent")
			x.ends(t, m, "parent", "")
			x.kill(t, "a")
			x.kill(t, "c")
			x.ends(t, m, "a c", "")
		})
	}
	t.Run("ProcessPoolExecutor", func(t *testing.T) {
		dir := m.setLife(t, "pool", "lifetime", "owner,grace=20ms")
		x := python(t, dir, 5, `
from concurrent.futures import ProcessPoolExecutor
def work(name):
    make(name)
    wait()
if __name__ == "__main__":
    make("parent")
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(work, "abcd"))`)
		x.owned(t, m, "parent a b c d")
		killGroup(x.cmd)
		x.ends(t, m, "parent a b c d", "")
	})
}

// Two containers with pid and mount namespaces of their own, in which processes have the same numbers: each is known by
// its number here.
func TestContainers(t *testing.T) {
	if _, err := exec.LookPath("unshare"); err != nil {
		t.Skip("needs unshare")
	}
	m := serve(t, "--size=64M")
	if err := exec.Command("unshare", "--pid", "--fork", "--mount", "--mount-proc", "true").Run(); err != nil {
		t.Skipf("no namespaces here: %v", err)
	}
	const script = `make() { echo mine > $DIR/$1; }; make init; ( make child; exec sleep 600 ) & while [ ! -e $DIR/child ]; do :; done
		echo made init $$; exec sleep 600`
	var all []*tree
	for _, name := range []string{"one", "two"} {
		dir := m.setLife(t, name, "lifetime", "owner,grace=20ms")
		x := grow(t, dir, 1, "unshare", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child", "bash", "-c", script)
		if x.pids["init"] != 1 {
			t.Fatalf("the first process of a namespace is %v", x.pids)
		}
		all = append(all, x)
	}
	for _, name := range []string{"one/init", "one/child", "two/init", "two/child"} {
		eventually(t, func() bool { return strings.Contains(m.cares(t)[name], "state=owner_alive") }, "owner of "+name,
			func() any { return m.cares(t) })
	}
	killGroup(all[0].cmd)
	all[0].ends(t, m, "init child", "")
	all[1].ends(t, m, "", "init child")
	killGroup(all[1].cmd)
	all[1].ends(t, m, "init child", "")
}

// A server in a pid namespace cannot name who is outside: what such a process makes stays as if it were manual, and is
// shown.
func TestUnknownOwners(t *testing.T) {
	needRoot(t)
	if err := exec.Command("unshare", "--pid", "--fork", "true").Run(); err != nil {
		t.Skipf("no namespaces here: %v", err)
	}
	m := serveAt(t, t.TempDir(), []string{"unshare", "--pid", "--fork", "--kill-child"}, "--size=64M", "--no-keeper")
	t.Cleanup(func() { // who would be told to end is unshare, which ends the server by force
		if err := fusemount.Unmount(m.dir, false); err != nil {
			t.Errorf("unmount: %v", err)
		}
		<-m.ended
	})
	dir := m.setLife(t, "d", "lifetime", "owner,grace=0")
	x := bash(t, dir, 1, `make a; sleep 600`)
	eventually(t, func() bool { return strings.Contains(m.cares(t)["d/a"], "state=unknown_owner") }, "unknown owner",
		func() any { return m.cares(t) })
	group := m.ownedBy(t, "g", "process-group")
	y := bash(t, group, 1, `make a; sleep 600`)
	eventually(t, func() bool { return strings.Contains(m.cares(t)["g/a"], "state=unknown_owner") }, "unknown group",
		func() any { return m.cares(t) })
	killGroup(x.cmd)
	killGroup(y.cmd)
	keeps(t, x.path("a"))
	keeps(t, y.path("a"))
}

// A process gets the number of one that died while no server watched: it is not taken for the owner.
func TestNumbersThatAreUsedAgain(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	dir := m.setLife(t, "d", "lifetime", "owner,grace=0")
	x := bash(t, dir, 1, `make a; exec sleep 600`)
	x.owned(t, m, "a")
	made := processes.Boot()
	m.waitFor(t, "another start time", func() bool { return processes.Boot()-made > 20*time.Millisecond }) // they are told in 10 ms
	keeper, server, pid := m.number(t, "keeper_pid"), m.number(t, "server_pid"), x.pids["a"]
	if err := syscall.Kill(keeper, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	resume := func() { syscall.Kill(keeper, syscall.SIGCONT) }
	defer resume()
	if err := syscall.Kill(server, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	x.kill(t, "a")
	x.cmd.Wait()
	if other := processWithNumber(t, pid); other == nil {
		t.Skipf("the number %d could not be had again", pid)
	}
	resume()
	x.ends(t, m, "a", "")
}

// processWithNumber starts a process that has a number, nil if somebody else was always faster.
func processWithNumber(t *testing.T, pid int) *exec.Cmd {
	t.Helper()
	const last = "/proc/sys/kernel/ns_last_pid"
	for range 500 {
		if err := os.WriteFile(last, []byte(strconv.Itoa(pid-1)), 0o644); err != nil {
			t.Skipf("numbers cannot be chosen: %v", err)
		}
		cmd := exec.Command("sleep", "600")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if cmd.Process.Pid == pid {
			t.Cleanup(func() {
				cmd.Process.Kill()
				cmd.Wait()
			})
			return cmd
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	return nil
}
