//go:build linux

package notify

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Manager is a service manager that listens.
type Manager struct {
	fd       int
	to       *unix.SockaddrUnix
	watchdog time.Duration
}

// patience is how long a message may wait for a manager that is busy, where it must not be lost.
const patience = 10 * time.Second

// Find answers the manager that started this process, nil for none. It takes what it reads out of the environment, so
// that it holds for no process that is started from here.
func Find() (*Manager, error) {
	path, usec, pid := take("NOTIFY_SOCKET"), take("WATCHDOG_USEC"), take("WATCHDOG_PID")
	if path == "" {
		return nil, nil
	}
	if path[0] != '/' && path[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET %q is neither a path nor abstract", path)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	limit := unix.NsecToTimeval(int64(patience))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("setsockopt", err)
	}
	m := &Manager{fd: fd, to: &unix.SockaddrUnix{Name: path}}
	if n, err := strconv.ParseInt(usec, 10, 64); err == nil && n > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		m.watchdog = time.Duration(n) * time.Microsecond
	}
	return m, nil
}

func take(name string) string {
	value := os.Getenv(name)
	os.Unsetenv(name)
	return value
}

// Watchdog answers how long the manager waits for a sign of life, 0 for ever.
func (m *Manager) Watchdog() time.Duration { return m.watchdog }

// Tell sends lines without waiting: EAGAIN if the manager is busy.
func (m *Manager) Tell(lines ...string) error {
	return m.send(lines, nil, unix.MSG_DONTWAIT)
}

// Now is the time of CLOCK_MONOTONIC in µs, which MONOTONIC_USEC= of a RELOADING=1 must tell.
func Now() int64 {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // cannot fail
	return t.Nano() / 1000
}

// Store gives the manager a descriptor to keep under a name. It is closed there by Remove, and by itself when poll(2)
// tells of an error or a hang-up, as it does of a FUSE connection that has ended.
func (m *Manager) Store(name string, f *os.File) error {
	return m.send([]string{"FDSTORE=1", "FDNAME=" + name}, unix.UnixRights(int(f.Fd())), 0)
}

// Remove has the manager close what it keeps under a name.
func (m *Manager) Remove(name string) error {
	return m.send([]string{"FDSTOREREMOVE=1", "FDNAME=" + name}, nil, 0)
}

// Barrier waits until the manager has dealt with all that was sent before.
func (m *Manager) Barrier() error {
	pipe := make([]int, 2)
	if err := unix.Pipe2(pipe, unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe2", err)
	}
	defer unix.Close(pipe[0])
	err := m.send([]string{"BARRIER=1"}, unix.UnixRights(pipe[1]), 0)
	unix.Close(pipe[1])
	if err != nil {
		return err
	}
	for end := time.Now().Add(patience); ; {
		left := time.Until(end)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pipe[0])}}, max(int(left/time.Millisecond), 0))
		switch {
		case n > 0:
			return nil // hung up: the manager has closed its end
		case err != nil && err != unix.EINTR:
			return os.NewSyscallError("poll", err)
		case left <= 0:
			return errors.New("the service manager does not answer")
		}
	}
}

func (m *Manager) send(lines []string, rights []byte, flags int) error {
	for {
		err := unix.Sendmsg(m.fd, []byte(strings.Join(lines, "\n")), rights, m.to, flags|unix.MSG_NOSIGNAL)
		if err != unix.EINTR {
			return os.NewSyscallError("sendmsg", err)
		}
	}
}

// firstPassed is the number of the first descriptor that a manager passes (SD_LISTEN_FDS_START).
const firstPassed = 3

// Stored answers what the manager kept, by name; of several of one name the last. They are this process's alone: no
// other inherits them. What it reads it takes out of the environment.
func Stored() map[string]*os.File {
	pid, count, names := take("LISTEN_PID"), take("LISTEN_FDS"), take("LISTEN_FDNAMES")
	take("LISTEN_PIDFDID")
	n, err := strconv.Atoi(count)
	if err != nil || n <= 0 || n > 1<<16 || pid != strconv.Itoa(os.Getpid()) {
		return nil
	}
	files := map[string]*os.File{}
	each := strings.Split(names, ":")
	for i := range n {
		unix.CloseOnExec(firstPassed + i)
		name := "unknown"
		if i < len(each) {
			name = each[i]
		}
		if old := files[name]; old != nil {
			old.Close()
		}
		files[name] = os.NewFile(uintptr(firstPassed+i), name)
	}
	return files
}
