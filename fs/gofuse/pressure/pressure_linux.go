package pressure

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Trigger is when the kernel says so: if some programs, or all that could run (Full), waited for memory for so long within a
// window. It says so once a window at most.
type Trigger struct {
	Full   bool
	Stall  time.Duration
	Window time.Duration // 500 ms to 10 s; without CAP_SYS_RESOURCE a multiple of 2 s
}

// String answers what is written to a pressure file.
func (t Trigger) String() string {
	kind := "some"
	if t.Full {
		kind = "full"
	}
	return fmt.Sprintf("%s %d %d", kind, t.Stall.Microseconds(), t.Window.Microseconds())
}

// File is a pressure file, and what is said of it.
type File struct {
	Path string
	Told func()
}

// Watcher waits for triggers.
type Watcher struct {
	stop int   // an eventfd
	fds  []int // of the files
	done chan struct{}
	once sync.Once
}

// Watch calls what files say, one after the other, whenever their trigger fires, until Close. Each of them must be there.
func Watch(t Trigger, files ...File) (*Watcher, error) {
	var fds []int
	for _, f := range files {
		fd, err := arm(t, f.Path)
		if err != nil {
			shut(fds)
			return nil, err
		}
		fds = append(fds, fd)
	}
	return start(fds, files)
}

// start waits for descriptors, which it closes in the end.
func start(fds []int, files []File) (*Watcher, error) {
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		shut(fds)
		return nil, os.NewSyscallError("eventfd", err)
	}
	w := &Watcher{stop: stop, fds: fds, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		defer shut(fds)
		w.run(fds, files)
	}()
	return w, nil
}

func shut(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// Errors that tell what is missing. Both come with the system's own.
var (
	ErrNone    = errors.New("the kernel does not tell how long programs wait for memory (CONFIG_PSI, or psi=1 when it is booted)")
	ErrRefused = errors.New("the kernel tells so who has CAP_SYS_RESOURCE; others, if at all, in windows of a multiple of 2 s")
)

// arm opens a file with a trigger.
func arm(t Trigger, path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, refusal(path, err)
	}
	if _, err := unix.Write(fd, append([]byte(t.String()), 0)); err != nil {
		unix.Close(fd)
		return -1, refusal(path, err)
	}
	return fd, nil
}

func refusal(path string, err error) error {
	why := ErrNone
	switch err {
	case unix.EPERM, unix.EACCES, unix.EINVAL:
		why = ErrRefused
	}
	return fmt.Errorf("%w: %w", why, &os.PathError{Op: "watch", Path: path, Err: err})
}

// run waits until the watcher is closed. A file of a control group that is removed is waited for no longer.
func (w *Watcher) run(fds []int, files []File) {
	polls := []unix.PollFd{{Fd: int32(w.stop), Events: unix.POLLIN}}
	for _, fd := range fds {
		polls = append(polls, unix.PollFd{Fd: int32(fd), Events: unix.POLLPRI})
	}
	for {
		_, err := unix.Poll(polls, -1)
		if err != nil && err != unix.EINTR {
			return
		}
		if err == unix.EINTR {
			continue
		}
		if polls[0].Revents != 0 {
			return
		}
		for i, p := range polls[1:] {
			switch {
			case p.Revents&(unix.POLLERR|unix.POLLNVAL|unix.POLLHUP) != 0:
				polls[1+i].Fd = -1 // poll(2) passes over it
			case p.Revents&unix.POLLPRI != 0:
				files[i].Told()
			}
		}
	}
}

// Descriptors answers those of the files, which are its own until Close. A trigger lasts until all copies of them are closed,
// and to close the last one takes some 10 ms.
func (w *Watcher) Descriptors() []int { return w.fds }

// Close ends it. Nothing is told afterwards.
func (w *Watcher) Close() {
	w.once.Do(func() {
		unix.Write(w.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		<-w.done
		unix.Close(w.stop)
	})
}
