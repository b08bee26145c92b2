//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A session outlives its workers, and ends with its supervisor, by hand or by its time; what is in use lives on.
func TestSessions(t *testing.T) {
	m := serve(t, "--size=64M")
	all := m.setLife(t, "sessions", "lifetime", "session,ttl=1h")
	path := func(name string) string { return filepath.Join(all, name) }
	supervisor := maker(t, "true")
	pid := fmt.Sprint(supervisor.Process.Pid)
	if r := shmfs(t, "session", "new", path("a"), "--owner", pid, "--limit", "1M"); r.code != exitOK {
		t.Fatalf("new: %+v", r)
	}
	if r := shmfs(t, "session", "new", filepath.Join(m.dir, "stray")); r.code == exitOK || !gone(filepath.Join(m.dir, "stray")) {
		t.Errorf("a session that is none: %+v", r)
	}
	worker := maker(t, "mkdir "+path("a")+"/w; echo 1 > "+path("a")+"/w/r; mkdir "+path("b")+"; echo 2 > "+path("b")+"/r")
	killGroup(worker)
	if err := os.Truncate(path("a")+"/w/r", 2<<20); !errors.Is(err, unix.EDQUOT) {
		t.Errorf("more than its limit: %v", err)
	}
	f, err := os.OpenFile(path("a")+"/w/r", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 2, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	m.waitFor(t, "both in the list", func() bool {
		r := shmfs(t, "session", "ls", m.dir)
		return r.code == exitOK && strings.Contains(r.stdout, "sessions/a") && strings.Contains(r.stdout, "sessions/b")
	})
	r := shmfs(t, "session", "ls", m.dir)
	fields := strings.Fields(strings.Split(r.stdout, "\n")[1])
	if got, want := strings.Join(fields, " "), "owner_alive 1 1 4.0K 1.0M "+pid; !strings.HasPrefix(got, want) {
		t.Errorf("listed as %q, want %q\n%s", got, want, r.stdout)
	}
	if r := shmfs(t, "usage", "--by", "session", m.dir); r.code != exitOK || strings.Count(r.stdout, "\n") != 3 ||
		!strings.Contains(r.stdout, "sessions/a\n") || !strings.Contains(r.stdout, "sessions/b\n") {
		t.Errorf("shmfs usage: %+v", r)
	}
	if got := m.usage(t, "session", "sessions/a", "limit_bytes"); got != 1<<20 {
		t.Errorf("the limit of a is told as %d", got)
	}
	killGroup(supervisor)
	m.waitFor(t, "the end of a", func() bool { return gone(path("a")) })
	if string(mem) != "1\n" {
		t.Errorf("who has it reads %q", mem)
	}
	if gone(path("b") + "/r") {
		t.Error("another session ended")
	}
	if err := unix.Munmap(mem); err != nil {
		t.Fatal(err)
	}
	if r := shmfs(t, "session", "end", path("b")); r.code != exitOK || !gone(path("b")) {
		t.Errorf("end: %+v, gone: %v", r, gone(path("b")))
	}
	m.waitFor(t, "the ends in the events", func() bool {
		return m.told(t, "session_ended", "sessions/a") && m.told(t, "session_ended", "sessions/b")
	})
	if names, err := os.ReadDir(all); err != nil || len(names) > 0 {
		t.Errorf("left: %v (%v)", names, err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, "again"), []byte("x"), 0o600); err != nil {
		t.Error(err)
	}
}

// The next server knows the sessions of the last one, and ends what was to end. A mapping is a use.
func TestSessionsOutliveTheServer(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	all := m.setLife(t, "sessions", "lifetime", "session,ttl=1h")
	for _, name := range []string{"mapped", "idle", "kept"} {
		if err := os.Mkdir(filepath.Join(all, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if r := shmfs(t, "session", "keep", filepath.Join(all, "kept")); r.code != exitOK {
		t.Fatalf("keep: %+v", r)
	}
	mapped := filepath.Join(all, "mapped/r")
	f, err := os.Create(mapped)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	m.setLife(t, "sessions", "lifetime", "session,ttl=300ms") // from now on
	killServer(t, m)
	m.waitFor(t, "the end of the idle one", func() bool { return gone(filepath.Join(all, "idle")) })
	keeps(t, mapped)
	if err := unix.Munmap(mem); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "the end of the other one", func() bool { return gone(filepath.Dir(mapped)) })
	if gone(filepath.Join(all, "kept")) {
		t.Error("what was to be kept ended")
	}
}

// A region ends with whom it was handed to, and not with its maker.
func TestHandOver(t *testing.T) {
	m := serve(t, "--size=64M")
	dir := m.setLife(t, "jobs", "lifetime", "owner,grace=0")
	region := filepath.Join(dir, "r")
	heir := maker(t, "true")
	made := maker(t, "echo > "+region)
	if r := shmfs(t, "chown", "--owner", fmt.Sprint(heir.Process.Pid), region); r.code != exitOK {
		t.Fatalf("chown: %+v", r)
	}
	m.waitFor(t, "the new owner", func() bool {
		return strings.Contains(m.cares(t)["jobs/r"], fmt.Sprintf("state=owner_alive owner_pid=%d", heir.Process.Pid))
	})
	killGroup(made)
	keeps(t, region)
	if r := shmfs(t, "chown", "--owner", fmt.Sprint(made.Process.Pid), region); r.code == exitOK || !strings.Contains(r.stderr, "no process") {
		t.Errorf("to a process that is gone: %+v", r)
	}
	killGroup(heir)
	m.waitFor(t, "the end", func() bool { return gone(region) })
}

// A directory that is handed to a process group ends what is in it with the last process of the group.
func TestHandOverToAGroup(t *testing.T) {
	m := serve(t, "--size=64M")
	dir := m.setLife(t, "jobs", "lifetime", "owner,grace=0")
	region := filepath.Join(dir, "r")
	pool := maker(t, "sleep 600 & echo > "+region)
	if r := shmfs(t, "chown", "--process-group", fmt.Sprint(pool.Process.Pid), dir); r.code != exitOK {
		t.Fatalf("chown: %+v", r)
	}
	if err := pool.Process.Kill(); err != nil { // its children live
		t.Fatal(err)
	}
	m.waitFor(t, "the new owner", func() bool {
		return strings.Contains(m.cares(t)["jobs/r"], fmt.Sprintf("owner_kind=process-group owner=%d ", pool.Process.Pid))
	})
	keeps(t, region)
	killGroup(pool)
	m.waitFor(t, "the end", func() bool { return gone(region) })
}
