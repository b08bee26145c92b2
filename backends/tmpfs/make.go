//go:build linux

package tmpfs

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// Make makes a node and names it.
func (a *Arena) Make(dir regions.NodeID, name string, s regions.Spec) (regions.Attr, error) {
	d, err := a.dir(dir)
	if err != nil {
		return regions.Attr{}, code(err)
	}
	defer d.close()
	gid, err := a.applyDirectory(d, &s)
	if err != nil {
		return regions.Attr{}, code(err)
	}
	if s.Mode&regions.TypeMask == regions.TypeRegular {
		return a.makeRegion(d, name, s, gid)
	}
	if err := makeOther(d.fd, name, s); err != nil {
		return regions.Attr{}, code(err)
	}
	if err := a.own(d.fd, name, s, gid); err != nil {
		return regions.Attr{}, a.undo(d.fd, name, s, err)
	}
	return a.find(d, name)
}

func makeOther(dirfd int, name string, s regions.Spec) error {
	switch s.Mode & regions.TypeMask {
	case regions.TypeDir:
		return unix.Mkdirat(dirfd, name, s.Mode&regions.ModePerm)
	case regions.TypeSymlink:
		return unix.Symlinkat(s.Target, dirfd, name)
	}
	return unix.Mknodat(dirfd, name, s.Mode, int(s.Rdev))
}

func (a *Arena) makeRegion(d directory, name string, s regions.Spec, gid int) (regions.Attr, error) {
	at, fd, err := a.openNew(d, name, s, gid)
	if err == nil {
		unix.Close(fd)
	}
	return at, err
}

// MakeTemp makes a region without a name, and pins it.
func (a *Arena) MakeTemp(dir regions.NodeID, s regions.Spec) (regions.Attr, error) {
	at, f, err := a.MakeOpen(dir, "", s)
	if err != nil {
		return at, err
	}
	return at, f.Close()
}

// MakeOpen makes a region and answers it open.
func (a *Arena) MakeOpen(dir regions.NodeID, name string, s regions.Spec) (regions.Attr, regions.File, error) {
	d, err := a.dir(dir)
	if err != nil {
		return regions.Attr{}, nil, code(err)
	}
	defer d.close()
	gid, err := a.applyDirectory(d, &s)
	if err != nil {
		return regions.Attr{}, nil, code(err)
	}
	at, fd, err := a.openNew(d, name, s, gid)
	if err != nil {
		return at, nil, err
	}
	return at, a.opened(at.Node, fd), nil
}

// openNew makes a region, a pinned one where the name is empty, and answers its descriptor.
func (a *Arena) openNew(d directory, name string, s regions.Spec, gid int) (regions.Attr, int, error) {
	path, flags := name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW
	if name == "" {
		if err := a.roomForPin(); err != nil {
			return regions.Attr{}, -1, err
		}
		path, flags = ".", unix.O_TMPFILE
	}
	fd, err := unix.Openat(d.fd, path, flags|unix.O_RDWR|unix.O_CLOEXEC, s.Mode&regions.ModePerm)
	if err != nil {
		return regions.Attr{}, -1, code(err)
	}
	at, err := a.finishRegion(fd, s, gid)
	if err == nil && name == "" {
		err = a.pinOpen(at.Node, fd)
	}
	if err != nil {
		unix.Close(fd)
		if name != "" {
			unix.Unlinkat(d.fd, name, 0)
		}
		return regions.Attr{}, -1, code(err)
	}
	if name != "" {
		a.nodes.named(at.Node, d.node, name)
	}
	return at, fd, nil
}

