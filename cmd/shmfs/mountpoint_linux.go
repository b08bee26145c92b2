package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
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
	return filepath.EvalSymlinks(o.point)
}

// vacate answers whether what stands at a mount point can be replaced, and takes it away.
func vacate(ctx context.Context, sh *shell, point string, replace bool) error {
	_, err := sh.serverOf(ctx, point)
	switch {
	case err == nil:
		return &failure{code: exitMounted, reason: point + " is a shmfs already",
			remedy: "change it: mount -o remount,size=... " + point + "\nor take it away: shmfs umount " + point}
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
		return &failure{code: exitMountPoint, reason: point + " does not exist", remedy: "mkdir -p " + point}
	case errors.Is(err, syscall.ENOTDIR):
		return &failure{code: exitMountPoint, reason: point + " is below something that is not a directory",
			remedy: "name a directory, such as /mnt/shm"}
	case isDead(err):
		return &failure{code: exitMountPoint, reason: "something else is mounted at " + point + " and has lost its server",
			remedy: "umount --lazy " + point}
	case errors.Is(err, fs.ErrPermission):
		return notPermitted("looking at "+point, err)
	}
	return err
}
