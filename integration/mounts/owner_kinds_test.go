//go:build linux

package mounts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// belongs waits until regions are known to be of an owner that lives.
func (x *tree) belongs(t *testing.T, m *mount, names, kind, owner string) {
	t.Helper()
	want := fmt.Sprintf("owner_kind=%s owner=%s ", kind, owner)
	for name := range strings.FieldsSeq(names) {
		rel, err := filepath.Rel(m.dir, x.path(name))
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool {
			line := m.cares(t)[rel]
			return strings.Contains(line, "state=owner_alive") && strings.Contains(line, want)
		}, want+"of "+rel, func() any { return m.cares(t) })
	}
}

// ownedBy makes a directory in which what is made is owned by what of its maker's is said.
func (m *mount) ownedBy(t *testing.T, name, kind string) string {
	t.Helper()
	dir := m.setLife(t, name, "lifetime", "owner,grace=20ms")
	if r := shmfs(t, "set", dir, "owner="+kind); r.code != exitOK {
		t.Fatalf("set owner=%s: %+v", kind, r)
	}
	return dir
}

// A pipeline of a shell is one process group: what one of it made stays when that ends, and goes with all of them.
func TestProcessGroupsOwn(t *testing.T) {
	m := serve(t, "--size=64M")
	dir := m.ownedBy(t, "jobs", "process-group")
	x := bash(t, dir, 3, `exec 3>&1; { make a >&3; } | { make b >&3; exec sleep 600; } | { make c >&3; exec sleep 600; }`)
	group := fmt.Sprint(x.cmd.Process.Pid)
	x.belongs(t, m, "a b c", "process-group", group)
	x.kill(t, "b")
	keeps(t, x.path("b"))
	x.ends(t, m, "", "a b c")
	if r := shmfs(t, "show", x.path("a")); !strings.Contains(r.stdout, "process-group "+group+"\n") {
		t.Errorf("show has\n%s", r.stdout)
	}
	if r := shmfs(t, "gc", m.dir); !strings.Contains(r.stdout, "process-group "+group+" ") {
		t.Errorf("gc has\n%s", r.stdout)
	}
	b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/regions.json"))
	if want := fmt.Sprintf(`"owner_kind":"process-group","owner":"%s"`, group); err != nil || strings.Count(string(b), want) != 3 {
		t.Errorf("regions.json has\n%s", b)
	}
	if r := shmfs(t, "gc", m.dir, "--orphans"); r.code != exitOK || gone(x.path("a")) {
		t.Errorf("what its group owns was taken for an orphan: %+v", r)
	}
	killGroup(x.cmd)
	x.ends(t, m, "a b c", "")
	told := func() (n int) {
		for _, e := range m.events(t) {
			if e.Event == "deleted" && strings.Contains(e.Reason, "process group "+group+" is gone") {
				n++
			}
		}
		return n
	}
	eventually(t, func() bool { return told() == 3 }, "word of three ends with the group", func() any { return m.events(t) })
}

// A session of setsid(2) owns what its leader's thread made: it stays with a daemon that has a group of its own.
func TestSessionsOfProcessesOwn(t *testing.T) {
	m := serve(t, "--size=64M")
	m.tell(t, "config", "owners=pool:session|jobs/*:cgroup")
	dir := m.setLife(t, "pool", "lifetime", "owner,grace=20ms")
	x := python(t, dir, 3, `
import threading
if os.fork() == 0:
    os.setsid()
    make("leader")
    threads = [threading.Thread(target=make, args=("thread",))]
    for x in threads:
        x.start()
        x.join()
    if os.fork() == 0:
        os.setpgid(0, 0)
        make("daemon")
        wait()
    while not os.path.exists(os.path.join(os.environ["DIR"], "daemon")):
        time.sleep(0.01)
    os._exit(0)
os.wait()
wait()`)
	x.belongs(t, m, "leader thread daemon", "session", fmt.Sprint(x.pids["leader"]))
	if x.pids["thread"] != x.pids["leader"] {
		t.Fatalf("made by %v", x.pids)
	}
	eventually(t, func() bool { return syscall.Kill(x.pids["leader"], 0) != nil }, "end of the leader", func() any { return x.pids })
	keeps(t, x.path("leader"))
	x.ends(t, m, "", "leader thread daemon")
	x.kill(t, "daemon")
	x.ends(t, m, "leader thread daemon", "")
}