// pinOpen pins the node of an open descriptor.
func (a *Arena) pinOpen(n regions.NodeID, fd int) error {
	pin, err := unix.Open(procPath(fd), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err == nil {
		a.pin(n, pin)
	}
	return err
}

// finishRegion gives a new region its owner and its record.
func (a *Arena) finishRegion(fd int, s regions.Spec, gid int) (regions.Attr, error) {
	if err := a.own(fd, "", s, gid); err != nil {
		return regions.Attr{}, code(err)
	}
	if a.recordName != "" && s.Record != (regions.Record{}) {
		if err := setRecord(fd, a.recordName, s.Record.Encode()); err != nil {
			return regions.Attr{}, code(err)
		}
	}
	return a.describe(fd)
}

// setRecord sets the record of a new region. A user. attribute needs write permission, whatever the descriptor was
// opened for (xattr(7)): a region whose mode or inherited ACL denies it to its own maker is opened up meanwhile.
func setRecord(fd int, name string, record []byte) error {
	err := unix.Fsetxattr(fd, name, record, 0)
	if err != unix.EACCES {
		return err
	}
	var at regions.Attr
	if err := stat(fd, "", &at); err != nil {
		return err
	}
	mode := at.Mode & regions.ModePerm
	if err := unix.Fchmod(fd, mode|0o200); err != nil {
		return err
	}
	err = unix.Fsetxattr(fd, name, record, 0)
	return errors.Join(err, unix.Fchmod(fd, mode))
}

// applyDirectory does what the directory decides about a new node: the umask counts only without a default ACL
// (umask(2)), and a set-group-id directory gives its group, which gid -1 leaves as the kernel sets it.
func (a *Arena) applyDirectory(d directory, s *regions.Spec) (gid int, err error) {
	if s.Mode&s.Umask != 0 && s.Mode&regions.TypeMask != regions.TypeSymlink && !hasDefaultACL(d.fd) {
		s.Mode &^= s.Umask & 0o777
	}
	if s.GID == a.gid {
		return -1, nil
	}
	var at regions.Attr
	if err := stat(d.fd, "", &at); err != nil {
		return 0, err
	}
	if at.Mode&regions.ModeSetGID != 0 {
		return -1, nil
	}
	return int(s.GID), nil
}

const defaultACL = "system.posix_acl_default"

func hasDefaultACL(dirfd int) bool {
	_, err := unix.Fgetxattr(dirfd, defaultACL, nil)
	if err == unix.EBADF { // O_PATH
		_, err = unix.Getxattr(procPath(dirfd), defaultACL, nil)
	}
	return err == nil
}

// own gives a new node to its maker. The kernel drops set-user-id and set-group-id of a region then, so they are set
// again.
func (a *Arena) own(dirfd int, name string, s regions.Spec, gid int) error {
	uid := -1
	if s.UID != a.uid {
		uid = int(s.UID)
	}
	if uid < 0 && gid < 0 {
		return nil
	}
	flags := unix.AT_SYMLINK_NOFOLLOW
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	var before regions.Attr
	privileged := s.Mode&(regions.ModeSetUID|regions.ModeSetGID) != 0
	if privileged {
		if err := stat(dirfd, name, &before); err != nil {
			return err
		}
	}
	if err := unix.Fchownat(dirfd, name, uid, gid, flags); err != nil || !privileged {
		return err
	}
	if name == "" {
		return unix.Fchmod(dirfd, before.Mode&regions.ModePerm)
	}
	return unix.Fchmodat(dirfd, name, before.Mode&regions.ModePerm, 0)
}

// undo takes away what could not be finished, and answers why.
func (a *Arena) undo(dirfd int, name string, s regions.Spec, why error) error {
	flags := 0
	if s.Mode&regions.TypeMask == regions.TypeDir {
		flags = unix.AT_REMOVEDIR
	}
	unix.Unlinkat(dirfd, name, flags)
	return code(why)
}

// Link gives a node one more name. The first name of a node without any ends its pin.
func (a *Arena) Link(n, dir regions.NodeID, name string) (regions.Attr, error) {
	d, err := a.dir(dir)
	if err != nil {
		return regions.Attr{}, code(err)
	}
	defer d.close()
	fd, err := a.open(n, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return regions.Attr{}, code(err)
	}
	defer unix.Close(fd)
	if err := unix.Linkat(unix.AT_FDCWD, procPath(fd), d.fd, name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return regions.Attr{}, code(err)
	}
	a.nodes.named(a.inner(n), d.node, name)
	var at regions.Attr
	err = stat(fd, "", &at)
	at.Node = n
	a.Drop(n)
	return at, code(err)
}
