//go:build linux

package tmpfs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Place answers where the arena of a mount stands: the same for the same mount point and user, so that the next mount
// there finds what the last one left. Root's arenas are mounts below /run/shmfs, another user's are directories below
// /dev/shm/shmfs-UID.
func Place(point string, uid int) string {
	base := "/run/shmfs"
	if uid != 0 {
		base = fmt.Sprintf("/dev/shm/shmfs-%d", uid)
	}
	return filepath.Join(base, placeName(point), arenaName)
}

// arenaName is the last name of every place.
const arenaName = "arena"

// placeName makes one name of a path: readable, and no two paths alike.
func placeName(point string) string {
	sum := sha256.Sum256([]byte(point))
	readable := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", r) {
			return r
		}
		return '-'
	}, strings.Trim(point, "/"))
	if len(readable) > 64 {
		readable = readable[:64]
	}
	return readable + "-" + hex.EncodeToString(sum[:4])
}

// Prepare makes the directories that lead to a place, closed to others. An entry of somebody else's, or one that
// others may write to, is refused: /dev/shm is everybody's. os.ErrNotExist says that somebody else took them away at this
// moment.
func Prepare(place string) error {
	base := filepath.Dir(filepath.Dir(place))
	if err := closedDirectory(base, 0o022); err != nil {
		return err
	}
	release, err := hold(base)
	if err != nil {
		return err
	}
	defer release()
	if err := closedDirectory(filepath.Dir(place), 0o022); err != nil {
		return err
	}
	if Attached(place) {
		return nil // the arena's own root, with the mode that was asked for
	}
	if err := closedDirectory(place, 0); err != nil || os.Geteuid() != 0 {
		return err
	}
	return private(base)
}

// closedDirectory makes a directory, and refuses what is there if it is none, somebody else's, or has one of these mode bits.
func closedDirectory(dir string, open uint32) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	var s unix.Stat_t
	if err := unix.Lstat(dir, &s); err != nil {
		return &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if s.Mode&unix.S_IFMT != unix.S_IFDIR || int(s.Uid) != os.Geteuid() || s.Mode&open != 0 {
		return fmt.Errorf("%s is not a directory of yours alone: remove it, or have it removed", dir)
	}
	return nil
}

// hold keeps others from making a place in a directory of arenas, and from taking it away. It answers os.ErrNotExist if it
// was taken away before.
func hold(base string) (release func() error, err error) {
	dir, err := os.OpenFile(base, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Flock(int(dir.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("flock", err), dir.Close())
	}
	held, err1 := dir.Stat()
	now, err2 := os.Lstat(base)
	if err := errors.Join(err1, err2); err != nil || !os.SameFile(held, now) {
		return nil, errors.Join(os.ErrNotExist, err, dir.Close())
	}
	return dir.Close, nil
}

// private makes base a mount of its own that hands nothing on: what is mounted below it stays in this namespace.
func private(base string) error {
	if mountPoint(base) {
		return nil
	}
	if err := unix.Mount(base, base, "", unix.MS_BIND, ""); err != nil {
		return &os.PathError{Op: "bind", Path: base, Err: err}
	}
	if err := unix.Mount("", base, "", unix.MS_PRIVATE, ""); err != nil {
		unix.Unmount(base, unix.MNT_DETACH)
		return &os.PathError{Op: "make private", Path: base, Err: err}
	}
	return nil
}

// mountPoint asks the kernel whether a directory is the root of a mount (statx(2), STATX_ATTR_MOUNT_ROOT).
func mountPoint(dir string) bool {
	var x unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, dir, unix.AT_SYMLINK_NOFOLLOW, 0, &x)
	return err == nil && x.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// Attached reports whether an arena is mounted at a place.
func Attached(place string) bool {
	var s unix.Statfs_t
	return mountPoint(place) && unix.Statfs(place, &s) == nil && s.Type == unix.TMPFS_MAGIC
}

// End takes an arena away with all that is in it, as unmounting a tmpfs does. Memory that is still mapped lives as
// long as the mappings.
func End(place string) error {
	if Attached(place) {
		if err := unix.Unmount(place, unix.MNT_DETACH); err != nil {
			return &os.PathError{Op: "umount", Path: place, Err: err}
		}
	}
	if err := removeAll(filepath.Dir(place)); err != nil {
		return err
	}
	return leave(filepath.Dir(filepath.Dir(place)))
}

// removeAll removes a tree, directories that were closed to their own owner too.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, os.ErrPermission) {
		return err
	}
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			os.Chmod(path, 0o700) // before it is read; what cannot be opened up fails below
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// leave takes the directory of all arenas away if this was the last.
func leave(base string) error {
	release, err := hold(base)
	if err != nil {
		return nil // somebody else did, or it is left to the next one
	}
	defer release()
	if left, err := os.ReadDir(base); err != nil || len(left) > 0 {
		return nil
	}
	if mountPoint(base) && os.Geteuid() == 0 {
		if err := unix.Unmount(base, unix.MNT_DETACH); err != nil {
			return &os.PathError{Op: "umount", Path: base, Err: err}
		}
	}
	err = os.Remove(base)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, os.ErrNotExist) {
		return nil // earlier releases do not hold it
	}
	return err
}
