//go:build linux

package pressure

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTriggers(t *testing.T) {
	for want, x := range map[string]Trigger{
		"some 200000 2000000": {Stall: 200 * time.Millisecond, Window: 2 * time.Second},
		"full 1 500000":       {Full: true, Stall: time.Microsecond, Window: 500 * time.Millisecond},
	} {
		if got := x.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// urgent makes a descriptor that poll(2) calls POLLPRI when its peer is written to: a TCP connection with urgent data
// (tcp(7)), which is the only one but the kernel's own that does.
func urgent(t *testing.T) (fd int, tell func()) {
	t.Helper()
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(listener)
	peer, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(peer) })
	err = errors.Join(unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(listener, 1))
	at, err2 := unix.Getsockname(listener)
	if err := errors.Join(err, err2); err != nil {
		t.Skip(err)
	}
	if err := unix.Connect(peer, at); err != nil {
		t.Skip(err)
	}
	if fd, _, err = unix.Accept(listener); err != nil {
		t.Fatal(err)
	}
	return fd, func() {
		if err := unix.Sendto(peer, []byte("!"), unix.MSG_OOB, nil); err != nil {
			t.Error(err)
		}
	}
}

func TestEachFileIsTold(t *testing.T) {
	told := make(chan string, 100)
	var fds []int
	var files []File
	var tells []func()
	for _, name := range []string{"a", "b"} {
		fd, tell := urgent(t)
		fds, tells = append(fds, fd), append(tells, tell)
		files = append(files, File{Path: name, Told: func() {
			unix.Recvfrom(fd, make([]byte, 1), unix.MSG_OOB) // as the kernel's own is read by poll(2)
			told <- name
		}})
	}
	w, err := start(fds, files)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"a", "b", "a"} {
		tells[i%2]()
		select {
		case got := <-told:
			if got != name {
				t.Errorf("%s is told, want %s", got, name)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s is not told", name)
		}
	}
	w.Close()
	w.Close()
	if len(told) > 0 {
		t.Errorf("%s is told once more", <-told)
	}
}

func TestWhatDoesNotTell(t *testing.T) {
	some := Trigger{Stall: 200 * time.Millisecond, Window: 2 * time.Second}
	before := descriptors(t)
	_, err := Watch(some, File{Path: filepath.Join(t.TempDir(), "none")})
	if !errors.Is(err, ErrNone) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	const system = "/proc/pressure/memory"
	w, err := Watch(some, File{Path: system, Told: func() {}})
	switch {
	case errors.Is(err, ErrNone), errors.Is(err, ErrRefused):
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	w.Close()
	_, err = Watch(Trigger{Stall: 2, Window: 1}, File{Path: system})
	if !errors.Is(err, ErrRefused) {
		t.Errorf("a window that is none: %v", err)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, before there were %d", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
