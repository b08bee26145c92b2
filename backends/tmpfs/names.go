//go:build linux

package tmpfs

import (
	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// Lookup resolves a name.
func (a *Arena) Lookup(dir regions.NodeID, name string) (regions.Attr, error) {
	d, err := a.dir(dir)
	if err != nil {
		return regions.Attr{}, code(err)
	}
	defer d.close()
	return a.find(d, name)
}

// find reads node and attributes of a name. They are two calls: a rename in between shows in the inode numbers.
func (a *Arena) find(d directory, name string) (regions.Attr, error) {
	var at regions.Attr
	for {
		if err := stat(d.fd, name, &at); err != nil {
			return at, code(err)
		}
		n, err := nodeAt(d.fd, name)
		if err != nil {
			return at, code(err)
		}
		if uint64(n.Ino()) == at.Ino {
			a.nodes.named(n, d.node, name)
			at.Node = a.outer(n)
			a.reflect(&at)
			return at, nil
		}
	}
}

// Readlink answers what a symlink points to.
func (a *Arena) Readlink(n regions.NodeID) (string, error) {
	fd, err := a.open(n, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return "", code(err)
	}
	defer unix.Close(fd)
	buf := make([]byte, unix.PathMax)
	size, err := unix.Readlinkat(fd, "", buf)
	if err == unix.ENOENT {
		err = unix.EINVAL // not a symlink: what readlink(2) says of one by path
	}
	if err != nil {
		return "", code(err)
	}
	return string(buf[:size]), nil
}
