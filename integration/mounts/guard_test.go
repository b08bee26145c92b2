//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Only the users of a region remove, rename, replace or shrink it, whoever may write to its directory.
func TestGuards(t *testing.T) {
	m := serve(t, "--size=64M")
	dir := m.setLife(t, "d", "guard", "user")
	makeReachable(t, m.dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, "mine")
	if err := os.WriteFile(mine, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(mine, 0o666); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`cd %s; echo x > his && mv his theirs && truncate -s 1 theirs
		rm -f mine; mv mine other; mv theirs mine; truncate -s 1 mine; mv theirs moved && rm moved && echo done`, dir)
	cmd := exec.Command("bash", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if n := strings.Count(string(out), "Operation not permitted"); err != nil || n != 4 || !strings.HasSuffix(string(out), "done\n") {
		t.Errorf("%d times not permitted, want 4 (%v):\n%s", n, err, out)
	}
	if b, err := os.ReadFile(mine); err != nil || string(b) != "mine" {
		t.Errorf("it holds %q (%v)", b, err)
	}
	if x := m.lastError(t); !strings.Contains(x, "guard=off") {
		t.Errorf("the refusal says %s", x)
	}
	if err := os.Remove(mine); err != nil {
		t.Errorf("by root: %v", err)
	}
}

// What Python's resource tracker does: a process that only attached to a region removes it when it ends. A guard keeps the
// region for as long as its maker lives, also from root, as systemd's RemoveIPC is.
func TestGuardAgainstResourceTrackers(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	m := serve(t, "--size=64M")
	attach := "from multiprocessing.shared_memory import SharedMemory as S; S('region').close()"
	made := func() *exec.Cmd {
		return maker(t, fmt.Sprintf("exec 3> %[1]s/region; truncate -s 4096 %[1]s/region", m.dir))
	}
	shm := func() string {
		cmd := exec.Command("unshare", "-m", "bash", "-c", fmt.Sprintf("mount --bind %s /dev/shm && exec %s -c %q", m.dir, python, attach))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	region := filepath.Join(m.dir, "region")
	first := made()
	shm()
	if !gone(region) {
		t.Skip("this Python leaves regions alone that it only attached to")
	}
	killGroup(first)
	if r := shmfs(t, "set", m.dir, "guard=process"); r.code != exitOK {
		t.Fatalf("set: %+v", r)
	}
	next := made()
	said := shm()
	if gone(region) {
		t.Fatalf("it is gone: %s", said)
	}
	if err := os.Remove(region); !errors.Is(err, unix.EPERM) {
		t.Errorf("removed by root: %v", err)
	}
	killGroup(next)
	if err := os.Remove(region); err != nil {
		t.Errorf("when its maker is gone: %v", err)
	}
}

// A seal waits for the last writer, a mapping too, and outlives the server.
func TestSeals(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	path := filepath.Join(m.dir, "r")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if r := shmfs(t, "seal", path); r.code != exitBusy || !strings.Contains(r.stderr, fmt.Sprint(os.Getpid())) {
		t.Errorf("with a writer: %+v", r)
	}
	copy(mem, "sealed")
	if err := unix.Munmap(mem); err != nil {
		t.Fatal(err)
	}
	m.allClosed(t)
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if r := shmfs(t, "seal", path); r.code != exitOK {
		t.Fatalf("with a reader: %+v", r)
	}
	for _, server := range []string{"the first", "the next"} {
		if _, err := os.OpenFile(path, os.O_RDWR, 0); !errors.Is(err, unix.EPERM) {
			t.Errorf("%s server: opened for writing: %v", server, err)
		}
		if err := os.Truncate(path, 1); !errors.Is(err, unix.EPERM) {
			t.Errorf("%s server: truncated: %v", server, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b[:6]) != "sealed" {
			t.Errorf("%s server: it reads %q (%v)", server, b[:min(6, len(b))], err)
		}
		killServer(t, m)
	}
	if r := shmfs(t, "seal", "--undo", path); r.code != exitOK {
		t.Fatalf("undo: %+v", r)
	}
	if err := os.Truncate(path, 1); err != nil {
		t.Error(err)
	}
}
