//go:build linux

package mounts

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// deadline answers when something ends; false if it has no deadline.
func (m *mount) deadline(t *testing.T, path string) (time.Time, bool) {
	t.Helper()
	for word := range strings.FieldsSeq(m.cares(t)[path]) {
		if text, ok := strings.CutPrefix(word, "deadline="); ok {
			at, err := time.Parse(time.RFC3339Nano, text)
			return at, err == nil
		}
	}
	return time.Time{}, false
}

// life is how long things live in these tests: nothing ends while they run. A server that takes over may be wrong by a
// 64th of it, and a second with sessions; and by how long it stood still just then.
const (
	life    = 100 * time.Second
	inexact = life/64 + time.Second + 3*time.Second
)

// counting makes one of all that have a time, waits until it has counted for longer than a deadline may be wrong, and
// answers their deadlines.
func counting(t *testing.T, m *mount) map[string]time.Time {
	t.Helper()
	owner := maker(t, "echo > "+m.setLife(t, "owner", "lifetime", "owner,grace=100s")+"/r")
	newFile(t, m.setLife(t, "user", "lifetime", "last-user,grace=100s")+"/r")
	newFile(t, m.setLife(t, "ttl", "lifetime", "ttl=100s")+"/r")
	m.setLife(t, "all", "lifetime", "session,ttl=100s")
	m.setLife(t, "all/own", "session", "ttl=100s")
	newFile(t, m.setLife(t, "all/s/d", "zero", "false")+"/r")
	killGroup(owner)
	all := map[string]time.Time{}
	for _, path := range []string{"owner/r", "user/r", "ttl/r", "all/own", "all/s"} {
		m.waitFor(t, path, func() bool {
			at, ok := m.deadline(t, path)
			all[path] = at
			return ok && time.Until(at) < life-inexact-time.Second
		})
	}
	return all
}

// wantDeadlines fails unless all ends when it was to end before, and not earlier.
func (m *mount) wantDeadlines(t *testing.T, when string, all map[string]time.Time) {
	t.Helper()
	for path, want := range all {
		var got time.Time
		m.waitFor(t, path, func() (ok bool) {
			got, ok = m.deadline(t, path)
			return ok
		})
		if d := got.Sub(want); d < 0 || d > inexact {
			t.Errorf("%s: %s ends %v later than before, want up to %v", when, path, d, inexact)
		}
	}
}

// What has begun to count goes on: in the next server, in those after it, and in a mount after this one.
func TestTimeGoesOn(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	all := counting(t, m)
	for range 3 {
		killServer(t, m)
		m.wantDeadlines(t, "the next server", all)
	}
	if r := shmfs(t, "umount", "--keep", m.dir); r.code != exitOK {
		t.Fatalf("umount: %+v", r)
	}
	<-m.ended
	m = serveAt(t, m.dir, nil, "--size=64M")
	m.wantDeadlines(t, "the next mount", all)
}

// What was used after it had begun to count, and while no server ran, counts from then.
func TestTimeBeginsAnewWithAUseThatNobodySaw(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	all := counting(t, m)
	var files []*os.File
	for path := range all {
		if path == "all/own" {
			continue
		}
		if path == "all/s" {
			path = "all/s/d/r"
		}
		f, err := os.Open(filepath.Join(m.dir, path))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	server := m.number(t, "server_pid")
	if err := syscall.Kill(server, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return stopped(t, server) }, "all of the server's threads to stop", func() any { return server })
	for _, f := range files {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	closed := time.Now()
	syscall.Kill(server, syscall.SIGKILL) // if its keeper did not
	m.wantDeadlines(t, "not used", map[string]time.Time{"all/own": all["all/own"]})
	for path := range all {
		if path == "all/own" {
			continue
		}
		m.waitFor(t, "the deadline of "+path, func() bool {
			at, ok := m.deadline(t, path)
			return ok && at.Sub(closed) > life-100*time.Millisecond
		})
	}
}

// Keeper and server die, and what was used afterwards nobody knows: all begins anew in the mount that adopts the regions.
func TestTimeBeginsAnewAfterBothHaveDied(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	all := counting(t, m)
	server := m.number(t, "server_pid")
	m.cmd.Process.Kill()
	<-m.ended
	eventually(t, func() bool { return syscall.Kill(server, 0) == syscall.ESRCH }, "end of the server", func() any { return server })
	m = serveAt(t, m.dir, nil, "--size=64M", "--replace")
	for path, before := range all {
		var got time.Time
		m.waitFor(t, path, func() (ok bool) {
			got, ok = m.deadline(t, path)
			return ok
		})
		if d := got.Sub(before); d < inexact {
			t.Errorf("%s ends %v later than before, want as if it were new", path, d)
		}
	}
}

// Servers die faster than a grace period and a session's time pass, and both end all the same.
func TestTimePassesWhileServersDie(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M", "--crash-loop-deaths=100000")
	owner := maker(t, "echo > "+m.setLife(t, "owner", "lifetime", "owner,grace=3s")+"/r")
	m.setLife(t, "all", "lifetime", "session,ttl=3s")
	newFile(t, m.setLife(t, "all/s", "zero", "false")+"/r")
	killGroup(owner)
	paths := []string{filepath.Join(m.dir, "owner/r"), filepath.Join(m.dir, "all/s")}
	over := func() bool { return gone(paths[0]) && gone(paths[1]) }
	m.waitFor(t, "deadlines", func() bool {
		_, counts := m.deadline(t, "owner/r")
		_, session := m.deadline(t, "all/s")
		return counts && session
	})
	begun, deaths := time.Now(), 0
	eventually(t, func() bool {
		if m.killWithinASecond(t, over) {
			deaths++
		}
		return over()
	}, "end", func() any { return m.cares(t) })
	t.Logf("both ended after %v and %d servers", time.Since(begun), deaths)
}

// A mount without lifetimes uses what the one before had counted for, and the one after counts anew.
func TestTimeOfAnEarlierMountIsNotTaken(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	const lifetimes = "--lifetimes=d:ttl=100s"
	m := serveAt(t, dir, nil, "--size=64M", lifetimes)
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	newFile(t, filepath.Join(dir, "d/r"))
	var first, last time.Time
	m.waitFor(t, "the deadline", func() (ok bool) {
		first, ok = m.deadline(t, "d/r")
		return ok && time.Until(first) < life-inexact-time.Second
	})
	for _, next := range [][]string{{"--size=64M"}, {"--size=64M", lifetimes}} {
		if r := shmfs(t, "umount", "--keep", dir); r.code != exitOK {
			t.Fatalf("umount: %+v", r)
		}
		<-m.ended
		m = serveAt(t, dir, nil, next...)
		newFile(t, filepath.Join(dir, "other"))
	}
	m.waitFor(t, "the deadline", func() (ok bool) {
		last, ok = m.deadline(t, "d/r")
		return ok
	})
	if d := last.Sub(first); d < inexact {
		t.Errorf("it ends %v later than in the first mount, want as if it were new", d)
	}
}
