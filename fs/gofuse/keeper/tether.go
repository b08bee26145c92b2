//go:build linux

package keeper

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// What is said over a tether, a word a packet. Text may follow: how the server is, in one line for people.
const (
	wordPing     = 'p' // are you well? And the answer.
	wordReady    = 'r' // the server serves, and another one could take over
	wordLast     = 'l' // the server serves, and no other one could take over
	wordReloaded = 'c' // it has read its configuration again
	wordKeep     = 'k' // descriptors to be kept come with it
)

// mostKept is how many descriptors can be kept.
const mostKept = 8

// wordSize is the longest packet in bytes; what is longer is cut.
const wordSize = 512

const (
	// lookTime is how often a server is asked. Requests that it has read and does not answer cannot be seen from here, so
	// it is asked whether or not any wait.
	lookTime = time.Second
	// silence is how long it may take to answer. It is counted in steps: where the whole machine stands still, and the keeper
	// with it, that is one step, however long it takes.
	silence    = 2 * time.Second
	silentStep = silence / 8
)

// tether makes a tether: ours, and what the server inherits.
func tether() (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(pair[0]), "tether"), os.NewFile(uintptr(pair[1]), "tether"), nil
}

// Tether is a server's end of what ties it to its keeper.
type Tether struct {
	file *os.File
}

// Attach takes the inherited end. well is asked before the server says that it is, and how; orphaned is called when the
// keeper is gone, and must end the process.
func Attach(fd int, well func() (string, bool), orphaned func()) (*Tether, error) {
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	t := &Tether{os.NewFile(uintptr(fd), "tether")}
	go t.listen(well, orphaned)
	return t, nil
}

func (t *Tether) listen(well func() (string, bool), orphaned func()) {
	buf := make([]byte, wordSize)
	for {
		if n, err := t.file.Read(buf); n < 1 || err != nil {
			orphaned()
			return
		}
		if buf[0] != wordPing {
			continue
		}
		if how, ok := well(); ok {
			say(t.file, wordPing, how)
		}
	}
}

// Ready says that the server serves, how it is, and whether another one could take over from it.
func (t *Tether) Ready(resumable bool, how string) error {
	if resumable {
		return say(t.file, wordReady, how)
	}
	return say(t.file, wordLast, how)
}

// Reloaded says that the server has read its configuration again.
func (t *Tether) Reloaded() error { return say(t.file, wordReloaded, "") }

// Keep has the keeper hold these descriptors, too, in the place of those that it was given before. Closing the last one of
// some files takes long (that of a pressure trigger some 10 ms: Linux kernel/sched/psi.c, psi_trigger_destroy), and until a
// process that is killed has closed all of its files it has not ended, and the next one does not begin.
func (t *Tether) Keep(descriptors ...int) error {
	raw, err := t.file.SyscallConn()
	if err != nil {
		return err
	}
	var rights []byte
	if len(descriptors) > 0 {
		rights = unix.UnixRights(descriptors[:min(len(descriptors), mostKept)]...)
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		sent = unix.Sendmsg(int(fd), []byte{wordKeep}, rights, nil, 0)
		return sent != unix.EAGAIN
	})
	return errors.Join(err, os.NewSyscallError("sendmsg", sent))
}

// hear reads a packet, and the descriptors that came with it.
func hear(from *os.File, buf []byte) (n int, descriptors []int, err error) {
	raw, err := from.SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	rights := make([]byte, unix.CmsgSpace(4*mostKept))
	var got int
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, got, _, _, failed = unix.Recvmsg(int(fd), buf, rights, unix.MSG_CMSG_CLOEXEC)
		return failed != unix.EAGAIN
	})
	if err = errors.Join(err, failed); err != nil || got == 0 {
		return n, nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:got])
	for _, m := range messages {
		if some, err := unix.ParseUnixRights(&m); err == nil {
			descriptors = append(descriptors, some...)
		}
	}
	return n, descriptors, err
}

func say(to *os.File, word byte, text string) error {
	packet := append([]byte{word}, text...)
	_, err := to.Write(packet[:min(len(packet), wordSize)])
	return err
}
