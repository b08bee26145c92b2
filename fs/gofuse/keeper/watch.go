//go:build linux

package keeper

import (
	"encoding/binary"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lookAgain is when a request that waits is looked for again after one has come.
const lookAgain = 500 * time.Millisecond

// watch sends whenever a request waits unread, half a second after one came, until stop is called.
func watch(connection *os.File) (pending <-chan struct{}, stop func(), err error) {
	in, out, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	found, done, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer in.Close()
		for waits(connection, in, -1) {
			select {
			case <-done:
				return
			case <-time.After(lookAgain):
			}
			if !waits(connection, in, 0) {
				continue
			}
			select {
			case <-done:
				return
			case found <- struct{}{}:
			}
		}
	}()
	return found, func() { close(done); out.Close(); <-ended }, nil
}

// waits answers whether a request waits, as soon as one does or ms milliseconds are over; false at the end.
func waits(connection, end *os.File, ms int) bool {
	fds := []unix.PollFd{{Fd: int32(connection.Fd()), Events: unix.POLLIN}, {Fd: int32(end.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, ms)
		if err != unix.EINTR {
			break
		}
	}
	return fds[0].Revents&unix.POLLIN != 0 && fds[0].Revents&unix.POLLERR == 0 && fds[1].Revents == 0
}

// What refuse has to know of the protocol (linux/fuse.h).
const (
	inHeaderSize = 40 // struct fuse_in_header: length 4, opcode 4, unique 8, ...
	opForget     = 2
	opRelease    = 18
	opInterrupt  = 36
	opReleaseDir = 29
	opForgetAll  = 42
	notifyResend = 7
	readSize     = 1<<20 + 1<<12 // bytes: the kernel refuses less than the largest request
)

// refuse answers every request with EIO for as long as d: also those that a server had read and not answered.
func refuse(connection *os.File, d time.Duration) error {
	fd := int(connection.Fd())
	unix.Write(fd, answer(notifyResend, 0)) // where the kernel cannot, there are none to come
	buf := make([]byte, readSize)
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, int(left/time.Millisecond)+1); n == 0 || err == unix.EINTR {
			continue
		}
		if fds[0].Revents&unix.POLLERR != 0 {
			return nil // unmounted: the next server finds out
		}
		n, err := unix.Read(fd, buf)
		if err == unix.ENODEV {
			return nil
		}
		if err == nil {
			if reply := refusal(buf[:n]); reply != nil {
				unix.Write(fd, reply)
			}
		}
	}
}

// refusal answers what is to be answered to a request: nil for nothing. A file that is closed waits for the next
// server, because nobody waits for it.
func refusal(request []byte) []byte {
	if len(request) < inHeaderSize {
		return nil
	}
	switch binary.NativeEndian.Uint32(request[4:]) {
	case opForget, opForgetAll, opInterrupt, opRelease, opReleaseDir:
		return nil
	}
	return answer(-int32(unix.EIO), binary.NativeEndian.Uint64(request[8:]))
}

// answer makes a struct fuse_out_header.
func answer(status int32, unique uint64) []byte {
	b := binary.NativeEndian.AppendUint32(nil, 16)
	b = binary.NativeEndian.AppendUint32(b, uint32(status))
	return binary.NativeEndian.AppendUint64(b, unique)
}
