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
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/tmpfs"
	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
)

// The exit codes that scripts rely on (shmfs help).
const (
	exitOK, exitFailed, exitUsage, exitMountPoint, exitMounted, exitDead = 0, 1, 2, 3, 4, 5
	exitBusy, exitPermission, exitNoFUSE, exitUnsupported                = 6, 7, 8, 9
	exitConfig, exitNotFound                                             = 10, 11
)

// background mounts as a user would, and unmounts at the end if that was not done.
func background(t *testing.T, dir string, args ...string) ran {
	t.Helper()
	needRoot(t)
	r := shmfs(t, append([]string{"mount", dir}, args...)...)
	t.Cleanup(func() {
		if mounted(t, dir) {
			shmfs(t, "umount", "--lazy", dir)
		}
	})
	return r
}

func TestMountReturnsWhenItIsReadyAndUmountLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	r := background(t, dir, "--size=64M")
	if r.code != exitOK || !strings.Contains(r.stdout, dir) {
		t.Fatalf("mount: %+v", r)
	}
	if err := os.WriteFile(filepath.Join(dir, "r"), []byte("x"), 0o600); err != nil {
		t.Errorf("right after mount: %v", err)
	}
	m := &mount{dir: dir}
	pid := m.number(t, "server_pid")
	if r := shmfs(t, "umount", dir); r.code != exitOK {
		t.Fatalf("umount: %+v", r)
	}
	if mounted(t, dir) {
		t.Error("still mounted after umount")
	}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(b), ") Z ") {
		t.Errorf("the server lives on after umount: %s", b)
	}
	leftArena(t, dir, 0)
}

