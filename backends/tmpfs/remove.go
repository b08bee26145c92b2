//go:build linux

package tmpfs

import (
	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// Remove takes a name away. The node is held while it happens, so that what becomes of it can be told.
func (a *Arena) Remove(parent regions.NodeID, name string, dir bool) (regions.Attr, error) {
	d, err := a.dir(parent)
	if err != nil {
		return regions.Attr{}, code(err)
	}
	defer d.close()
	held, err := openEntry(d.fd, name)
	if err != nil {
		return regions.Attr{}, code(err)
	}
	n, err := nodeAt(held, "")
	if err != nil {
		unix.Close(held)
		return regions.Attr{}, code(err)
	}
	flags := 0
	if dir {
		flags = unix.AT_REMOVEDIR
	}
	return a.removeHeld(d, name, held, n, flags)
}

// removeHeld takes the name away of an open node, which the kernel names n. It takes held over.
func (a *Arena) removeHeld(d directory, name string, held int, n regions.NodeID, flags int) (regions.Attr, error) {
	if err := a.mayLose(held); err != nil {
		unix.Close(held)
		return regions.Attr{}, err
	}
	if err := unix.Unlinkat(d.fd, name, flags); err != nil {
		unix.Close(held)
		return regions.Attr{}, code(err)
	}
	at, err := a.describeNode(held, n)
	if err != nil {
		unix.Close(held)
		return at, err
	}
	return a.afterRemove(held, at, d, name)
}

// mayLose refuses to take the last name of a node that could not be kept afterwards. Directories may go: what is in use
// of them is empty.
func (a *Arena) mayLose(fd int) error {
	full := a.roomForPin()
	if full == nil {
		return nil
	}
	var at regions.Attr
	if err := stat(fd, "", &at); err != nil || at.IsDir() || at.Nlink > 1 {
		return code(err)
	}
	return full
}

// RemoveNode takes a name away if it stands for a node: NoNode if it stands for another one. The caller keeps others from
// changing the name meanwhile.
func (a *Arena) RemoveNode(parent regions.NodeID, name string, node regions.NodeID) (regions.Attr, error) {
	d, err := a.dir(parent)
	if err != nil {
		return regions.Attr{}, code(err)
	}
	defer d.close()
	held, err := openEntry(d.fd, name)
	if err != nil {
		return regions.Attr{}, code(err)
	}
	found, err := nodeAt(held, "")
	if err != nil || found != a.inner(node) {
		unix.Close(held)
		return regions.Attr{}, code(err)
	}
	return a.removeHeld(d, name, held, found, 0)
}

func openEntry(dirfd int, name string) (int, error) {
	return unix.Openat(dirfd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// afterRemove keeps fd as the pin of a node that lost the name, if it cannot be reached otherwise any more.
func (a *Arena) afterRemove(fd int, at regions.Attr, d directory, name string) (regions.Attr, error) {
	reachable := a.nodes.unnamed(at.Node, d.node, name)
	if at.IsDir() && a.roomForPin() != nil {
		unix.Close(fd)
		return at, nil
	}
	if at.Nlink == 0 || !reachable {
		a.pin(at.Node, fd)
		return at, nil
	}
	unix.Close(fd)
	return at, nil
}

// Rename moves a name.
func (a *Arena) Rename(r regions.Rename) (regions.Attr, error) {
	from, err := a.dir(r.Dir)
	if err != nil {
		return regions.Attr{}, code(err)
	}
	defer from.close()
	to, err := a.dir(r.NewDir)
	if err != nil {
		return regions.Attr{}, code(err)
	}
	defer to.close()
	replaced := -1
	if r.Flags&(regions.RenameExchange|regions.RenameNoReplace) == 0 {
		if replaced, err = openEntry(to.fd, r.NewName); err != nil {
			replaced = -1 // nothing there, or what renameat2 will tell
		}
	}
	if replaced >= 0 {
		if err := a.mayLose(replaced); err != nil {
			unix.Close(replaced)
			return regions.Attr{}, err
		}
	}
	if err := unix.Renameat2(from.fd, r.Name, to.fd, r.NewName, uint(r.Flags)); err != nil {
		if replaced >= 0 {
			unix.Close(replaced)
		}
		return regions.Attr{}, code(err)
	}
	a.moved(from, r.Name, to, r.NewName, r.Flags)
	if replaced < 0 {
		return regions.Attr{}, nil
	}
	at, err := a.describe(replaced)
	if err != nil {
		unix.Close(replaced)
		return at, err
	}
	return a.afterRemove(replaced, at, to, r.NewName)
}

// moved tells the locator where things stand now, if it wants to know.
func (a *Arena) moved(from directory, name string, to directory, newName string, flags regions.RenameFlags) {
	if a.properties.Stateless {
		return
	}
	if n, err := nodeAt(to.fd, newName); err == nil {
		a.nodes.named(n, to.node, newName)
	}
	if flags&regions.RenameExchange == 0 {
		return
	}
	if n, err := nodeAt(from.fd, name); err == nil {
		a.nodes.named(n, from.node, name)
	}
}