// A daemon that goes to a session of its own leaves the group of what started it: what that made ends without it.
func TestDaemonsLeaveTheirGroup(t *testing.T) {
	m := serve(t, "--size=64M")
	dir := m.ownedBy(t, "jobs", "process-group")
	x := python(t, dir, 2, `
parent = os.getpid()
make("parent")
if os.fork() == 0:
    while os.getppid() == parent:
        time.sleep(0.01)
    time.sleep(0.1)
    os.setsid()
    make("daemon")
    wait()`)
	x.ends(t, m, "parent", "daemon")
	x.belongs(t, m, "daemon", "process-group", fmt.Sprint(x.pids["daemon"]))
	x.kill(t, "daemon")
	x.ends(t, m, "daemon", "")
}

// unifiedCgroup makes a control group of the unified hierarchy. It goes with the test.
func unifiedCgroup(t *testing.T) cgroup {
	t.Helper()
	needRoot(t)
	for _, root := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err != nil {
			continue
		}
		g := cgroup{dir: root, path: ""}
		return g.below(t, fmt.Sprintf("shmfs-test-%d-owner", os.Getpid()))
	}
	t.Skip("no unified hierarchy of control groups is mounted here")
	return cgroup{}
}

// A control group owns what is made in it, until it is empty: the kernel tells so in the unified hierarchy, and in that of
// cgroup v1's memory controller its processes are watched.
func TestCgroupsOwn(t *testing.T) {
	for name, newGroup := range map[string]func(*testing.T) cgroup{"unified": unifiedCgroup,
		"memory": func(t *testing.T) cgroup { return newCgroup(t, "owner") }} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t)
			m := serve(t, "--size=64M")
			dir := m.ownedBy(t, "jobs", "cgroup")
			x := bash(t, dir, 3, fmt.Sprintf(`make outside
				( echo $BASHPID > %s/cgroup.procs && make first && ( setsid bash -c 'echo mine > $DIR/second; echo made second $$; sleep 600' & ) )
				sleep 600`, g.dir))
			x.belongs(t, m, "first second", "cgroup", g.path)
			if line := m.cares(t)["jobs/outside"]; strings.Contains(line, "owner="+g.path) {
				t.Errorf("what was made elsewhere: %s", line)
			}
			keeps(t, x.path("first"))
			x.kill(t, "second")
			if b, err := os.ReadFile(filepath.Join(g.dir, "cgroup.procs")); err == nil {
				for word := range strings.FieldsSeq(string(b)) { // the sleep that second waited for
					var pid int
					if _, err := fmt.Sscan(word, &pid); err == nil {
						syscall.Kill(pid, syscall.SIGKILL)
					}
				}
			}
			x.ends(t, m, "first second", "outside")
		})
	}
}

// The next server knows the owners of what was made before it: those that live are watched, and who ended meanwhile is noticed.
func TestOwnerKindsOutliveTheServer(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	dir := m.ownedBy(t, "jobs", "process-group")
	const script = `( make NAME ); exec sleep 600`
	stays := bash(t, dir, 1, strings.ReplaceAll(script, "NAME", "stays"))
	goes := bash(t, dir, 1, strings.ReplaceAll(script, "NAME", "goes"))
	stays.belongs(t, m, "stays", "process-group", fmt.Sprint(stays.cmd.Process.Pid))
	goes.belongs(t, m, "goes", "process-group", fmt.Sprint(goes.cmd.Process.Pid))
	killServer(t, m)
	killGroup(goes.cmd) // while nobody serves
	goes.ends(t, m, "goes", "")
	stays.belongs(t, m, "stays", "process-group", fmt.Sprint(stays.cmd.Process.Pid))
	killGroup(stays.cmd)
	stays.ends(t, m, "stays", "")
}
