//go:build linux

package notify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asChild in the environment: this process is one that a manager passes descriptors to.
const asChild = "SHMFS_NOTIFY_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		os.Setenv("LISTEN_PID", strings.ReplaceAll(os.Getenv("LISTEN_PID"), "me", fmt.Sprint(os.Getpid())))
		for name, f := range Stored() {
			flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
			text := make([]byte, 16)
			n, _ := f.ReadAt(text, 0)
			fmt.Printf("%s has %s, closed on exec %v (%v)\n", name, text[:n], flags&unix.FD_CLOEXEC != 0, err)
		}
		for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
			if value, ok := os.LookupEnv(name); ok {
				fmt.Printf("%s=%s is left\n", name, value)
			}
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// listen makes a socket and the manager that listens there.
func listen(t *testing.T, path string) (*Manager, int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	m, err := Find()
	if err != nil || m == nil {
		t.Fatalf("%v, %v", m, err)
	}
	t.Cleanup(func() { unix.Close(m.fd) })
	return m, fd
}

// receive reads a message and the descriptor that came with it, -1 for none.
func receive(t *testing.T, fd int) (string, int) {
	t.Helper()
	text, rights := make([]byte, 1024), make([]byte, 1024)
	n, r, _, _, err := unix.Recvmsg(fd, text, rights, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(rights[:r])
	if err != nil {
		t.Fatal(err)
	}
	if len(messages) == 0 {
		return string(text[:n]), -1
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("%v, %v", fds, err)
	}
	return string(text[:n]), fds[0]
}

func TestMessages(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "notify"), "@shmfs-notify-test-" + fmt.Sprint(os.Getpid())} {
		m, fd := listen(t, path)
		if err := m.Tell("READY=1", "STATUS=fine"); err != nil {
			t.Fatal(err)
		}
		if got, _ := receive(t, fd); got != "READY=1\nSTATUS=fine" {
			t.Errorf("%s: got %q", path, got)
		}
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := m.Store("it", f); err != nil {
			t.Fatal(err)
		}
		got, passed := receive(t, fd)
		if got != "FDSTORE=1\nFDNAME=it" {
			t.Errorf("%s: got %q", path, got)
		}
		var ours, theirs unix.Stat_t
		if err := errors.Join(unix.Fstat(int(f.Fd()), &ours), unix.Fstat(passed, &theirs)); err != nil || ours != theirs {
			t.Errorf("%s: another file was passed (%v)", path, err)
		}
		unix.Close(passed)
		if err := m.Remove("it"); err != nil {
			t.Fatal(err)
		}
		if got, _ := receive(t, fd); got != "FDSTOREREMOVE=1\nFDNAME=it" {
			t.Errorf("%s: got %q", path, got)
		}
	}
}

func TestBarrierWaitsForTheManager(t *testing.T) {
	m, fd := listen(t, filepath.Join(t.TempDir(), "notify"))
	done := make(chan error, 1)
	go func() { done <- m.Barrier() }()
	if err := poll(fd, time.Minute); err != nil {
		t.Fatal(err)
	}
	got, passed := receive(t, fd)
	if got != "BARRIER=1" || passed < 0 {
		t.Errorf("got %q with %d", got, passed)
	}
	select {
	case err := <-done:
		t.Errorf("it did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	unix.Close(passed)
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it goes on waiting")
	}
}

func poll(fd int, d time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, int(d/time.Millisecond))
		if n > 0 {
			return nil
		}
		if err != unix.EINTR {
			return fmt.Errorf("nothing came: %v", err)
		}
	}
}

// Who tells how the service is must not wait: the manager may be busy for long.
func TestTellDoesNotWait(t *testing.T) {
	m, _ := listen(t, filepath.Join(t.TempDir(), "notify"))
	for range 1 << 16 {
		if err := m.Tell("WATCHDOG=1"); errors.Is(err, unix.EAGAIN) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("the queue is never full")
}

func TestFind(t *testing.T) {
	me := fmt.Sprint(os.Getpid())
	for _, c := range []struct {
		socket, usec, pid string
		found, fails      bool
		watchdog          time.Duration
	}{
		{"", "1000", me, false, false, 0},
		{"/run/x", "", "", true, false, 0},
		{"/run/x", "1500000", "", true, false, 1500 * time.Millisecond},
		{"/run/x", "1500000", me, true, false, 1500 * time.Millisecond},
		{"/run/x", "1500000", "1", true, false, 0},
		{"/run/x", "soon", me, true, false, 0},
		{"vsock:2:1234", "", "", false, true, 0},
	} {
		t.Setenv("NOTIFY_SOCKET", c.socket)
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		m, err := Find()
		if (m != nil) != c.found || (err != nil) != c.fails {
			t.Errorf("%+v: got %v, %v", c, m, err)
		}
		if m != nil {
			if m.Watchdog() != c.watchdog {
				t.Errorf("%+v: got %v", c, m.Watchdog())
			}
			unix.Close(m.fd)
		}
		if _, left := os.LookupEnv("NOTIFY_SOCKET"); left {
			t.Error("NOTIFY_SOCKET is left for others")
		}
	}
}

func TestStored(t *testing.T) {
	content := func(text string) *os.File {
		f, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, c := range []struct{ pid, count, names, want string }{
		{"me", "2", "a:b", "a has one, closed on exec true (<nil>)\nb has two, closed on exec true (<nil>)\n"},
		{"me", "2", "a:a", "a has two, closed on exec true (<nil>)\n"},
		{"me", "1", "", " has one, closed on exec true (<nil>)\n"},
		{"1", "2", "a:b", ""},
		{"me", "none", "a:b", ""},
		{"me", "-1", "a:b", ""},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), asChild+"=1", "LISTEN_PID="+c.pid, "LISTEN_FDS="+c.count, "LISTEN_FDNAMES="+c.names)
		cmd.ExtraFiles = []*os.File{content("one"), content("two")}
		out, err := cmd.CombinedOutput()
		lines := strings.SplitAfter(string(out), "\n")
		if len(lines) == 3 && lines[0] > lines[1] { // in the order of a map
			lines[0], lines[1] = lines[1], lines[0]
		}
		if got := strings.Join(lines, ""); err != nil || got != c.want {
			t.Errorf("%+v: got %q (%v)", c, got, err)
		}
	}
}

// A manager that is gone is told of.
func TestNobodyListens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	t.Setenv("WATCHDOG_USEC", "")
	m, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(m.fd)
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for what, err := range map[string]error{
		"tell": m.Tell("READY=1"), "store": m.Store("x", f), "remove": m.Remove("x"), "barrier": m.Barrier(),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s = %v, want ENOENT", what, err)
		}
	}
}
