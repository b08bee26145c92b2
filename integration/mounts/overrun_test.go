//go:build linux

package mounts

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// unheard is how many bytes are taken without asking until the server has to show that it runs. What it does about them
// takes it a moment, for which a mount has its headroom; on a machine that is so busy that the server does not run at all,
// nothing can be done.
const unheard = 128 << 20

// hear waits for an answer of the server of a mount, if there is one.
func hear(dir string) {
	os.Lstat(filepath.Join(dir, fmt.Sprint("nobody has asked for ", time.Now().UnixNano())))
}

// overrun extends a region through a read-write descriptor, which does not ask, until it is refused or the amount is
// reached, in bytes. Between two steps it does what it is told.
func overrun(path string, most int64, between func()) (written int64, err error) {
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	block := bytes.Repeat([]byte("overrun."), 1<<17)
	for written < most {
		n, err := unix.Pwrite(fd, block, written)
		if err != nil {
			return written, err
		}
		if written/unheard != (written+int64(n))/unheard {
			hear(filepath.Dir(path))
		}
		written += int64(n)
		between()
	}
	return written, nil
}

// touchSlowly is touch, of some 200 MiB/s.
func touchSlowly(path string, size int) error {
	const step = 256 << 10
	for n := step; n <= size; n += step {
		if err := touchFrom(path, n-step, step); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// needPassthrough skips where writes ask anyway.
func (m *mount) needPassthrough(t *testing.T) {
	t.Helper()
	if got := m.stat(t, "mode"); got != "passthrough" {
		t.Skipf("no passthrough here: %s", m.stat(t, "mode_reason"))
	}
}

// Somebody writes on and on without asking: he gets ENOSPC at last, and whoever was promised memory finds it.
func TestOverrun(t *testing.T) {
	for _, kills := range []int{0, 3} {
		t.Run(fmt.Sprintf("%d kills", kills), func(t *testing.T) {
			m := serve(t, "--size=64M", "--huge=never")
			m.needPassthrough(t)
			const sparse, most = 48 << 20, 8 << 30
			promised := filepath.Join(m.dir, "promised")
			wantErrno(t, "a promise", growTo(promised, sparse), 0)
			wantErrno(t, "and another one", growTo(filepath.Join(m.dir, "late"), 12<<20), 0)
			if err := touch(promised, 1<<20); err != nil {
				t.Fatal(err)
			}
			touched := make(chan error)
			go func() { touched <- touchSlowly(promised, sparse) }()
			last := time.Now()
			written, err := overrun(filepath.Join(m.dir, "sneaking"), most, func() {
				if kills > 0 && time.Since(last) > 20*time.Millisecond {
					kills--
					killServer(t, m)
					last = time.Now()
				}
			})
			if !errors.Is(err, unix.ENOSPC) {
				t.Errorf("after %d bytes: %v, want %v", written, err, unix.ENOSPC)
			}
			t.Logf("refused after %d MiB of a mount of 64", written>>20)
			if err := errors.Join(<-touched, touch(filepath.Join(m.dir, "late"), 12<<20)); err != nil {
				t.Error(err)
			}
			wantErrno(t, "more", growTo(filepath.Join(m.dir, "more"), page), syscall.ENOSPC)
			if err := os.Remove(filepath.Join(m.dir, "sneaking")); err != nil {
				t.Fatal(err)
			}
			m.waitFor(t, "room", func() bool { return growTo(filepath.Join(m.dir, "more"), 4<<20) == nil })
			if err := touch(filepath.Join(m.dir, "more"), 4<<20); err != nil {
				t.Error(err)
			}
		})
	}
}

// A hole that somebody writes behind without asking is nobody's promise: nothing is allocated for it, by the next server
// neither.
func TestOverrunByAHole(t *testing.T) {
	m := serve(t, "--size=64M", "--huge=never")
	m.needPassthrough(t)
	wantErrno(t, "a promise", growTo(filepath.Join(m.dir, "promised"), 32<<20), 0)
	hole := filepath.Join(m.dir, "hole")
	fd, err := unix.Open(hole, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.Pwrite(fd, []byte("x"), 1<<40); err != nil {
		t.Fatal(err)
	}
	resident := func(name string) int64 {
		var st unix.Stat_t
		f, err := unix.Open(filepath.Join(m.dir, name), unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(f)
		if err := unix.Fstat(f, &st); err != nil {
			t.Fatal(err)
		}
		return st.Blocks * 512
	}
	m.waitFor(t, "the memory of what was promised", func() bool { return m.number(t, "resident_bytes") >= 32<<20 })
	killServer(t, m)
	wantErrno(t, "more", growTo(filepath.Join(m.dir, "more"), page), syscall.ENOSPC)
	if got := resident("hole"); got > 64<<20 {
		t.Errorf("%d bytes were allocated for the hole", got)
	}
	if err := touch(filepath.Join(m.dir, "promised"), 32<<20); err != nil {
		t.Error(err)
	}
}

// What is reserved is there although the mount is overrun, and what is promised from it then, too.
func TestReservationOfAnOverrunMount(t *testing.T) {
	m := serve(t, "--size=64M", "--huge=never")
	m.needPassthrough(t)
	tenant := m.mkdir(t, "tenant")
	m.tell(t, "limits", "directory tenant reserve=32M")
	wantErrno(t, "a promise", growTo(filepath.Join(m.dir, "promised"), 16<<20), 0)
	written, err := overrun(filepath.Join(m.dir, "sneaking"), 8<<30, func() {})
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("after %d bytes: %v, want %v", written, err, unix.ENOSPC)
	}
	fd, err := unix.Open(filepath.Join(m.dir, "sneaking"), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	path, block := filepath.Join(tenant, "f"), make([]byte, 1<<20)
	for size := int64(4 << 20); size <= 32<<20; size += 4 << 20 {
		wantErrno(t, "from the reservation", growTo(path, size), 0)
		for range 16 { // what is promised must not be there for who comes first
			n, err := unix.Pwrite(fd, block, written)
			if err != nil && !errors.Is(err, unix.ENOSPC) {
				t.Fatal(err)
			}
			written += int64(max(n, 0))
		}
		if err := touch(path, int(size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := touch(filepath.Join(m.dir, "promised"), 16<<20); err != nil {
		t.Error(err)
	}
}

// What takes memory at once gets it from a reservation, too.
func TestMemoryAtOnceFromAReservation(t *testing.T) {
	m := serve(t, "--size=64M", "--huge=never")
	m.needPassthrough(t)
	tenant := m.mkdir(t, "tenant")
	m.tell(t, "limits", "directory tenant reserve=32M")
	for name, take := range map[string]func(path string) error{
		"past the end": func(path string) error {
			fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, 8<<20)
		},
		"symlink": func(path string) error { return os.Symlink(strings.Repeat("far/", 100), path) },
	} {
		sneaking := filepath.Join(m.dir, "sneaking")
		if written, err := overrun(sneaking, 8<<30, func() {}); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("after %d bytes: %v, want %v", written, err, unix.ENOSPC)
		}
		m.waitFor(t, name, func() bool { return take(filepath.Join(tenant, name)) == nil })
		if err := os.Remove(sneaking); err != nil {
			t.Fatal(err)
		}
	}
}

// Where holes count nothing, mappings take what they get: from nobody who was promised something.
func TestOverrunByFreeHoles(t *testing.T) {
	m := serve(t, "--size=64M", "--huge=never")
	m.needPassthrough(t)
	d := m.mkdir(t, "d")
	m.tell(t, "limits", "directory d overcommit=true")
	promised := filepath.Join(m.dir, "promised")
	wantErrno(t, "a promise", growTo(promised, 48<<20), 0)
	wantErrno(t, "a large hole", growTo(filepath.Join(d, "f"), 4<<30), 0)
	got := 0
	for ; got < 4<<30 && touchFrom(filepath.Join(d, "f"), got, unheard) == nil; got += unheard {
		hear(m.dir)
	}
	if got >= 4<<30 {
		t.Error("4 GiB were got from a mount of 64 MiB")
	}
	if err := touch(promised, 48<<20); err != nil {
		t.Error(err)
	}
}

// Who opens a region to append to it, or to write it anew, asks before it grows, as those do who only write.
func TestOpensThatExtend(t *testing.T) {
	m := serve(t, "--size=16M", "--huge=never")
	m.needPassthrough(t)
	for name, flags := range map[string]int{"anew": unix.O_CREAT | unix.O_TRUNC, "append": unix.O_CREAT | unix.O_APPEND} {
		path := filepath.Join(m.dir, name)
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if flags&unix.O_APPEND == 0 {
			_, err := unix.Pwrite(fd, []byte("x"), 17<<20)
			wantErrno(t, name+", far out", err, syscall.ENOSPC)
		}
		wantErrno(t, name, writeAll(fd, 17<<20), syscall.ENOSPC)
		if err := touch(path, page); err != nil {
			t.Error(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		m.waitFor(t, "room", func() bool { return m.number(t, "promised_bytes") == 0 })
	}
}
