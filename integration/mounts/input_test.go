//go:build linux

package mounts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBadInput: each has its exit code, one line of reason and the remedy, and leaves nothing half-mounted.
func TestBadInput(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "bad.toml")
	if err := os.WriteFile(config, []byte("size = \"1G\"\nseize = \"2G\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"missing mount point", []string{filepath.Join(dir, "no")}, exitMountPoint, "mkdir"},
		{"not a directory", []string{file}, exitMountPoint, "directory"},
		{"size zero", []string{dir, "--size=0"}, exitUsage, "zero"},
		{"size negative", []string{dir, "--size=-1G"}, exitUsage, "size"},
		{"size unreadable", []string{dir, "--size=lots"}, exitUsage, "8G"},
		{"unknown option", []string{dir, "--sizes=1G"}, exitUsage, "--size"},
		{"unknown mount option", []string{dir, "-o", "sice=1G"}, exitUsage, "size"},
		{"unknown huge", []string{dir, "--huge=sometimes"}, exitUsage, "within_size"},
		{"unknown io", []string{dir, "--io=fast"}, exitUsage, "passthrough"},
		{"no mount point", nil, exitUsage, "/mnt/shm"},
		{"configuration", []string{dir, "--config", config}, exitConfig, ":2:1"},
		{"endless configuration", []string{dir, "--config", "/dev/zero"}, exitConfig, "not a regular file"},
		{"configuration that nobody writes", []string{dir, "--config", fifo}, exitConfig, "not a regular file"},
		{"missing configuration", []string{dir, "--config", file + "x"}, exitConfig, "shmfs config show"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := shmfs(t, append([]string{"mount"}, c.args...)...)
			if r.code != c.code || !strings.Contains(r.stderr, c.says) || r.stdout != "" {
				t.Errorf("%+v, want code %d and %q on stderr", r, c.code, c.says)
			}
			if n := strings.Count(strings.TrimSpace(r.stderr), "\n"); n > 3 {
				t.Errorf("%d lines of explanation:\n%s", n+1, r.stderr)
			}
			if mounted(t, dir) {
				t.Error("something is mounted")
				shmfs(t, "umount", "--lazy", dir)
			}
			leftArena(t, dir, 0)
		})
	}
}

func TestASecondMountIsRefused(t *testing.T) {
	m := serve(t, "--size=16M")
	if r := shmfs(t, "mount", m.dir); r.code != exitMounted {
		t.Errorf("%+v, want code %d", r, exitMounted)
	}
	if got := m.number(t, "arena_size_bytes"); got != 16<<20 {
		t.Errorf("the mount was changed: arena_size_bytes %d", got)
	}
}

func TestMoreThanMemoryIsAWarning(t *testing.T) {
	dir := t.TempDir()
	if r := background(t, dir, "--size=900T", "--memory-max=100%"); r.code != exitUsage || !strings.Contains(r.stderr, "memory_max") {
		t.Errorf("%+v, want a refusal that names memory_max", r)
	}
	r := background(t, dir, "--size=900T")
	if r.code != exitOK || !strings.Contains(r.stderr, "memory") {
		t.Errorf("%+v, want a warning about memory", r)
	}
	if r := shmfs(t, "umount", dir); r.code != exitOK {
		t.Errorf("umount: %+v", r)
	}
}

// memory_max holds while mounted, too, and is not lowered below the size.
func TestSizeIsWithinMemoryMax(t *testing.T) {
	m := serve(t, "--size=16M", "--memory-max=64M")
	wantErrno(t, "more than memory_max", m.try("config", "size=65M"), syscall.EINVAL)
	if got := m.lastError(t); !strings.Contains(got, "size 65M is more than memory_max allows, 64M of the") || !strings.Contains(got, "remedy=") {
		t.Errorf("got %s", got)
	}
	wantErrno(t, "as much as memory_max", m.try("config", "size=64M"), 0)
	wantErrno(t, "memory_max below the size", m.try("config", "memory_max=63M"), syscall.EINVAL)
	wantErrno(t, "max", m.try("config", "size=max"), syscall.EINVAL)
	wantErrno(t, "a higher memory_max", m.try("config", "memory_max=128M"), 0)
	wantErrno(t, "as much as the new one", m.try("config", "size=128M"), 0)
	if r := run(t, exec.Command("df", "--output=size", "-B1M", m.dir)); !strings.Contains(r.stdout, "128") {
		t.Errorf("df says %q", r.stdout)
	}
}

