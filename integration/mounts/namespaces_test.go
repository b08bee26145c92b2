//go:build linux

package mounts

import (
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
