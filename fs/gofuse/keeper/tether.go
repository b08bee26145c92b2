//go:build linux

package keeper

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// What is said over a tether, a byte a packet.
const (
	wordPing  = 'p' // are you well? And the answer.
	wordReady = 'r' // the server serves, and another one could take over
	wordLast  = 'l' // the server serves, and no other one could take over
)

const (
	// lookTime is how often a server is asked. Requests that it has read and does not answer cannot be seen from here, so
	// it is asked whether or not any wait.
	lookTime = time.Second
	// silence is how long it may take to answer.
	silence = 2 * time.Second
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

// Attach takes the inherited end. well is asked before the server says that it is; orphaned is called when the keeper
// is gone, and must end the process.
func Attach(fd int, well func() bool, orphaned func()) (*Tether, error) {
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	t := &Tether{os.NewFile(uintptr(fd), "tether")}
	go t.listen(well, orphaned)
	return t, nil
}

func (t *Tether) listen(well func() bool, orphaned func()) {
	word := make([]byte, 1)
	for {
		if n, err := t.file.Read(word); n < 1 || err != nil {
			orphaned()
			return
		}
		if word[0] == wordPing && well() {
			t.file.Write(word)
		}
	}
}

// Ready says that the server serves, and whether another one could take over from it.
func (t *Tether) Ready(resumable bool) error {
	word := []byte{wordLast}
	if resumable {
		word[0] = wordReady
	}
	_, err := t.file.Write(word)
	return err
}
