//go:build linux

package tmpfs

import (
	"encoding/binary"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// A share is a file without memory, one of whose attributes names another node: the region that it shows. Its inode carries its name,
// its mode and its owner, so it is found again by whoever serves the arena next. It is told from other files by a size
// that none of them can have: so an ordinary region costs nothing.
const shareSize = 0x7368_6172_6500_0000

// shareXattr has the node of the region, 8 bytes, little-endian.
const shareXattr = regions.OwnXattrs + ".share"

// shares reaches what shares show through a read-only clone of the arena's mount: no descriptor that comes from there can
// be written through, whoever holds it.
type shares struct {
	mu   sync.Mutex // guards root; held over the system calls that make it
	root int        // of the clone; 0 for none yet
}

// readOnly answers the locator of the clone.
func (a *Arena) readOnly() (*handles, error) {
	a.shares.mu.Lock()
	defer a.shares.mu.Unlock()
	if a.shares.root == 0 {
		fd, err := readOnlyClone(a.root)
		if err != nil {
			return nil, err
		}
		a.shares.root = fd
	}
	return &handles{root: a.shares.root, rootID: a.rootID}, nil
}

// readOnlyClone answers the root of a new mount of the same file system (open_tree(2), mount_setattr(2)).
func readOnlyClone(root int) (int, error) {
	tree, err := unix.OpenTree(root, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return -1, err
	}
	defer unix.Close(tree)
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, attr); err != nil {
		return -1, err
	}
	return unix.Openat(tree, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// Share makes a share of a region, with the mode and the owner in spec.
func (a *Arena) Share(source, dir regions.NodeID, name string, s regions.Spec) (regions.Attr, error) {
	if !a.properties.Stateless || a.recordName == "" {
		return regions.Attr{}, regions.NotSupported
	}
	if _, err := a.readOnly(); err != nil {
		return regions.Attr{}, &regions.Refusal{Code: regions.NotSupported,
			Reason: fmt.Sprintf("the kernel makes no read-only clone of the arena: %v", err),
			Remedy: "mount without --ephemeral: an arena that is attached nowhere cannot be cloned", Err: err}
	}
	at, f, err := a.MakeOpen(dir, name, s)
	if err != nil {
		return at, err
	}
	defer f.Close()
	err = a.withPath(at.Node, func(path string) error {
		return unix.Setxattr(path, shareXattr, binary.LittleEndian.AppendUint64(nil, uint64(source)), 0)
	})
	if err == nil {
		err = f.Truncate(shareSize)
	}
	if err != nil {
		_, gone := a.Remove(dir, name, false)
		if gone == nil {
			a.Drop(at.Node)
		}
		return at, err
	}
	return a.Getattr(at.Node)
}

// reflect makes the attributes of a share those of what it shows. It has no memory itself.
func (a *Arena) reflect(at *regions.Attr) {
	source, ok := a.sourceOf(at)
	if !ok {
		return
	}
	at.Source, at.Size, at.Blocks = source, 0, 0
	if shown, err := a.Getattr(source); err == nil {
		at.Size, at.Atime, at.Mtime = shown.Size, shown.Atime, shown.Mtime
	}
}

func (a *Arena) sourceOf(at *regions.Attr) (regions.NodeID, bool) {
	if at.Size != shareSize || !at.IsRegion() {
		return regions.NoNode, false
	}
	b := make([]byte, 8)
	err := a.withPath(at.Node, func(path string) error {
		_, err := unix.Getxattr(path, shareXattr, b)
		return err
	})
	source := regions.NodeID(binary.LittleEndian.Uint64(b))
	return source, err == nil && source != regions.NoNode
}

// sourceBehind answers what a share shows, false for any other node. Fd is the node's, open.
func (a *Arena) sourceBehind(n regions.NodeID, fd int) (regions.NodeID, bool) {
	var at regions.Attr
	if err := stat(fd, "", &at); err != nil {
		return regions.NoNode, false
	}
	at.Node = n
	return a.sourceOf(&at)
}

// through opens what a node shows, if it is a share, in the place of the node, and gives up fd then. Nobody writes through
// a share.
func (a *Arena) through(n regions.NodeID, fd, flags int) (int, error) {
	source, ok := a.sourceBehind(n, fd)
	if !ok {
		return fd, nil
	}
	unix.Close(fd)
	if flags&unix.O_PATH == 0 && flags&unix.O_ACCMODE != unix.O_RDONLY {
		return -1, unix.EROFS
	}
	l, err := a.readOnly()
	if err != nil {
		return -1, err
	}
	return l.open(source, flags)
}
