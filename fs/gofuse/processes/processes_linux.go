//go:build linux

package processes

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The answers beside success.
var (
	ErrGone = errors.New("the process is gone")
	ErrFull = errors.New("no descriptor is left to watch one more process with")
)

// Watcher watches processes. All methods may be called at once.
type Watcher struct {
	epoll int
	most  int // processes at a time

	mu    sync.Mutex // guards the rest; held over the system calls that begin a watch (some microseconds)
	known map[int32]*process
	turn  int32
	next  uint64

	groups  map[groupKey]*group // guarded by mu
	cgroups cgroups
}

type process struct {
	fd      int
	turn    int32 // tells it from an earlier process of the number
	started time.Duration
	gone    map[uint64]func()
}

// New makes a watcher of at most so many processes at a time. Run must be called.
func New(most int) (*Watcher, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &Watcher{epoll: fd, most: most, known: map[int32]*process{}, groups: map[groupKey]*group{},
		cgroups: cgroups{known: map[string]*cgroup{}, watches: map[int32][]*cgroup{}}}, nil
}

// Boot answers the time since the system booted.
func Boot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// Watch calls gone once, when the process ends that had the number pid at a time since boot. It answers ErrGone if it has
// ended already, and then does not call it. Cancel takes it back.
func (w *Watcher) Watch(pid uint32, at time.Duration, gone func()) (cancel func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := int32(pid)
	p := w.known[n]
	if p != nil && unix.PidfdSendSignal(p.fd, 0, nil, 0) == unix.ESRCH {
		go tell(w.endLocked(n, p)) // Run has yet to hear of it, and the number may be another one's
		p = nil
	}
	if p == nil {
		if p, err = w.open(n, at); err != nil {
			return nil, err
		}
	}
	if p.started > at {
		return nil, ErrGone
	}
	w.next++
	id := w.next
	p.gone[id] = gone
	return func() { w.cancel(n, p, id) }, nil
}

// open begins to watch a process.
func (w *Watcher) open(pid int32, at time.Duration) (*process, error) {
	if len(w.known) >= w.most {
		return nil, ErrFull
	}
	fd, err := unix.PidfdOpen(int(pid), 0)
	switch err {
	case nil:
	case unix.ESRCH, unix.EINVAL:
		return nil, ErrGone
	case unix.EMFILE, unix.ENFILE, unix.ENOMEM:
		return nil, ErrFull
	default:
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	started, err := startOf(pid)
	if err == nil && started > at || ended(fd) {
		err = ErrGone // nothing else says so: /proc may not be readable
	}
	if err == nil {
		w.turn++
		err = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: pid, Pad: w.turn})
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	p := &process{fd: fd, turn: w.turn, started: started, gone: map[uint64]func(){}}
	w.known[pid] = p
	return p, nil
}

// Alive reports whether the process still lives that had the number pid at a time since boot. It asks for no descriptor
// but for a moment; where it cannot be told, it does.
func Alive(pid uint32, at time.Duration) bool {
	fd, err := unix.PidfdOpen(int(pid), 0)
	if err != nil {
		return err != unix.ESRCH && err != unix.EINVAL
	}
	defer unix.Close(fd)
	started, err := startOf(int32(pid))
	return !ended(fd) && (err != nil || started <= at)
}

// ended asks a pidfd whether all threads of its process have: it is readable then, whether or not somebody waited for the
// process (pidfd_open(2)).
func ended(pidfd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 0)
	return err == nil && n > 0
}

// full makes ErrFull of what says that no descriptor is left, and leaves any other error as it is.
func full(err error) error {
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM) {
		return ErrFull
	}
	return err
}

// tick is the unit of start times in /proc: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// startOf reads when a process started, since boot (proc_pid_stat(5), field 22), rounded down.
func startOf(pid int32) (time.Duration, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(int(pid)) + "/stat")
	if err != nil {
		return 0, full(err)
	}
	const name, started = 2, 22 // fields, counted from 1; the name ends with ')', and may have spaces and more of these
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < started-name {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields)+name)
	}
	n, err := strconv.ParseUint(fields[started-name-1], 10, 64)
	return time.Duration(n) * tick, err
}

func (w *Watcher) cancel(pid int32, p *process, id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(p.gone, id)
	if len(p.gone) > 0 || w.known[pid] != p {
		return
	}
	delete(w.known, pid)
	unix.Close(p.fd)
}

// Watched answers how many processes are watched.
func (w *Watcher) Watched() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.known)
}

// Run tells of ends, for as long as the program runs.
func (w *Watcher) Run() {
	events := make([]unix.EpollEvent, 128)
	for {
		n, err := unix.EpollWait(w.epoll, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		for _, e := range events[:n] {
			tell(w.finish(e.Fd, e.Pad))
		}
	}
}

func tell(all []func()) {
	for _, gone := range all {
		gone()
	}
}

func (w *Watcher) finish(pid, turn int32) []func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.known[pid]
	if p == nil || p.turn != turn {
		return nil
	}
	return w.endLocked(pid, p)
}

// endLocked ends the watch of a process, and answers who is to be told.
func (w *Watcher) endLocked(pid int32, p *process) []func() {
	delete(w.known, pid)
	unix.Close(p.fd)
	all := make([]func(), 0, len(p.gone))
	for _, f := range p.gone {
		all = append(all, f)
	}
	return all
}
