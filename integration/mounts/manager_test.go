//go:build linux

package mounts

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/tmpfs"
	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
)

// manager stands in for a service manager: it listens as sd_notify(3) says, keeps descriptors as sd_pid_notify_with_fds(3)
// says, and passes them to the next process as sd_listen_fds(3) says.
type manager struct {
	mount           // its dir, stderr and the process that runs
	program  string // that is run; "" for the binary under test
	socket   string
	fd       int
	watchdog time.Duration
	busy     *client // nil for none

	mu    sync.Mutex // guards what follows
	said  []said
	store []kept
}

// said is a line that was received.
type said struct {
	line string
	at   time.Time // when it was sent, however late this process came to hear it
	pid  int       // of who sent it
}

type kept struct {
	name string
	fd   int
}

// manage makes a service manager, and takes everything away at the end of the test.
func manage(t *testing.T) *manager {
	t.Helper()
	needSuccessor(t)
	needRoot(t)
	m := &manager{mount: mount{dir: t.TempDir()}, socket: filepath.Join(t.TempDir(), "notify")}
	var err error
	if m.fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(m.fd, &unix.SockaddrUnix{Name: m.socket}); err != nil {
		t.Fatal(err)
	}
	for _, option := range []int{unix.SO_PASSCRED, unix.SO_TIMESTAMPNS} {
		if err := unix.SetsockoptInt(m.fd, unix.SOL_SOCKET, option, 1); err != nil {
			t.Fatal(err)
		}
	}
	quick := unix.NsecToTimeval(int64(50 * time.Millisecond))
	if err := unix.SetsockoptTimeval(m.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &quick); err != nil {
		t.Fatal(err)
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		m.listen(end)
	}()
	t.Cleanup(func() {
		m.cleanUp(t)
		close(end)
		<-ended
		unix.Close(m.fd)
	})
	return m
}

// cleanUp ends what a test has left. A client that waits for a server holds the connection as long as this process
// stores it, so the store is emptied before.
func (m *manager) cleanUp(t *testing.T) {
	t.Helper()
	fusemount.Unmount(m.dir, true)
	if m.cmd != nil {
		if t.Failed() {
			m.cmd.Process.Kill()
		}
		m.forget()
		if m.busy != nil {
			m.busy.leave()
		}
		select {
		case <-m.ended:
		case <-time.After(patience):
			t.Errorf("the service does not end with its mount: %s", m.stderr)
			m.cmd.Process.Kill()
			<-m.ended
		}
		if text := m.stderr.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic") {
			t.Errorf("the service complained:\n%s", text)
		}
	}
	if t.Failed() {
		tmpfs.End(tmpfs.Place(m.dir, 0))
	}
	leftArena(t, m.dir, 0)
}

// forget closes what is stored, as for a service that has stopped for good.
func (m *manager) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.store {
		unix.Close(k.fd)
	}
	m.store = nil
}

// run starts the service, with what is stored, and waits until it is ready.
func (m *manager) run(t *testing.T, args ...string) {
	t.Helper()
	before := len(m.lines())
	m.start(t, args...)
	m.waitFor(t, "READY=1", func() bool { return m.heard(before, "READY=1") })
}

