//go:build linux

package tmpfs

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

var _ regions.Noticer = (*Arena)(nil)

// noticePause is how long events are left to gather: the kernel makes one of many writes to the same file.
const noticePause = 5 * time.Millisecond

// Notice calls fn with each region that was written to by write(2), by whomever, a moment after. Stores to a mapping are
// not told. It ends when the answer is closed. It needs CAP_SYS_ADMIN and CONFIG_FANOTIFY.
func (a *Arena) Notice(fn func(regions.NodeID)) (io.Closer, error) {
	if !a.mounted {
		return nil, fmt.Errorf("the arena is a part of a file system of others: %w", regions.NotSupported)
	}
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_REPORT_FID|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK|
		unix.FAN_UNLIMITED_QUEUE, 0)
	if err != nil {
		return nil, os.NewSyscallError("fanotify_init", err)
	}
	if err := unix.FanotifyMark(fd, unix.FAN_MARK_ADD|unix.FAN_MARK_FILESYSTEM, unix.FAN_MODIFY, a.root, ""); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fanotify_mark", err)
	}
	n := &notices{file: os.NewFile(uintptr(fd), "fanotify"), arena: a, fn: fn}
	n.done.Go(n.run)
	return n, nil
}

// notices reads events.
type notices struct {
	file  *os.File // pollable, so that Close ends a Read
	arena *Arena
	fn    func(regions.NodeID)
	done  sync.WaitGroup
}

func (n *notices) Close() error {
	err := n.file.Close()
	n.done.Wait()
	return err
}

func (n *notices) run() {
	buf := make([]byte, 64<<10)
	for {
		got, err := n.file.Read(buf)
		if err != nil {
			return // closed
		}
		for node := range writtenIn(buf[:got]) {
			n.fn(n.arena.outer(node))
		}
		time.Sleep(noticePause)
	}
}

// Layout of events: fanotify(7), struct fanotify_event_metadata and fanotify_event_info_fid.
const (
	metadataSize = 24
	handleAt     = metadataSize + 4 + 8 // behind the header of the information and the file system's number
	eventSize    = handleAt + 8 + handleBytes
	infoFID      = 1 // FAN_EVENT_INFO_TYPE_FID
)

// writtenIn answers the nodes that events are about, each once.
func writtenIn(buf []byte) map[regions.NodeID]struct{} {
	all := map[regions.NodeID]struct{}{}
	word := binary.NativeEndian.Uint32
	for len(buf) >= metadataSize {
		size := int(word(buf))
		if size < metadataSize || size > len(buf) {
			break
		}
		if size >= eventSize && buf[metadataSize] == infoFID {
			h := buf[handleAt:]
			if word(h) == handleBytes && word(h[4:]) == handleKind {
				all[regions.MakeNodeID(word(h[8:]), word(h[12:]))] = struct{}{}
			}
		}
		buf = buf[size:]
	}
	return all
}
