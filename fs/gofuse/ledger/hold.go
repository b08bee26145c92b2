//go:build linux

package ledger

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A server locks the first byte of its ledger, by fcntl(2): the lock tells who it is, and ends with it in whatever way.

// goneTime is how long a server that was killed may take to be gone: a moment, but where the machine is very busy.
const goneTime = time.Minute

// Claim makes this process the server, and fails while another one is.
func (l *Ledger) Claim() error {
	lock := firstByte()
	if err := unix.FcntlFlock(uintptr(l.fd), unix.F_SETLK, &lock); err != nil {
		return fmt.Errorf("another server has the ledger: %w", err)
	}
	return nil
}

// Orphaned enters that the server has lost its keeper, for the next one.
func (l *Ledger) Orphaned(at time.Time) { l.head.orphaned.Store(at.UnixNano()) }

// Hold makes this process the keeper of a ledger that another one held. A server that is left of it is killed. It answers
// when the server lost its keeper; zero if it did not notice.
func Hold(fd int) (orphaned time.Time, err error) {
	if err := oust(fd); err != nil {
		return time.Time{}, err
	}
	l, err := Open(fd)
	if err != nil {
		return time.Time{}, err
	}
	defer l.Close()
	l.head.keeper.Store(uint32(os.Getpid()))
	if at := l.head.orphaned.Swap(0); at != 0 {
		orphaned = time.Unix(0, at)
	}
	return orphaned, nil
}

// oust ends a server that is stopped, or just about to find out that its keeper is gone.
func oust(fd int) error {
	for end := time.Now().Add(goneTime); ; time.Sleep(time.Millisecond) {
		lock := firstByte()
		if err := unix.FcntlFlock(uintptr(fd), unix.F_GETLK, &lock); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		switch {
		case lock.Type == unix.F_UNLCK:
			return nil
		case lock.Pid <= 0 || time.Now().After(end):
			return fmt.Errorf("a server of the last keeper lives on (pid %d)", lock.Pid)
		}
		unix.Kill(int(lock.Pid), unix.SIGKILL)
	}
}

func firstByte() unix.Flock_t { return unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Len: 1} }