// start starts the service, with what is stored.
func (m *manager) start(t *testing.T, args ...string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if m.program != "" {
		path = m.program
	}
	line := append([]string{"-c", `LISTEN_PID=$$ exec "$@"`, "sh", path, "mount", "--foreground", "--restartable",
		"--replace", m.dir}, args...)
	m.cmd = exec.Command("sh", line...)
	m.stderr, m.ended = &lockedBuffer{}, make(chan struct{})
	m.cmd.Stderr = m.piped(t)
	m.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.socket)
	if m.watchdog > 0 {
		m.cmd.Env = append(m.cmd.Env, fmt.Sprint("WATCHDOG_USEC=", m.watchdog.Microseconds()))
	}
	names := m.pass(t)
	if len(names) > 0 {
		m.cmd.Env = append(m.cmd.Env, fmt.Sprint("LISTEN_FDS=", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range append(m.cmd.ExtraFiles, m.cmd.Stderr.(*os.File)) {
		f.Close()
	}
	go func(cmd *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		cmd.Wait()
	}(m.cmd, m.ended)
}

// piped answers a file from which everything goes to stderr. Nobody waits for its end: a server that is stopped has it
// open, too.
func (m *manager) piped(t *testing.T) *os.File {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func(to io.Writer) {
		defer in.Close()
		io.Copy(to, in)
	}(m.stderr)
	return out
}

// pass hands over what is stored. What poll(2) tells an error of is dropped, as the real one does.
func (m *manager) pass(t *testing.T) (names []string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store = slices.DeleteFunc(m.store, func(k kept) bool {
		fds := []unix.PollFd{{Fd: int32(k.fd)}}
		if _, err := unix.Poll(fds, 0); err != nil || fds[0].Revents&(unix.POLLERR|unix.POLLHUP) == 0 {
			return false
		}
		unix.Close(k.fd)
		return true
	})
	for _, k := range m.store {
		fd, err := unix.FcntlInt(uintptr(k.fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		m.cmd.ExtraFiles = append(m.cmd.ExtraFiles, os.NewFile(uintptr(fd), k.name))
		names = append(names, k.name)
	}
	return names
}

// listen takes messages until it is told to end.
func (m *manager) listen(end <-chan struct{}) {
	text, control := make([]byte, 4096), make([]byte, 4096)
	for {
		select {
		case <-end:
			return
		default:
		}
		n, r, _, _, err := unix.Recvmsg(m.fd, text, control, unix.MSG_CMSG_CLOEXEC)
		if err == nil {
			m.take(strings.Split(string(text[:n]), "\n"), control[:r])
		}
	}
}

// take acts on one message.
func (m *manager) take(lines []string, control []byte) {
	var fds []int
	var pid int
	at := time.Now()
	messages, _ := unix.ParseSocketControlMessage(control)
	for i := range messages {
		if more, err := unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, more...)
		}
		if who, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			pid = int(who.Pid)
		}
		if h := messages[i].Header; h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS {
			sent := (*unix.Timespec)(unsafe.Pointer(&messages[i].Data[0]))
			at = time.Unix(sent.Unix())
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	name := ""
	for _, line := range lines {
		m.said = append(m.said, said{line, at, pid})
		if n, ok := strings.CutPrefix(line, "FDNAME="); ok {
			name = n
		}
	}
	switch {
	case slices.Contains(lines, "FDSTORE=1"):
		for _, fd := range fds {
			m.store = append(m.store, kept{name, fd})
		}
		return
	case slices.Contains(lines, "FDSTOREREMOVE=1"):
		m.drop(name)
	}
	for _, fd := range fds { // a barrier's
		unix.Close(fd)
	}
}

// drop closes what is stored under a name. The caller holds mu.
func (m *manager) drop(name string) {
	m.store = slices.DeleteFunc(m.store, func(k kept) bool {
		if k.name == name {
			unix.Close(k.fd)
		}
		return k.name == name
	})
}

// lines answers all that was said.
func (m *manager) lines() []said {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.said)
}

// heard answers whether a line that begins so has come, after the first so many.
func (m *manager) heard(after int, begin string) bool {
	return slices.ContainsFunc(m.lines()[after:], func(s said) bool { return strings.HasPrefix(s.line, begin) })
}

// names answers what is stored, sorted.
func (m *manager) names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, k := range m.store {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return names
}

// signal sends a signal to the service's main process; wait waits for its end and answers its exit code, -1 for a
// signal.
func (m *manager) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := m.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// emptied waits until nothing is stored: what a service that has ended said last may still be on its way.
func (m *manager) emptied(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); len(m.names()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the store still has %q", m.names())
		}
	}
}

func (m *manager) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-m.ended:
		return m.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("the service does not end: %s", m.stderr)
		return 0
	}
}
