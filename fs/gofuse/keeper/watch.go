//go:build linux

package keeper

import (
	"encoding/binary"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

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

// refuse answers every request with EIO for as long as d: also those that a server had read and not answered. It asks
// at the beginning and every lookTime whether it still should.
func refuse(connection *os.File, d time.Duration, still func() bool) error {
	fd := int(connection.Fd())
	unix.Write(fd, answer(notifyResend, 0)) // where the kernel cannot, there are none to come
	buf := make([]byte, readSize)
	var asked time.Time
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if time.Since(asked) >= lookTime {
			asked = time.Now()
			if !still() {
				return nil
			}
		}
		left = min(left, lookTime)
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
