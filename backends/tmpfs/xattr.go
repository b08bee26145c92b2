//go:build linux

package tmpfs

import (
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

const (
	// trustedRecord keeps records where we are privileged.
	trustedRecord = regions.OwnXattrs + ".record"
	// trustedUser, before the rest of the name, keeps user. attributes on a tmpfs that keeps none.
	trustedUser = regions.OwnXattrs + ".user."
	// userRecord keeps records where we are not privileged.
	userRecord = regions.OwnUserXattr
)

// stored answers the name under which the arena keeps an attribute.
func (a *Arena) stored(name string) string {
	if rest, ok := strings.CutPrefix(name, "user."); ok && !a.userXattr {
		return trustedUser + rest
	}
	return name
}

// shown is the opposite of stored; false for one that is not shown.
func (a *Arena) shown(name string) (string, bool) {
	if rest, ok := strings.CutPrefix(name, trustedUser); ok && !a.userXattr {
		return "user." + rest, true
	}
	return name, !regions.OwnXattr(name)
}

// withPath calls fn with a path to the very node.
func (a *Arena) withPath(n regions.NodeID, fn func(path string) error) error {
	if pinned, err := a.withPin(n, fn); pinned {
		return code(err)
	}
	fd, err := a.open(n, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return code(err)
	}
	defer unix.Close(fd)
	return code(fn(procPath(fd)))
}

// Getxattr reads an extended attribute.
func (a *Arena) Getxattr(n regions.NodeID, name string) ([]byte, error) {
	if regions.OwnXattr(name) {
		return nil, regions.NoData
	}
	var value []byte
	err := a.withPath(n, func(path string) (err error) {
		value, err = growing(func(buf []byte) (int, error) { return unix.Getxattr(path, a.stored(name), buf) })
		return err
	})
	return value, err
}

// growing reads something whose size is not known before: 256 bytes are enough for almost all.
func growing(read func([]byte) (int, error)) ([]byte, error) {
	for size := 256; ; {
		buf := make([]byte, size)
		got, err := read(buf)
		if err != unix.ERANGE {
			return buf[:max(got, 0)], err
		}
		if size, err = read(nil); err != nil {
			return nil, err
		}
	}
}

// Setxattr sets an extended attribute.
func (a *Arena) Setxattr(n regions.NodeID, name string, value []byte, flags regions.XattrFlags) error {
	if regions.OwnXattr(name) {
		return regions.NotPermitted
	}
	const kernel = regions.XattrCreate | regions.XattrReplace
	if a.stored(name) != name {
		if err := a.checkUser(n, name); err != nil {
			return err
		}
	}
	err := a.withPath(n, func(path string) error {
		return unix.Setxattr(path, a.stored(name), value, int(flags&kernel))
	})
	if err == nil && flags&regions.XattrKillSetGID != 0 {
		return a.dropSetGID(n)
	}
	return err
}

// checkUser refuses what the kernel would, if the name that it sees were in the user. namespace (fs/xattr.c,
// xattr_permission).
func (a *Arena) checkUser(n regions.NodeID, name string) error {
	at, err := a.Getattr(n)
	switch {
	case err != nil:
		return err
	case !at.IsRegion() && !at.IsDir():
		return regions.NotPermitted
	case name == "user.":
		return regions.Invalid
	}
	return nil
}

func (a *Arena) dropSetGID(n regions.NodeID) error {
	at, err := a.Getattr(n)
	if err != nil || at.Mode&regions.ModeSetGID == 0 {
		return err
	}
	_, err = a.Setattr(n, regions.Change{Set: regions.SetMode, Mode: at.Mode &^ regions.ModeSetGID})
	return err
}

// Removexattr removes an extended attribute.
func (a *Arena) Removexattr(n regions.NodeID, name string) error {
	if regions.OwnXattr(name) {
		return regions.NoData
	}
	return a.withPath(n, func(path string) error { return unix.Removexattr(path, a.stored(name)) })
}

// Listxattr lists the names of extended attributes.
func (a *Arena) Listxattr(n regions.NodeID) ([]string, error) {
	var list []byte
	err := a.withPath(n, func(path string) (err error) {
		list, err = growing(func(buf []byte) (int, error) { return unix.Listxattr(path, buf) })
		return err
	})
	var names []string
	for name := range strings.SplitSeq(string(list), "\x00") {
		if name, ok := a.shown(name); ok && name != "" {
			names = append(names, name)
		}
	}
	return names, err
}

const sysListxattrat = 465 // the same on every architecture (Linux 6.13)

// xattrsAt tells of the extended attributes of a name in an open directory: how many bytes count, its labels, and whether
// it says something of its life.
func (a *Arena) xattrsAt(dirfd int, name string, it *regions.Item) {
	var buf [512]byte // enough for almost all
	list, path := []byte(nil), procPath(dirfd)+"/"+name
	if n, ok := a.listIn(dirfd, name, buf[:]); ok {
		list = buf[:n]
	} else {
		list, _ = growing(func(buf []byte) (int, error) { return unix.Llistxattr(path, buf) })
	}
	for stored := range strings.SplitSeq(string(list), "\x00") {
		shown, ok := a.shown(stored)
		if ok && shown == regions.LabelsXattr {
			value, _ := growing(func(buf []byte) (int, error) { return unix.Lgetxattr(path, stored, buf) })
			it.Labels = string(value)
		}
		it.Says = it.Says || ok && regions.LifeXattr(shown)
		if !ok || !regions.CountedXattr(shown) {
			continue
		}
		if n, err := unix.Lgetxattr(path, stored, nil); err == nil {
			it.Xattrs += int64(len(shown) + n)
		}
	}
}

// listIn lists the attributes of a name in an open directory, without a walk through /proc; false if it cannot.
func (a *Arena) listIn(dirfd int, name string, buf []byte) (int, bool) {
	path, err := unix.BytePtrFromString(name)
	if err != nil || a.noXattrAt.Load() {
		return 0, false
	}
	n, _, e := unix.Syscall6(sysListxattrat, uintptr(dirfd), uintptr(unsafe.Pointer(path)), unix.AT_SYMLINK_NOFOLLOW,
		uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0)
	if e == unix.ENOSYS {
		a.noXattrAt.Store(true)
	}
	return int(n), e == 0
}
