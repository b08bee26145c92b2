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
	"time"

	"github.com/shmfs/shmfs/regions"
)

// cgroup is a memory cgroup of a test's own: where it stands, and what it is called in /proc/PID/cgroup.
type cgroup struct{ dir, path string }

// newCgroup makes one below the root that this process sees. It goes with the test.
func newCgroup(t *testing.T, name string) cgroup {
	t.Helper()
	needRoot(t)
	at := ""
	for _, root := range []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err == nil {
			at = root
			break
		}
	}
	path := fmt.Sprintf("/shmfs-test-%d-%s", os.Getpid(), name)
	if err := os.Mkdir(at+path, 0o755); at == "" || err != nil {
		t.Skipf("no cgroup can be made here: %v", err)
	}
	removeAtTheEnd(t, at+path)
	return cgroup{at + path, path}
}

func (g cgroup) below(t *testing.T, name string) cgroup {
	t.Helper()
	b := cgroup{filepath.Join(g.dir, name), g.path + "/" + name}
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	removeAtTheEnd(t, b.dir)
	return b
}

// removeAtTheEnd removes a cgroup when the test is done, and the kernel has seen the last process of it end.
func removeAtTheEnd(t *testing.T, dir string) {
	t.Helper()
	t.Cleanup(func() {
		err := os.Remove(dir)
		for end := time.Now().Add(patience); err != nil && time.Now().Before(end); err = os.Remove(dir) {
			time.Sleep(20 * time.Millisecond)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// growTo has a process in the cgroup make a region of a size.
func (g cgroup) growTo(t *testing.T, path string, size int64) error {
	t.Helper()
	cmd := exec.Command("sh", "-c", `echo $$ > "$0/cgroup.procs" && exec truncate -s "$1" "$2"`, g.dir, fmt.Sprint(size), path)
	switch r := run(t, cmd); {
	case r.code == 0:
		return nil
	case strings.Contains(r.stderr, syscall.EDQUOT.Error()) || strings.Contains(r.stderr, "quota"):
		return syscall.EDQUOT
	default:
		return errors.New(r.stderr)
	}
}

// limitMemory limits the cgroup's memory, and answers false where it has no controller for that.
func (g cgroup) limitMemory(t *testing.T, bytes int64) bool {
	t.Helper()
	for _, name := range []string{"memory.limit_in_bytes", "memory.max"} {
		file := filepath.Join(g.dir, name)
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if err := os.WriteFile(file, []byte(fmt.Sprint(bytes)), 0); err != nil {
			t.Fatal(err)
		}
		return true
	}
	return false
}

// usage reads one number of a line of .ctl/usage, 0 where there is none.
func (m *mount) usage(t *testing.T, kind, name, key string) (n int64) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/usage", kind))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "name="+name+" ") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if value, ok := strings.CutPrefix(word, key+"="); ok {
				fmt.Sscan(value, &n)
			}
		}
	}
	return n
}

// What a process makes counts in its cgroup and in those above, also for the next server, and its limits hold.
func TestLimitsOfCgroups(t *testing.T) {
	needSuccessor(t)
	g := newCgroup(t, "job")
	a, b := g.below(t, "a"), g.below(t, "b")
	m := serve(t, "--size=64M", "--huge=never")
	if r := shmfs(t, "limits", "set", "--cgroup", g.path, m.dir, "bytes=4M,regions=4"); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	m.tell(t, "limits", fmt.Sprintf("cgroup %s bytes=1M", b.path))
	limited := g.limitMemory(t, 512<<20)
	at := func(name string) string { return filepath.Join(m.dir, name) }
	wantErrno(t, "in a", a.growTo(t, at("a"), 3<<20), 0)
	for i := range 2 {
		wantErrno(t, "in b, more than b may", b.growTo(t, at(fmt.Sprint("b", i)), 1<<20+1), syscall.EDQUOT)
		if want := fmt.Sprintf("bytes of cgroup %s are promised", b.path); !strings.Contains(m.lastError(t), want) {
			t.Errorf("got %s, want %q", m.lastError(t), want)
		}
		if want := fmt.Sprintf("; the caller's cgroup %s has ", g.path); limited && !strings.Contains(m.lastError(t), want) {
			t.Errorf("got %s, want %q, which has the limit of memory", m.lastError(t), want)
		}
		if got := m.usage(t, "cgroup", g.path, "memory_limit"); limited && got != 512<<20 {
			t.Errorf("the limit of memory is told as %d", got)
		}
		wantErrno(t, "in b", b.growTo(t, at("b"), 1<<20), 0)
		wantErrno(t, "in a, more than both may", a.growTo(t, at("a"), 3<<20+1), syscall.EDQUOT)
		wantErrno(t, "elsewhere", growTo(at("else"), 20<<20), 0)
		for path, want := range map[string]int64{a.path: 3 << 20, b.path: 1 << 20, g.path: 4 << 20} {
			if got := m.usage(t, "cgroup", path, "promised"); got != want {
				t.Errorf("server %d: %s holds %d, want %d", i, path, got, want)
			}
		}
		killServer(t, m)
	}
	wantErrno(t, "too many regions", a.growTo(t, at("one more"), 0), syscall.EDQUOT)
	if r := shmfs(t, "usage", "--by", "cgroup", m.dir); r.code != 0 || !strings.Contains(r.stdout, "4.0M") || !strings.Contains(r.stdout, b.path) {
		t.Errorf("shmfs usage: %+v", r)
	}
	if r := shmfs(t, "show", at("b")); !strings.Contains(r.stdout, " in "+b.path) {
		t.Errorf("shmfs show does not tell the cgroup:\n%s", r.stdout)
	}
	m.tell(t, "limits", "cgroup "+g.path+" bytes=max,regions=max")
	wantErrno(t, "without a limit", a.growTo(t, at("a"), 8<<20), 0)
	m.tell(t, "config", "cgroup_limit="+strings.TrimPrefix(g.path, "/")+"/*:regions=1")
	wantErrno(t, "by a pattern", a.growTo(t, at("one more"), 0), syscall.EDQUOT)
	if want := regions.FormatSize(8 << 20); !strings.Contains(shmfs(t, "usage", "--by", "cgroup", m.dir).stdout, want) {
		t.Errorf("%s are not shown", want)
	}
}
