//go:build linux

package mounts

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/fstest"
)

func TestPassthrough(t *testing.T) {
	m := serve(t, "--io=auto", "--size=4G", "--huge=never") // the oracle has small pages
	if got := m.stat(t, "mode"); got != "passthrough" {
		t.Skipf("no passthrough here: %s", m.stat(t, "mode_reason"))
	}
	conform(t, m.dir, fstest.PassthroughLacks().And(fstest.LimitedLacks()))
	leaveNothing(t, m)
}

func TestCached(t *testing.T) {
	m := serve(t, "--io=cached", "--size=4G", "--huge=never", "--overcommit")
	if got := m.stat(t, "mode"); got != "cached" {
		t.Fatalf("mode %s, want cached", got)
	}
	conform(t, m.dir, fstest.CachedLacks())
	leaveNothing(t, m)
}

// A small arena in which holes count nothing gets full: who wants more is told so, and nothing is lost.
func TestFull(t *testing.T) {
	for _, io := range []string{"auto", "cached"} {
		t.Run(io, func(t *testing.T) {
			m := serve(t, "--io="+io, "--size=16M", "--inodes=500", "--huge=never", "--overcommit")
			lacks := fstest.PassthroughLacks()
			if m.stat(t, "mode") == "cached" {
				lacks = fstest.CachedLacks()
			}
			fstest.RunFull(t, fstest.Config{Root: fstest.Mounted(t, m.dir), Lacks: lacks})
			b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/errors"))
			if err != nil || !strings.Contains(string(b), "ENOSPC") || !strings.Contains(string(b), "remedy=") {
				t.Errorf(".ctl/errors does not tell of it (%v):\n%s", err, b)
			}
		})
	}
}

func conform(t *testing.T, dir string, lacks fstest.Lacks) {
	t.Run("Conformance", func(t *testing.T) {
		fstest.Run(t, fstest.Config{Root: fstest.Mounted(t, dir), Lacks: lacks})
	})
	t.Run("Posixtest", func(t *testing.T) { fstest.RunPosixtest(t, dir, lacks) })
}

// leaveNothing checks, when all tests on a mount are done and have removed what they made, that the server's books are
// back where they began.
func leaveNothing(t *testing.T, m *mount) {
	t.Helper()
	for _, key := range []string{"regions", "directories", "other_nodes", "region_bytes", "regions_in_use"} {
		// The server hears a moment later of what was closed.
		eventually(t, func() bool { return m.stat(t, key) == "0" }, key+" of 0", func() any { return m.stat(t, key) })
	}
}

const (
	nobody   = 65534
	asNobody = "SHMFS_TEST_AS_NOBODY" // in the environment: this process is the test of the unprivileged mount
)

// dropTo is the command that runs the rest of its line as an ordinary user.
func dropTo() []string {
	return []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--"}
}

// TestUnprivileged runs TestAsNobody as an ordinary user.
func TestUnprivileged(t *testing.T) { runAsNobody(t, "TestAsNobody") }

// runAsNobody runs a test in a process of an ordinary user, because nobody else, root included, can see into such a mount.
func runAsNobody(t *testing.T, test string) {
	t.Helper()
	needRoot(t)
	if _, err := exec.LookPath("fusermount3"); err != nil {
		t.Skip("fusermount3 is not installed")
	}
	openFUSE(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copied := copyForNobody(t, self)
	dir := t.TempDir()
	for _, d := range []string{dir, copied.dir} {
		if err := os.Chown(d, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	makeReachable(t, dir)
	if covered := os.Getenv("GOCOVERDIR"); covered != "" {
		if err := os.Chmod(covered, 0o1777); err != nil { // an ordinary user's processes write there too
			t.Fatal(err)
		}
	}
	line := append(dropTo(), copied.path, "-test.run=^"+test+"$", "-test.v", "-test.count=1")
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = copied.dir
	cmd.Env = append(os.Environ(), asNobody+"="+dir, "SHMFS_BINARY="+path, "HOME="+copied.dir, "TMPDIR="+copied.dir)
	r := run(t, cmd)
	relay(t, r.stdout)
	if r.code != 0 {
		t.Errorf("as an ordinary user: exit %d\n%s", r.code, r.stderr)
	}
	leftArena(t, dir, nobody)
}

// relay shows what the inner run said if a part of it failed, but for what passed.
func relay(t *testing.T, out string) {
	t.Helper()
	if strings.Contains(out, "--- FAIL") || strings.Contains(out, "panic:") {
		quiet := func(l string) bool { return strings.Contains(l, "=== RUN") || strings.Contains(l, "--- PASS") }
		t.Error(strings.Join(slices.DeleteFunc(strings.Split(out, "\n"), quiet), "\n"))
	}
	t.Logf("%d passed, %d skipped", strings.Count(out, "--- PASS"), strings.Count(out, "--- SKIP"))
}

// openFUSE lets everybody open /dev/fuse, as udev does on most systems, for as long as the test runs.
func openFUSE(t *testing.T) {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat("/dev/fuse", &s); err != nil {
		t.Skipf("no /dev/fuse: %v", err)
	}
	if s.Mode&0o666 == 0o666 {
		return
	}
	if err := os.Chmod("/dev/fuse", 0o666); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod("/dev/fuse", os.FileMode(s.Mode&0o777)) })
}

func TestAsNobody(t *testing.T) {
	dir := os.Getenv(asNobody)
	if dir == "" {
		t.Skip("run by TestUnprivileged")
	}
	m := serveAt(t, dir, nil)
	if got := m.stat(t, "mode"); got != "cached" {
		t.Errorf("mode %s, want cached", got)
	}
	config := filepath.Join(dir, ".ctl/config")
	if err := os.WriteFile(config, []byte("log_level=warn\n"), 0); err != nil {
		t.Errorf("the user may not change the mount: %v", err)
	}
	conform(t, dir, fstest.UnprivilegedLacks())
	leaveNothing(t, m)
	closed := filepath.Join(dir, "closed")
	if err := os.MkdirAll(filepath.Join(closed, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0); err != nil { // must not keep the arena from ending
		t.Fatal(err)
	}
}
