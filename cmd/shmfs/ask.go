package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/regions"
)

// answerTime is how long a server may take for one question. It is some 4 µs a region that it has to walk over.
const answerTime = 30 * time.Second

// pollTime is how often a waiting command looks whether it shall give up.
const pollTime = 100 * time.Millisecond

// ask runs f, which reads the files of a mount, and gives up if the server does not answer. The goroutine is left
// behind then: what waits for a FUSE server ends with the process only.
func ask[T any](ctx context.Context, point string, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	select {
	case r := <-done:
		return r.value, explain(point, r.err)
	case <-ctx.Done():
		var none T
		return none, &failure{code: exitNoAnswer, reason: "the server of " + point + " does not answer",
			remedy: "see its log; to give up what it serves: shmfs umount --lazy " + printable(point)}
	}
}

// explain says what an error of a mount's file means, where the server has not said so itself.
func explain(point string, err error) error {
	var said *regions.Refusal
	told := errors.As(err, &said) && said.Remedy != ""
	switch {
	case err == nil:
		return nil
	case isAdrift(err):
		return adrift(err)
	case errors.Is(err, control.ErrNoMount):
		return &failure{code: exitNotFound, reason: point + " is not in a shmfs",
			remedy: "shmfs ls without a path tells what is mounted"}
	case isDead(err):
		return dead(point)
	case told && errors.Is(err, fs.ErrNotExist):
		return &failure{code: exitNotFound, reason: err.Error(), remedy: said.Remedy}
	case told && errors.Is(err, fs.ErrPermission):
		return &failure{code: exitPermission, reason: err.Error(), remedy: said.Remedy}
	case errors.Is(err, fs.ErrNotExist):
		return &failure{code: exitNotFound, reason: "there is no " + point, remedy: "shmfs ls lists what there is"}
	case errors.Is(err, fs.ErrPermission):
		return notPermitted(point, err)
	}
	return err
}

// isAdrift reports whether the working directory has been removed: a relative path means nothing then (getcwd(3)).
func isAdrift(err error) bool {
	var call *os.SyscallError
	return errors.As(err, &call) && call.Syscall == "getwd"
}

// adrift says so, and leaves any other error as it is.
func adrift(err error) error {
	if !isAdrift(err) {
		return err
	}
	return &failure{code: exitFailed, reason: "the working directory is gone", err: err,
		remedy: "go to one that is there: cd /; or name the whole path"}
}

// isDead reports whether a mount has lost its server: the kernel answers so to whatever is asked of it.
func isDead(err error) bool {
	return errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.ECONNABORTED)
}

func dead(point string) error {
	return &failure{code: exitDead, reason: "the shmfs at " + point + " has lost its server",
		remedy: "to take its place, with the regions that it left: shmfs mount --replace " + printable(point) +
			"\nto take it away: shmfs umount " + printable(point)}
}

// asked is a path in a mount.
type asked struct {
	*control.Client
	path string // relative to the mount; "" for its root
}

// open finds the mount that a path is in; the only one there is for "".
func (sh *shell) open(ctx context.Context, path string) (asked, error) {
	if path == "" {
		only, err := sh.onlyMount()
		if err != nil {
			return asked{}, err
		}
		path = only
	}
	at, err := ask(ctx, path, func() (asked, error) {
		c, rel, err := control.Find(path)
		if rel == "." {
			rel = ""
		}
		return asked{c, rel}, err
	})
	if codeOf(err) == exitDead {
		return at, dead(sh.pointAbove(path))
	}
	return at, err
}

// pointAbove is the mount point that a path is in or at, the path itself if that cannot be told.
func (sh *shell) pointAbove(path string) string {
	full, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	for p := full; ; p = filepath.Dir(p) {
		if point, err := sh.finder.point(p); err == nil {
			return point
		}
		if p == filepath.Dir(p) {
			return path
		}
	}
}

func (sh *shell) onlyMount() (string, error) {
	points, err := sh.finder.points()
	switch {
	case err != nil:
		return "", err
	case len(points) == 0:
		return "", &failure{code: exitNotFound, reason: "no shmfs is mounted", remedy: "to mount one: shmfs mount /mnt/shm"}
	case len(points) > 1:
		return "", usageError("mounted: "+printableAll(points), "more than one shmfs is mounted: which one?")
	}
	return points[0], nil
}

// noMount is the answer for a place that is no mount point of a shmfs.
func noMount(f finder, path string) error {
	remedy := "none is mounted"
	if points, _ := f.points(); len(points) > 0 {
		remedy = "mounted: " + printableAll(points)
	}
	return &failure{code: exitNotFound, reason: "no shmfs is mounted at " + path, remedy: remedy}
}

// notHere is the answer to whatever needs a mount where there can be none.
func notHere() error {
	return &failure{code: exitUnsupported, reason: "not supported on this system yet", remedy: "shmfs doctor tells what is"}
}
