//go:build linux

package mounts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// asLimitUser runs a command as the user of limits, and answers whether it went well.
func asLimitUser(t *testing.T, line ...string) bool {
	t.Helper()
	cmd := exec.Command(line[0], line[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: limitUser, Gid: limitGroup}}
	return run(t, cmd).code == 0
}

// A limit that root set on a user's directory, within a directory of his, is root's to change and to take away: after a
// rename, with the next server, and the next mount. What he set himself is his.
func TestRootsLimitStays(t *testing.T) {
	needRoot(t)
	needSuccessor(t)
	dir := t.TempDir()
	if r := background(t, dir, "--size=64M", "--huge=never", "--mode=1777"); r.code != exitOK {
		t.Fatalf("mount: %+v", r)
	}
	makeReachable(t, dir)
	m := &mount{dir: dir}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"top", "top/roots", "top/his"} {
		if err := errors.Join(os.Mkdir(at(name), 0o755), os.Chown(at(name), limitUser, limitGroup)); err != nil {
			t.Fatal(err)
		}
	}
	set := func(name, limit string) error {
		return actAs(limitUser, func() error { return unix.Setxattr(at(name), "user.shmfs.limit", []byte(limit), 0) })
	}
	away := func(name string) error {
		return actAs(limitUser, func() error { return unix.Removexattr(at(name), "user.shmfs.limit") })
	}
	wantErrno(t, "his own", set("top/his", "1M"), 0)
	wantErrno(t, "by root", unix.Setxattr(at("top/roots"), "user.shmfs.limit", []byte("1M"), 0), 0)
	check := func(what string) {
		t.Helper()
		wantErrno(t, what+": a larger one", set("top/roots", "8M"), syscall.EPERM)
		wantErrno(t, what+": none", away("top/roots"), syscall.EPERM)
		if told := m.lastError(t); !strings.Contains(told, "were set by root") || !strings.Contains(told, "takes lower ones from you") {
			t.Errorf("%s: not told why: %s", what, told)
		}
		wantErrno(t, what+": beyond it", growTo(at("top/roots/f"), 1<<20+1), syscall.EDQUOT)
		wantErrno(t, what+": his own, larger", set("top/his", "2M"), 0)
		wantErrno(t, what+": his own, as it was", set("top/his", "1M"), 0)
		wantErrno(t, what+": beyond his own", growTo(at("top/his/f"), 1<<20+1), syscall.EDQUOT)
	}
	check("set")
	rename := func(from, to string) {
		t.Helper()
		wantErrno(t, "rename", actAs(limitUser, func() error { return unix.Rename(at(from), at(to)) }), 0)
	}
	rename("top/roots", "top/other")
	rename("top/other", "top/roots")
	check("renamed")
	killServer(t, m)
	check("with the next server")
	if r := shmfs(t, "umount", "--keep", dir); r.code != exitOK {
		t.Fatalf("umount: %+v", r)
	}
	if r := background(t, dir, "--size=64M", "--huge=never", "--mode=1777"); r.code != exitOK {
		t.Fatalf("mount again: %+v", r)
	}
	check("with the next mount")
	wantErrno(t, "his own, taken away", away("top/his"), 0)
	m.tell(t, "limits", "directory top/his bytes=1M")
	wantErrno(t, "root's through .ctl/limits", set("top/his", "2M"), syscall.EPERM)
	m.tell(t, "limits", "directory top/his bytes=max")
	wantErrno(t, "when root took it away", set("top/his", "2M"), 0)
	checkCopies(t, at, set)
	if r := shmfs(t, "umount", dir); r.code != exitOK {
		t.Errorf("umount: %+v", r)
	}
	leftArena(t, dir, 0)
}

// checkCopies copies limited directories: what root copies has root's limit, what the user copies his own.
func checkCopies(t *testing.T, at func(string) string, set func(name, limit string) error) {
	t.Helper()
	if r := run(t, exec.Command("cp", "-a", at("top/his"), at("top/copied"))); r.code != 0 {
		t.Fatalf("cp -a: %+v", r)
	}
	var value [64]byte
	if _, err := unix.Getxattr(at("top/copied"), "user.shmfs.limit", value[:]); errors.Is(err, unix.ENODATA) {
		t.Log("cp copies no extended attributes here")
		return
	}
	wantErrno(t, "a copy that root made", set("top/copied", "8M"), syscall.EPERM)
	for _, from := range []string{"top/roots", "top/his"} {
		to := from + "-copy"
		if !asLimitUser(t, "cp", "-a", at(from), at(to)) {
			t.Errorf("cp -a of %s as its user went wrong", from)
		}
		n, err := unix.Getxattr(at(to), "user.shmfs.limit", value[:])
		if err != nil || n == 0 {
			t.Errorf("%s has the limit %q, %v", to, value[:max(n, 0)], err)
		}
		wantErrno(t, "a copy that he made of "+from, set(to, "8M"), 0)
	}
}
