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

// growTo opens a region for reading and writing, makes it if it is not there, and sets its size.
func growTo(path string, size int64) error {
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o666)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Ftruncate(fd, size)
}

func (m *mount) mkdir(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(m.dir, name)
	if err := errors.Join(os.MkdirAll(path, 0o777), os.Chmod(path, 0o777)); err != nil {
		t.Fatal(err)
	}
	return path
}

func wantErrno(t *testing.T, what string, err error, want syscall.Errno) {
	t.Helper()
	if want == 0 && err != nil || want != 0 && !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

const sharedMemory = `
import sys
from multiprocessing import shared_memory, resource_tracker
try:
    m = shared_memory.SharedMemory(create=True, size=int(sys.argv[1]))
    m.buf[:] = b"x" * len(m.buf)
    m.unlink()
    print("ok")
except OSError as e:
    print("OSError", e.errno)
`

// Python's SharedMemory, unchanged, on a mount in the place of /dev/shm: more than there is gives OSError 28, and no signal.
func TestPythonIsRefusedAndNotKilled(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	m := serve(t, "--size=8M")
	for size, want := range map[int]string{9 << 20: "OSError 28\n", 8 << 20: "ok\n"} {
		// A mount namespace of its own, in which /dev/shm is ours.
		cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount --bind "$0" /dev/shm && exec "$1" -c "$2" "$3"`,
			m.dir, python, sharedMemory, fmt.Sprint(size))
		if r := run(t, cmd); r.code != 0 || r.stdout != want {
			t.Errorf("%d bytes: exit %d, %q, want %q\n%s", size, r.code, r.stdout, want, r.stderr)
		}
	}
}

// Limits, and what was promised under them, are the next server's too.
func TestLimitsOutliveTheServer(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M", "--mode=1777")
	makeReachable(t, m.dir)
	a, b := m.mkdir(t, "a"), m.mkdir(t, "a/b")
	m.tell(t, "limits", "directory a bytes=4M")
	m.tell(t, "limits", "directory a/b regions=1")
	m.tell(t, "limits", fmt.Sprintf("user %d bytes=1M", limitUser))
	m.tell(t, "config", "group_limit=regions=50")
	wantErrno(t, "up to the limit", growTo(filepath.Join(b, "f"), 3<<20), 0)
	fd, err := unix.Open(filepath.Join(a, "gone"), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	wantErrno(t, "one that goes", unix.Ftruncate(fd, 1<<20), 0)
	wantErrno(t, "unlink", unix.Unlink(filepath.Join(a, "gone")), 0)
	temp, err := unix.Open(b, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(temp)
	for i := range 3 {
		killServer(t, m)
		wantErrno(t, "another region", growTo(filepath.Join(b, "g"), 0), syscall.EDQUOT)
		wantErrno(t, "more bytes, beside the one that is gone", growTo(filepath.Join(b, "f"), 3<<20+1), syscall.EDQUOT)
		wantErrno(t, "more bytes of one that never had a name", unix.Ftruncate(temp, page), syscall.EDQUOT)
		as := actAs(limitUser, func() error { return growTo(filepath.Join(m.dir, fmt.Sprint("user", i)), 1<<20+1) })
		wantErrno(t, "a user's bytes", as, syscall.EDQUOT)
		if got := m.number(t, "promised_bytes"); got != 4<<20 {
			t.Errorf("after kill %d: promised_bytes %d, want %d", i, got, 4<<20)
		}
		for kind, name := range map[string]string{"directory": "a", "user": "0", "group": "0"} {
			if got := m.usage(t, kind, name, "unlinked"); got != 1<<20 {
				t.Errorf("after kill %d: %s %s has %d bytes without a name, want %d", i, kind, name, got, 1<<20)
			}
		}
	}
	b2, err := os.ReadFile(filepath.Join(m.dir, ".ctl/config"))
	if err != nil || !strings.Contains(string(b2), `group_limit = "regions=50"`) {
		t.Errorf("the limit of each group is gone (%v):\n%s", err, b2)
	}
}

// Memory past the end of a region counts for the next server too, where holes of the region hide it.
func TestMemoryPastTheEndOutlivesTheServer(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=16M", "--huge=never")
	f, other := filepath.Join(m.dir, "f"), filepath.Join(m.dir, "other")
	wantErrno(t, "a hole", growTo(f, 4<<20), 0)
	fd, err := unix.Open(f, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	wantErrno(t, "past the end", unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 4<<20, 4<<20), 0)
	for _, want := range []int{8 << 20, 4 << 20} {
		killServer(t, m)
		if got := m.number(t, "promised_bytes"); got != want {
			t.Errorf("promised_bytes %d, want %d", got, want)
		}
		wantErrno(t, "more than is left", growTo(other, int64(16<<20-want+page)), syscall.ENOSPC)
		wantErrno(t, "as long as it is", unix.Ftruncate(fd, 4<<20), 0) // gives back what is past the end
	}
}

// What is reserved for a directory is there whatever its neighbours do, and is refused when it cannot be kept.
func TestReservationIsKept(t *testing.T) {
	m := serve(t, "--size=16M", "--huge=never")
	tenant, other := m.mkdir(t, "tenant"), m.mkdir(t, "other")
	wantErrno(t, "neighbour", growTo(filepath.Join(other, "first"), 6<<20), 0)
	wantErrno(t, "more than there is", m.try("limits", "directory tenant reserve=11M"), syscall.ENOSPC)
	m.tell(t, "limits", "directory tenant reserve=8M")
	wantErrno(t, "neighbour's more", growTo(filepath.Join(other, "second"), 2<<20), 0)
	wantErrno(t, "neighbour's too much", growTo(filepath.Join(other, "third"), page), syscall.ENOSPC)
	wantErrno(t, "a smaller mount", m.try("config", "size=15M"), syscall.EINVAL)
	wantErrno(t, "what is reserved", growTo(filepath.Join(tenant, "r"), 8<<20), 0)
	if err := touch(filepath.Join(tenant, "r"), 8<<20); err != nil {
		t.Error(err)
	}
	wantErrno(t, "more than is reserved", growTo(filepath.Join(tenant, "more"), page), syscall.ENOSPC)
	wantErrno(t, "out of the reservation", unix.Rename(filepath.Join(tenant, "r"), filepath.Join(other, "r")), syscall.EXDEV)
	m.tell(t, "config", "size=32M")
	wantErrno(t, "in a larger mount", growTo(filepath.Join(tenant, "more"), page), 0)
	wantErrno(t, "fast writes there", m.try("limits", "directory tenant writes=fast"), syscall.EINVAL)
}

// Limits by configuration hold for directories that have none of their own, those that are there and those to come.
func TestDirectoryLimitsByConfiguration(t *testing.T) {
	m := serve(t, "--size=64M", "--directory-limit=tenants/*:2M")
	a := m.mkdir(t, "tenants/a")
	wantErrno(t, "the limit of all", growTo(filepath.Join(a, "f"), 2<<20+1), syscall.EDQUOT)
	m.tell(t, "limits", "directory tenants/a bytes=4M")
	wantErrno(t, "its own", growTo(filepath.Join(a, "f"), 4<<20), 0)
	wantErrno(t, "more", growTo(filepath.Join(a, "f"), 4<<20+1), syscall.EDQUOT)
	b, c := m.mkdir(t, "tenants/b"), m.mkdir(t, "others")
	m.tell(t, "config", "directory_limit=tenants/*:1M|others:regions=1")
	wantErrno(t, "changed", growTo(filepath.Join(b, "f"), 1<<20+1), syscall.EDQUOT)
	wantErrno(t, "its own stays", growTo(filepath.Join(a, "f"), 4<<20-1), 0)
	wantErrno(t, "one region", growTo(filepath.Join(c, "f"), 8<<20), 0)
	wantErrno(t, "two regions", growTo(filepath.Join(c, "g"), 0), syscall.EDQUOT)
	needSuccessor(t)
	killServer(t, m)
	wantErrno(t, "with the next server", growTo(filepath.Join(c, "g"), 0), syscall.EDQUOT)
	m.tell(t, "config", "directory_limit=max")
	wantErrno(t, "without it", growTo(filepath.Join(c, "g"), 0), 0)
	wantErrno(t, "without it", growTo(filepath.Join(b, "f"), 8<<20), 0)
	wantErrno(t, "its own stays", growTo(filepath.Join(a, "f"), 4<<20+1), syscall.EDQUOT)
}

// A limit below what is held takes nothing away.
func TestLoweredLimits(t *testing.T) {
	m := serve(t, "--size=16M")
	d := m.mkdir(t, "d")
	wantErrno(t, "without a limit", growTo(filepath.Join(d, "f"), 8<<20), 0)
	m.tell(t, "limits", "directory d bytes=4M")
	wantErrno(t, "more", growTo(filepath.Join(d, "f"), 8<<20+page), syscall.EDQUOT)
	wantErrno(t, "another", growTo(filepath.Join(d, "g"), page), syscall.EDQUOT)
	if err := touch(filepath.Join(d, "f"), 8<<20); err != nil {
		t.Error(err)
	}
	wantErrno(t, "less", growTo(filepath.Join(d, "f"), 2<<20), 0)
	wantErrno(t, "the rest", growTo(filepath.Join(d, "g"), 2<<20), 0)
	wantErrno(t, "a smaller mount", m.try("config", "size=2M"), syscall.EINVAL)
	m.tell(t, "limits", "directory d bytes=max")
	wantErrno(t, "without a limit again", growTo(filepath.Join(d, "f"), 8<<20), 0)
}

// statfs of a limited directory is about that directory.
func TestRoomOfALimitedDirectory(t *testing.T) {
	m := serve(t, "--size=64M")
	d := m.mkdir(t, "d")
	m.tell(t, "limits", "directory d bytes=8M,nodes=10")
	wantErrno(t, "a region", growTo(filepath.Join(d, "f"), 2<<20), 0)
	for path, want := range map[string][3]uint64{"": {64 << 20, 62 << 20, 0}, "d": {8 << 20, 6 << 20, 9}, "d/f": {8 << 20, 6 << 20, 9}} {
		var s unix.Statfs_t
		if err := unix.Statfs(filepath.Join(m.dir, path), &s); err != nil {
			t.Fatal(err)
		}
		if size, room := s.Blocks*uint64(s.Bsize), s.Bavail*uint64(s.Bsize); size != want[0] || room != want[1] ||
			want[2] > 0 && s.Ffree != want[2] {
			t.Errorf("%q: %d bytes, %d of them free, %d nodes; want %v", path, size, room, s.Ffree, want)
		}
	}
}

// pwriteAt opens a region and writes a byte at an offset.
func pwriteAt(path string, flags int, off int64) error {
	fd, err := unix.Open(path, flags|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Pwrite(fd, []byte("x"), off)
	return err
}

// A write past the end asks, or is noticed, as the directory says.
func TestWritesPastTheEnd(t *testing.T) {
	m := serve(t, "--size=16M", "--huge=never")
	if got := m.stat(t, "mode"); got != "passthrough" {
		t.Skipf("no passthrough here: %s", m.stat(t, "mode_reason"))
	}
	const far = 17<<20 - 1
	for _, x := range []struct {
		writes   string
		flags    int
		want     syscall.Errno
		promised int
	}{
		{"strict", unix.O_RDWR, syscall.ENOSPC, 0},
		{"strict", unix.O_WRONLY, syscall.ENOSPC, 0},
		{"auto", unix.O_WRONLY, syscall.ENOSPC, 0},
		{"auto", unix.O_RDWR, 0, far + 1}, // noticed afterwards
		{"fast", unix.O_WRONLY, 0, far + 1},
	} {
		name := x.writes + map[int]string{unix.O_RDWR: " read-write", unix.O_WRONLY: " write-only"}[x.flags]
		d := m.mkdir(t, "d")
		m.tell(t, "limits", "directory d writes="+x.writes)
		wantErrno(t, name, pwriteAt(filepath.Join(d, "f"), x.flags, far), x.want)
		m.waitFor(t, name+" to be noticed", func() bool { return m.number(t, "promised_bytes") == x.promised })
		if x.promised > 0 {
			wantErrno(t, name+", and then another region", growTo(filepath.Join(m.dir, "other"), page), syscall.ENOSPC)
		}
		if err := errors.Join(os.RemoveAll(d), os.RemoveAll(filepath.Join(m.dir, "other"))); err != nil {
			t.Fatal(err)
		}
		m.waitFor(t, "room for the next way", func() bool { return m.number(t, "promised_bytes") == 0 })
	}
	d := m.mkdir(t, "limited")
	m.tell(t, "limits", "directory limited bytes=1M")
	wantErrno(t, "in a directory with a limit", pwriteAt(filepath.Join(d, "f"), unix.O_RDWR, 1<<20), syscall.EDQUOT)
	wantErrno(t, "up to its limit", pwriteAt(filepath.Join(d, "f"), unix.O_RDWR, 1<<20-1), 0)
}

// A limit is lifted by those only who may; what is one's own can be divided.
func TestWhoMaySetLimits(t *testing.T) {
	m := serve(t, "--size=64M", "--mode=1777")
	makeReachable(t, m.dir)
	top := m.mkdir(t, "top")
	if err := os.Chown(top, limitUser, limitGroup); err != nil {
		t.Fatal(err)
	}
	m.tell(t, "limits", "directory top bytes=4M")
	set := func(dir, name, value string) error {
		return actAs(limitUser, func() error { return unix.Setxattr(dir, name, []byte(value), 0) })
	}
	in := filepath.Join(top, "in")
	wantErrno(t, "mkdir", actAs(limitUser, func() error { return unix.Mkdir(in, 0o755) }), 0)
	wantErrno(t, "a limit of root's", set(top, "user.shmfs.limit", "8M"), syscall.EPERM)
	wantErrno(t, "taking it away", actAs(limitUser, func() error { return unix.Removexattr(top, "user.shmfs.limit") }), syscall.EPERM)
	wantErrno(t, "of a directory of one's own", set(in, "user.shmfs.limit", "1M"), 0)
	wantErrno(t, "a reservation", set(in, "user.shmfs.limit", "reserve=1M"), syscall.EPERM)
	wantErrno(t, "overcommit", set(in, "user.shmfs.overcommit", "true"), syscall.EPERM)
	wantErrno(t, "fast writes", set(in, "user.shmfs.writes", "fast"), syscall.EPERM)
	grow := func(size int64) error {
		return actAs(limitUser, func() error { return growTo(filepath.Join(in, "f"), size) })
	}
	wantErrno(t, "within it", grow(1<<20), 0)
	wantErrno(t, "beyond it", grow(1<<20+1), syscall.EDQUOT)
	wantErrno(t, "nonsense", unix.Setxattr(in, "user.shmfs.limit", []byte("much"), 0), syscall.EINVAL)
	wantErrno(t, "of a region", unix.Setxattr(filepath.Join(in, "f"), "user.shmfs.limit", []byte("1M"), 0), syscall.EPERM)
}

// Where holes count nothing, a region may be larger than the memory; what is there counts.
func TestOvercommittedDirectory(t *testing.T) {
	m := serve(t, "--size=16M", "--huge=never")
	d := m.mkdir(t, "d")
	m.tell(t, "limits", "directory d overcommit=true")
	f := filepath.Join(d, "f")
	wantErrno(t, "a sparse region", growTo(f, 1<<40), 0)
	if err := touch(f, 1<<20); err != nil {
		t.Error(err)
	}
	if got := m.number(t, "promised_bytes"); got != 1<<20 {
		t.Errorf("promised_bytes %d, want %d", got, 1<<20)
	}
	wantErrno(t, "no more holes", m.try("limits", "directory d overcommit=false"), 0)
	wantErrno(t, "another region", growTo(filepath.Join(m.dir, "g"), page), syscall.ENOSPC)
}

// fallocate promises, and gets memory at once only below a directory that wants it so; also by the next server.
func TestPagesNow(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=32M", "--huge=never")
	now, later := m.mkdir(t, "now/below"), m.mkdir(t, "later")
	m.tell(t, "limits", "directory now reserve=now")
	allocate := func(dir string, mode uint32, off, size int64) (resident int64) {
		t.Helper()
		path := filepath.Join(dir, "f")
		fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		wantErrno(t, "fallocate", unix.Fallocate(fd, mode, off, size), 0)
		var s unix.Stat_t
		wantErrno(t, "fstat", unix.Fstat(fd, &s), 0)
		if mode == 0 && s.Size != off+size {
			t.Errorf("%s has %d bytes, want %d", path, s.Size, off+size)
		}
		return s.Blocks * 512
	}
	for i := range int64(2) {
		if got, want := allocate(now, 0, i<<20, 1<<20), (i+1)<<20; got != want {
			t.Errorf("%d bytes are there below the directory, want %d", got, want)
		}
		if got := allocate(later, 0, i<<20, 1<<20); got > (i+1)*page {
			t.Errorf("%d bytes are there elsewhere, want those of the last page at most", got)
		}
		killServer(t, m)
	}
	if got := m.number(t, "promised_bytes"); got != 4<<20 {
		t.Errorf("promised_bytes %d, want %d", got, 4<<20)
	}
	if err := touch(filepath.Join(later, "f"), 2<<20); err != nil {
		t.Error(err)
	}
	if got := allocate(later, unix.FALLOC_FL_KEEP_SIZE, 2<<20, 1<<20); got != 3<<20 {
		t.Errorf("%d bytes are there, past the end, want %d: nothing else keeps the promise", got, 3<<20)
	}
	data := []byte("content")
	fd, err := unix.Open(filepath.Join(later, "z"), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.Pwrite(fd, data, 0); err != nil {
		t.Fatal(err)
	}
	wantErrno(t, "zero range", unix.Fallocate(fd, unix.FALLOC_FL_ZERO_RANGE, 1, 1<<20), 0)
	got := make([]byte, len(data))
	if _, err := unix.Pread(fd, got, 0); err != nil || string(got) != "c\x00\x00\x00\x00\x00\x00" {
		t.Errorf("after a range of zeros: %q, %v", got, err)
	}
	m.tell(t, "limits", "directory now/below bytes=3M")
	g, err := unix.Open(filepath.Join(now, "g"), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(g)
	wantErrno(t, "more than is allowed", unix.Fallocate(g, 0, 0, 2<<20), syscall.EDQUOT)
	var st unix.Stat_t
	if err := unix.Fstat(g, &st); err != nil || st.Size != 0 || st.Blocks != 0 {
		t.Errorf("refused, and %d bytes are there (%v)", st.Blocks*512, err)
	}
}

// In the cached way a region that somebody may have mapped for writing is in memory twice, and counts so against the mount,
// also for the next server; but not in anybody's share.
func TestCachedRegionsCountTwice(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--io=cached", "--size=8M", "--huge=never")
	m.tell(t, "limits", "user 0 bytes=6M")
	path := filepath.Join(m.dir, "f")
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := func() ([]byte, error) {
		defer unix.Close(fd)
		wantErrno(t, "half of the mount", unix.Ftruncate(fd, 4<<20), 0)
		return unix.Mmap(fd, 0, 4<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		wantErrno(t, "more, while it is mapped", unix.Truncate(path, 4<<20+page), syscall.ENOSPC)
		if got := m.lastError(t); !strings.Contains(got, "4.0M of them are second copies in the page cache of the mount") {
			t.Errorf("got %s", got)
		}
		if got, twice := m.number(t, "promised_bytes"), m.number(t, "copied_bytes"); got != 4<<20 || twice != 4<<20 {
			t.Errorf("%d bytes are promised and %d counted twice, want %d and %d", got, twice, 4<<20, 4<<20)
		}
		wantErrno(t, "another one", growTo(filepath.Join(m.dir, "g"), page), syscall.ENOSPC)
		killServer(t, m)
	}
	wantErrno(t, "munmap", unix.Munmap(mapped), 0)
	m.waitFor(t, "the end of the copy", func() bool { return m.number(t, "copied_bytes") == 0 })
	wantErrno(t, "more, when nobody has it", unix.Truncate(path, 6<<20), 0)
	wantErrno(t, "more than the user's", unix.Truncate(path, 6<<20+page), syscall.EDQUOT)
}

// A soft limit refuses nothing, and is told once: in the log, and as an event.
func TestSoftLimit(t *testing.T) {
	m := serve(t, "--size=16M", "--no-keeper")
	d := m.mkdir(t, "d")
	m.tell(t, "limits", "directory d soft_bytes=1M")
	for i := range 3 {
		wantErrno(t, "above it", growTo(filepath.Join(d, fmt.Sprint(i)), 1<<20), 0)
	}
	m.waitFor(t, "the warning", func() bool { return strings.Contains(m.stderr.String(), "a soft limit is passed") })
	if log := m.stderr.String(); strings.Count(log, "a soft limit is passed") != 1 || !strings.Contains(log, "the directory d") {
		t.Errorf("logged:\n%s", log)
	}
	var warned []told
	for _, x := range m.events(t) {
		if x.Event == "limit_warning" {
			warned = append(warned, x)
		}
	}
	if want := "the directory d: 2097152 bytes are more than its soft limit of 1048576"; len(warned) != 1 || warned[0].Path != "d" ||
		warned[0].Reason != want {
		t.Errorf("events: %+v, want one at d with the reason %q", warned, want)
	}
}

// The commands show what the files say.
func TestLimitsCommands(t *testing.T) {
	m := serve(t, "--size=16M", "--huge=never")
	d := m.mkdir(t, "a dir")
	if r := shmfs(t, "limits", "set", d, "bytes=2M", "regions=5", "writes=auto"); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	if r := shmfs(t, "limits", "set", m.dir, "--user", "4242", "1M"); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	wantErrno(t, "a region", growTo(filepath.Join(d, "f"), 2<<20), 0)
	r := shmfs(t, "limits", m.dir)
	for _, want := range []string{"directory  2.0M      2.0M   1        5", "auto    a dir", "user       0         1.0M"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in:\n%s%s", want, r.stdout, r.stderr)
		}
	}
	r = shmfs(t, "usage", "--by", "directory", d) // how fast it grew depends on the time
	for _, want := range []string{"2.0M      0         0         2.0M  2.0M   ", "full     1        1      a dir"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in:\n%s%s", want, r.stdout, r.stderr)
		}
	}
	if r := shmfs(t, "limits", "set", d, "bytes=much"); r.code == 0 || !strings.Contains(r.stderr, "bytes \"much\"") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	if r := shmfs(t, "limits", "set", m.dir, "bytes=2M"); r.code == 0 || !strings.Contains(r.stderr, "echo size=16G") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

// What grows without asking takes from the headroom first, and from nobody's promise.
func TestHeadroom(t *testing.T) {
	m := serve(t, "--size=16M", "--huge=never")
	if got := m.stat(t, "mode"); got != "passthrough" {
		t.Skipf("no passthrough here: %s", m.stat(t, "mode_reason"))
	}
	promised := filepath.Join(m.dir, "promised")
	wantErrno(t, "all that there is", growTo(promised, 16<<20), 0)
	fd, err := unix.Open(filepath.Join(m.dir, "sneaking"), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	wantErrno(t, "through a read-write descriptor", writeAll(fd, 1<<20), 0)
	if err := touch(promised, 16<<20); err != nil {
		t.Error(err)
	}
	wantErrno(t, "more", growTo(filepath.Join(m.dir, "more"), page), syscall.ENOSPC)
	wantErrno(t, "the size as it is", m.try("config", "size=16M"), 0)
}
