package fstest

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// errnos is the table of regions/code.go, from the system's side.
var errnos = map[unix.Errno]regions.Code{
	unix.EPERM: regions.NotPermitted, unix.ENOENT: regions.NotFound, unix.EINTR: regions.Interrupted,
	unix.EIO: regions.IO, unix.ENXIO: regions.NoDevice, unix.E2BIG: regions.TooBig, unix.EBADF: regions.BadHandle,
	unix.EAGAIN: regions.Again, unix.ENOMEM: regions.NoMemory, unix.EACCES: regions.AccessDenied,
	unix.EBUSY: regions.Busy, unix.EEXIST: regions.Exists, unix.EXDEV: regions.CrossDevice,
	unix.ENOTDIR: regions.NotDir, unix.EISDIR: regions.IsDir, unix.EINVAL: regions.Invalid,
	unix.EMFILE: regions.TooManyFiles, unix.ENFILE: regions.TooManyFilesHere, unix.ETXTBSY: regions.TextBusy,
	unix.EFBIG: regions.FileTooBig, unix.ENOSPC: regions.NoSpace, unix.EROFS: regions.ReadOnly,
	unix.EMLINK: regions.TooManyLinks, unix.ERANGE: regions.Range, unix.EDEADLK: regions.Deadlock,
	unix.ENAMETOOLONG: regions.NameTooLong, unix.ENOSYS: regions.NoSys, unix.ENOTEMPTY: regions.NotEmpty,
	unix.ELOOP: regions.Loop, unix.ENODATA: regions.NoData, unix.EOVERFLOW: regions.Overflow,
	unix.EOPNOTSUPP: regions.NotSupported, unix.ESTALE: regions.Stale, unix.EDQUOT: regions.Quota,
	unix.ENODEV: regions.NoSuchDevice,
}

// codeOf translates what a system call answered. An errno that no code stands for stays itself: it equals nothing
// that a case expects.
func codeOf(err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return err
	}
	if c, ok := errnos[errno]; ok {
		return c
	}
	return fmt.Errorf("errno %d: %w", int(errno), err)
}