func TestKeepLeavesTheArenaForTheNextMount(t *testing.T) {
	dir := t.TempDir()
	if r := background(t, dir, "--size=64M", "--keep"); r.code != exitOK {
		t.Fatalf("mount: %+v", r)
	}
	fill := func() {
		for i := range 10 {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("r", i)), []byte("kept"), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Link(filepath.Join(dir, "r1"), filepath.Join(dir, "second")); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	before := shmfs(t, "ls", "--json", dir)
	if r := shmfs(t, "umount", dir); r.code != exitOK {
		t.Fatalf("umount: %+v", r)
	}
	if !tmpfs.Attached(tmpfs.Place(dir, 0)) {
		t.Fatal("the arena is gone")
	}
	if r := background(t, dir, "--size=64M"); r.code != exitOK || !strings.Contains(r.stdout, "10") {
		t.Fatalf("second mount: %+v", r)
	}
	after := shmfs(t, "ls", "--json", dir)
	if a, b := identities(before.stdout), identities(after.stdout); a != b || a == "" {
		t.Errorf("identities before:\n%s\nafter:\n%s", a, b)
	}
	m := &mount{dir: dir}
	if got := m.number(t, "regions"); got != 10 {
		t.Errorf("regions %d, want 10", got)
	}
	if r := shmfs(t, "umount", dir); r.code != exitOK {
		t.Fatalf("umount: %+v", r)
	}
	leftArena(t, dir, 0)
}

// identities cuts id and path out of the lines of ls --json.
func identities(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		for _, key := range []string{`"id":"`, `"path":"`} {
			if _, rest, ok := strings.Cut(line, key); ok {
				value, _, _ := strings.Cut(rest, `"`)
				b.WriteString(value + " ")
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestEphemeralIsSeenNowhere(t *testing.T) {
	m := serve(t, "--ephemeral", "--size=64M")
	if err := os.WriteFile(filepath.Join(m.dir, "r"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	leftArena(t, m.dir, 0)
}

func TestBusyIsNamedAndGoesOnServing(t *testing.T) {
	m := serve(t, "--size=64M")
	path := filepath.Join(m.dir, "held")
	holder := exec.Command("sleep", "60")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	holder.ExtraFiles = []*os.File{f}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer holder.Wait()
	defer holder.Process.Kill()
	f.Close()
	r := shmfs(t, "umount", m.dir)
	if r.code != exitBusy {
		t.Errorf("umount of a busy mount: %+v, want code %d", r, exitBusy)
	}
	for _, want := range []string{fmt.Sprint(holder.Process.Pid), "sleep", "held"} {
		if !strings.Contains(r.stdout+r.stderr, want) {
			t.Errorf("the holder's %q is not named in %q", want, r.stdout+r.stderr)
		}
	}
	m.cmd.Process.Signal(syscall.SIGINT)
	m.waitFor(t, "the refusal", func() bool { return strings.Contains(m.stderr.String(), "sleep") })
	if err := os.WriteFile(filepath.Join(m.dir, "more"), nil, 0o600); err != nil {
		t.Errorf("after a refused Ctrl-C: %v", err)
	}
	// The second one within some seconds detaches.
	for end := time.Now().Add(patience); mounted(t, m.dir) && time.Now().Before(end); {
		m.cmd.Process.Signal(syscall.SIGINT)
		for soon := time.Now().Add(2 * time.Second); mounted(t, m.dir) && time.Now().Before(soon); {
			time.Sleep(5 * time.Millisecond)
		}
	}
	if mounted(t, m.dir) {
		t.Fatalf("still waiting for the detachment: %s", m.stderr)
	}
	holder.Process.Kill()
	select {
	case <-m.ended:
	case <-time.After(patience):
		t.Error("the server does not end with the last holder")
	}
	leftArena(t, m.dir, 0)
}

// A mapping outlives everything: its descriptor, its name, the server and the arena.
func TestMappingOutlivesTheServer(t *testing.T) {
	m := serve(t, "--size=64M")
	if got := m.stat(t, "mode"); got != "passthrough" {
		t.Skipf("without passthrough a page comes from the server: %s", m.stat(t, "mode_reason"))
	}
	f, err := os.OpenFile(filepath.Join(m.dir, "r"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	f.Close()
	copy(mem, "before")
	killBoth(t, m)
	mem[1<<19] = 'x' // a page that was never touched
	if got := string(mem[:6]); got != "before" || mem[1<<19] != 'x' {
		t.Errorf("after the server's death the mapping has %q", got)
	}
	replaceDead(t, m.dir)
	if got := (&mount{dir: m.dir}).stat(t, "regions_in_use"); got != "1" {
		t.Errorf("regions_in_use %s, want 1: the mapping is of the mount before", got)
	}
	if b, err := os.ReadFile(filepath.Join(m.dir, "r")); err != nil || string(b[:6]) != "before" || b[1<<19] != 'x' {
		t.Errorf("the next mount reads %.6q (%v)", b, err)
	}
	copy(mem, "shared")
	if b, err := os.ReadFile(filepath.Join(m.dir, "r")); err != nil || string(b[:6]) != "shared" {
		t.Errorf("a store through the old mapping is read as %.6q (%v)", b, err)
	}
	if r := shmfs(t, "umount", "--lazy", m.dir); r.code != exitOK {
		t.Errorf("umount: %+v", r)
	}
}

// replaceDead mounts again where a server died: refused without --replace, with the remedy.
func replaceDead(t *testing.T, dir string) {
	t.Helper()
	r := shmfs(t, "mount", dir, "--size=64M")
	if r.code != exitDead || !strings.Contains(r.stderr, "--replace") {
		t.Errorf("mount on a dead mount: %+v, want code %d and --replace named", r, exitDead)
	}
	if r := background(t, dir, "--size=64M", "--replace"); r.code != exitOK {
		t.Fatalf("mount --replace: %+v", r)
	}
	table, err := fusemount.Table()
	if err != nil {
		t.Fatal(err)
	}
	mounts := 0
	for _, e := range table {
		if e.Point == dir {
			mounts++
		}
	}
	if mounts != 1 {
		t.Errorf("%d mounts on %s, want 1: the dead one was to be replaced", mounts, dir)
	}
}

func TestMountHelperAndConfiguration(t *testing.T) {
	needRoot(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir, bin := t.TempDir(), t.TempDir()
	helper := filepath.Join(bin, "mount.shmfs")
	if err := os.Symlink(path, helper); err != nil {
		t.Fatal(err)
	}
	r := run(t, exec.Command(helper, "none", dir, "-o", "rw,size=32M,noauto,huge=never"))
	if r.code != 0 {
		t.Fatalf("mount.shmfs: %+v", r)
	}
	t.Cleanup(func() { shmfs(t, "umount", "--lazy", dir) })
	m := &mount{dir: dir}
	if got := m.number(t, "arena_size_bytes"); got != 32<<20 {
		t.Errorf("arena_size_bytes %d, want %d", got, 32<<20)
	}
	config := filepath.Join(dir, ".ctl/config")
	if err := os.WriteFile(config, []byte("size=48M\n"), 0); err != nil {
		t.Errorf("echo size=48M > .ctl/config: %v", err)
	}
	if got := m.number(t, "arena_size_bytes"); got != 48<<20 {
		t.Errorf("arena_size_bytes %d after a change, want %d", got, 48<<20)
	}
	if err := os.WriteFile(config, []byte("huge=always\n"), 0); err == nil {
		t.Error("a change that needs a new mount was taken")
	}
	b, err := os.ReadFile(filepath.Join(dir, ".ctl/errors"))
	if err != nil || !strings.Contains(string(b), "huge") {
		t.Errorf(".ctl/errors does not tell of it: %s (%v)", b, err)
	}
	if r := shmfs(t, "umount", dir); r.code != exitOK {
		t.Errorf("umount: %+v", r)
	}
}

// mount(8) and fstab find the helper that `make install` puts into /sbin.
func TestMountCommandAndFstab(t *testing.T) {
	needRoot(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	const helper = "/sbin/mount.shmfs"
	switch err := os.Symlink(path, helper); {
	case err == nil:
		t.Cleanup(func() { os.Remove(helper) })
	case !os.IsExist(err):
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Cleanup(func() { shmfs(t, "umount", "--lazy", dir) })
	fstab := filepath.Join(t.TempDir(), "fstab")
	line := "none " + dir + " shmfs size=24M,nofail,x-systemd.automount 0 0\n"
	if err := os.WriteFile(fstab, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		size int
	}{
		{[]string{"-t", "shmfs", "none", dir, "-o", "size=16M"}, 16 << 20},
		{[]string{"--fstab", fstab, dir}, 24 << 20},
	} {
		if r := run(t, exec.Command("mount", c.args...)); r.code != 0 {
			t.Fatalf("mount %q: %+v", c.args, r)
		}
		if got := (&mount{dir: dir}).number(t, "arena_size_bytes"); got != c.size {
			t.Errorf("mount %q: arena_size_bytes %d, want %d", c.args, got, c.size)
		}
		if r := run(t, exec.Command("umount", dir)); r.code != 0 {
			t.Fatalf("umount: %+v", r)
		}
		(&mount{dir: dir, ended: make(chan struct{})}).waitFor(t, "the arena's end", func() bool {
			_, err := os.Lstat(filepath.Dir(tmpfs.Place(dir, 0)))
			return os.IsNotExist(err)
		})
	}
}
