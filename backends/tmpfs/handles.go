//go:build linux

package tmpfs

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// fileHandle is struct file_handle (linux/fcntl.h) with the 12 bytes that tmpfs puts into it: generation, low half
// and high half of the inode number (mm/shmem.c, shmem_encode_fh). The arena is mounted with inode32, so the high half
// is 0.
type fileHandle struct {
	bytes   uint32
	kind    int32
	gen     uint32
	ino     uint32
	inoHigh uint32
}

const (
	handleBytes = 12
	handleKind  = 1 // what shmem_encode_fh answers (FILEID_INO32_GEN)
)

// nodeAt answers the node that a name in an open directory stands for; with an empty name, the descriptor's own node.
func nodeAt(dirfd int, name string) (regions.NodeID, error) {
	h := fileHandle{bytes: handleBytes}
	mountID := int32(0)
	path, err := unix.BytePtrFromString(name)
	if err != nil {
		return regions.NoNode, err
	}
	flags := uintptr(0)
	if name == "" {
		flags = unix.AT_EMPTY_PATH
	}
	_, _, e := unix.Syscall6(unix.SYS_NAME_TO_HANDLE_AT, uintptr(dirfd), uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(&mountID)), flags, 0)
	if e != 0 {
		return regions.NoNode, e
	}
	if h.bytes != handleBytes || h.kind != handleKind || h.inoHigh != 0 {
		return regions.NoNode, unix.EOVERFLOW
	}
	return regions.MakeNodeID(h.gen, h.ino), nil
}

// handles reaches nodes by file handle.
type handles struct {
	root   int            // ordinary descriptor of the arena's root
	rootID regions.NodeID // the root's node as the kernel names it
}

var _ locator = (*handles)(nil)

func (l *handles) open(n regions.NodeID, flags int) (int, error) {
	if n == l.rootID {
		return unix.Openat(l.root, ".", flags|unix.O_CLOEXEC, 0)
	}
	h := fileHandle{bytes: handleBytes, kind: handleKind, gen: n.Generation(), ino: n.Ino()}
	fd, _, e := unix.Syscall(unix.SYS_OPEN_BY_HANDLE_AT, uintptr(l.root), uintptr(unsafe.Pointer(&h)),
		uintptr(flags|unix.O_CLOEXEC))
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
}

func (l *handles) dirFlags() int { return unix.O_RDONLY | unix.O_DIRECTORY }

func (l *handles) named(regions.NodeID, regions.NodeID, string)                    {}
func (l *handles) unnamed(regions.NodeID, regions.NodeID, string) (reachable bool) { return true }