func TestWithoutPermission(t *testing.T) {
	needRoot(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() // root's: fusermount3 refuses what the user may not write to
	makeReachable(t, dir)
	line := append(dropTo(), path, "mount", dir)
	r := run(t, exec.Command(line[0], line[1:]...))
	if r.code == 0 || mounted(t, dir) {
		t.Fatalf("an ordinary user mounted on root's directory: %+v", r)
	}
	if r.code != exitPermission && r.code != exitMountPoint {
		t.Errorf("%+v, want code %d or %d", r, exitPermission, exitMountPoint)
	}
	leftArena(t, dir, nobody)
}

// An ordinary user on a mount of root's: what modes allow, and nothing more.
func TestSecondUser(t *testing.T) {
	m := serve(t, "--size=64M")
	makeReachable(t, m.dir)
	if err := os.WriteFile(filepath.Join(m.dir, "closed"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := `
umask 022
cd "$1" || exit 20
cat closed 2>/dev/null && exit 21
echo mine > own || exit 22
[ "$(stat -c %u:%a own)" = 65534:644 ] || exit 23
rm -f closed 2>/dev/null && exit 24
cat .ctl/stats > /dev/null || exit 25
echo size=1M > .ctl/config 2>/dev/null && exit 26
mkdir d && chmod 700 d && echo x > d/in || exit 27
exit 0`
	line := append(dropTo(), "sh", "-c", script, "sh", m.dir)
	if r := run(t, exec.Command(line[0], line[1:]...)); r.code != 0 {
		t.Errorf("an ordinary user's session failed at exit %d: %s", r.code, r.stderr)
	}
	if got := m.number(t, "regions"); got != 3 {
		t.Errorf("regions %d, want 3", got)
	}
}

func TestNoFUSE(t *testing.T) {
	needRoot(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// A mount namespace whose /dev has no fuse.
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c",
		`mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec "$1" mount "$2"`, "sh", path, dir)
	if r := run(t, cmd); r.code != exitNoFUSE || !strings.Contains(r.stderr, "modprobe fuse") {
		t.Errorf("%+v, want code %d with what to type", r, exitNoFUSE)
	}
	leftArena(t, dir, 0)
}

// TestTooSmallForWhatIsThere: limits below what is promised are refused with the figures, and nothing is lost.
func TestTooSmallForWhatIsThere(t *testing.T) {
	for what, fill := range map[string]func(region string) error{
		"memory": func(region string) error { return os.WriteFile(region, make([]byte, 8<<20), 0o600) },
		"a hole": func(region string) error { return growTo(region, 8<<20) },
	} {
		t.Run(what, func(t *testing.T) { tooSmall(t, fill) })
	}
}

func tooSmall(t *testing.T, fill func(region string) error) {
	dir := t.TempDir()
	if r := background(t, dir, "--size=64M"); r.code != exitOK {
		t.Fatalf("mount: %+v", r)
	}
	region := filepath.Join(dir, "r")
	if err := fill(region); err != nil {
		t.Fatal(err)
	}
	const figures = "a size of 4.0M is less than the 8.0M in use"
	if err := os.WriteFile(filepath.Join(dir, ".ctl/config"), []byte("size=4M\n"), 0); err == nil {
		t.Error("shrunk below what is used")
	}
	if b, err := os.ReadFile(filepath.Join(dir, ".ctl/errors")); err != nil || !strings.Contains(string(b), figures) {
		t.Errorf(".ctl/errors (%v):\n%s", err, b)
	}
	if r := shmfs(t, "umount", "--keep", dir); r.code != exitOK {
		t.Fatalf("umount: %+v", r)
	}
	if r := background(t, dir, "--size=4M"); r.code == exitOK || !strings.Contains(r.stderr, figures) {
		t.Errorf("mount with less: %+v, want %q", r, figures)
	}
	if r := background(t, dir, "--size=64M"); r.code != exitOK || !strings.Contains(r.stdout, "1 region adopted") {
		t.Errorf("mount with as much as before: %+v", r)
	}
	if r := shmfs(t, "umount", dir); r.code != exitOK {
		t.Errorf("umount: %+v", r)
	}
	leftArena(t, dir, 0)
}

// TestNUMAThatIsNotThere: no machine has this node.
func TestNUMAThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	r := background(t, dir, "--numa=bind:1000")
	if r.code != exitUnsupported || !strings.Contains(r.stderr, "numa bind:1000") {
		t.Errorf("%+v, want code %d", r, exitUnsupported)
	}
	leftArena(t, dir, 0)
}
