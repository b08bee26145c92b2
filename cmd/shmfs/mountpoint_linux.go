package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
)

// checkPoint answers the directory to mount on, its symlinks followed. A mount there that has lost its server is taken
// away, if that was asked for.
func checkPoint(ctx context.Context, sh *shell, o mountOptions) (string, error) {
	if point, err := sh.finder.point(o.point); err == nil {
		if err := vacate(ctx, sh, point, o.replace); err != nil {
			return "", err
		}
	}
	info, err := os.Stat(o.point)
	if err != nil {
		return "", pointFailure(o.point, err)
	}
	if !info.IsDir() {
		return "", &failure{code: exitMountPoint, reason: o.point + " is not a directory",
			remedy: "name a directory, such as /mnt/shm"}
	}
	point, err := filepath.EvalSymlinks(o.point)
	if err != nil {
		return "", err
	}
	var s unix.Statfs_t
	if err := unix.Statfs(point, &s); err != nil {
		return "", pointFailure(point, err)
	}
	return point, coverable(point, int64(s.Type))
}

// coverable refuses places that the system lives by: what is mounted on them would be in everybody's way, and on the
// root it could not be taken away, because umount2("/") means what is below it. The file system of the place is told by
// its magic number (statfs(2)).
func coverable(point string, magic int64) error {
	why := ""
	switch {
	case point == "/":
		why = "it is the root of everything"
	case magic == unix.PROC_SUPER_MAGIC:
		why = "it is in procfs"
	case magic == unix.SYSFS_MAGIC:
		why = "it is in sysfs"
	default:
		return nil
	}
	return &failure{code: exitMountPoint, reason: "not on " + printable(point) + ": " + why,
		remedy: "name a directory of its own: mkdir -p /mnt/shm && shmfs mount /mnt/shm"}
}

// removable refuses to unmount what is no shmfs: whatever is mounted over one, and the root, for which the kernel takes
// what the shmfs covers.
func removable(table []fusemount.Entry, point string) error {
	if point == "/" {
		return &failure{code: exitMountPoint, reason: "not unmounting /: the kernel takes it for what is below the shmfs",
			remedy: "end its server: ps -C shmfs shows it"}
	}
	if isShmfs(table, point) {
		return nil
	}
	return &failure{code: exitNotFound, reason: "what is mounted at " + printable(point) + " is no shmfs",
		remedy: "see what it is: findmnt " + printable(point)}
}

// vacate answers whether what stands at a mount point can be replaced, and takes it away.
func vacate(ctx context.Context, sh *shell, point string, replace bool) error {
	_, err := sh.serverOf(ctx, point)
	switch {
	case err == nil:
		return &failure{code: exitMounted, reason: point + " is a shmfs already",
			remedy: "change it: mount -o remount,size=... " + printable(point) + "\nor take it away: shmfs umount " + printable(point)}
	case codeOf(err) != exitDead:
		return err
	case !replace:
		return dead(point)
	}
	return sh.unmount(point, true)
}

// pointFailure says what an error of the mount point means.
func pointFailure(point string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &failure{code: exitMountPoint, reason: point + " does not exist", remedy: "mkdir -p " + printable(point)}
	case errors.Is(err, syscall.ENOTDIR):
		return &failure{code: exitMountPoint, reason: point + " is below something that is not a directory",
			remedy: "name a directory, such as /mnt/shm"}
	case isDead(err):
		return &failure{code: exitMountPoint, reason: "something else is mounted at " + point + " and has lost its server",
			remedy: "umount --lazy " + printable(point)}
	case errors.Is(err, fs.ErrPermission):
		return notPermitted("looking at "+point, err)
	}
	return err
}
