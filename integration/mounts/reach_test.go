//go:build linux

package mounts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asUser runs a script as a user and answers what it writes.
func asUser(t *testing.T, user uint32, script string) string {
	t.Helper()
	cmd := exec.Command("bash", "-ec", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("user %d: %s: %v\n%s", user, script, err, out)
	}
	return string(out)
}

// A user does not end what stands in directories of others, and root does: in a directory that all share, what each makes.
func TestLifetimesOfOthers(t *testing.T) {
	binary, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	m := serve(t, "--size=64M")
	makeReachable(t, m.dir)
	shared := m.setLife(t, "shared", "lifetime", "owner,grace=0")
	pool := filepath.Join(m.dir, "pool")
	for dir, owner := range map[string]int{shared: 0, pool: 1000} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	asUser(t, 1000, fmt.Sprintf("%s set %s lifetime=owner,grace=0; mkdir -m 777 %s/own", binary, pool, pool))
	asUser(t, 1001, fmt.Sprintf("mkdir %[1]s/his %[2]s/his; echo > %[1]s/his/r; echo > %[1]s/r; echo > %[1]s/own/r; echo > %[2]s/his/r", pool, shared))
	asUser(t, 1000, fmt.Sprintf("echo > %s/r", shared))
	if err := os.Mkdir(filepath.Join(pool, "roots"), 0o755); err != nil {
		t.Fatal(err)
	}
	roots := maker(t, "echo > "+pool+"/roots/r")
	killGroup(roots)
	for _, path := range []string{pool + "/r", pool + "/own/r", shared + "/his/r", shared + "/r"} {
		m.waitFor(t, "the end of "+path, func() bool { return gone(path) })
	}
	for _, path := range []string{pool + "/his/r", pool + "/roots/r"} {
		keeps(t, path)
	}
	for path := range m.cares(t) {
		t.Errorf("%s is to end", path)
	}
	if out := asUser(t, 1001, fmt.Sprintf("%s set %s lifetime=manual 2>&1 || true", binary, pool)); !strings.Contains(out, "permitted") {
		t.Errorf("another user sets a lifetime: %s", out)
	}
}
