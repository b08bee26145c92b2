//go:build linux

package tmpfs

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// codes translates what the kernel answers about the arena.
var codes = map[unix.Errno]regions.Code{
	unix.EPERM: regions.NotPermitted, unix.ENOENT: regions.NotFound, unix.EINTR: regions.Interrupted,
	unix.EIO: regions.IO, unix.ENXIO: regions.NoDevice, unix.E2BIG: regions.TooBig, unix.EBADF: regions.BadHandle,
	unix.EAGAIN: regions.Again, unix.ENOMEM: regions.NoMemory, unix.EACCES: regions.AccessDenied,
	unix.EBUSY: regions.Busy, unix.EEXIST: regions.Exists, unix.EXDEV: regions.CrossDevice,
	unix.ENODEV: regions.NoSuchDevice, unix.ENOTDIR: regions.NotDir, unix.EISDIR: regions.IsDir,
	unix.EINVAL: regions.Invalid, unix.ENFILE: regions.TooManyFilesHere, unix.EMFILE: regions.TooManyFiles,
	unix.ETXTBSY: regions.TextBusy, unix.EFBIG: regions.FileTooBig, unix.ENOSPC: regions.NoSpace,
	unix.EROFS: regions.ReadOnly, unix.EMLINK: regions.TooManyLinks, unix.ERANGE: regions.Range,
	unix.EDEADLK: regions.Deadlock, unix.ENAMETOOLONG: regions.NameTooLong, unix.ENOSYS: regions.NoSys,
	unix.ENOTEMPTY: regions.NotEmpty, unix.ELOOP: regions.Loop, unix.ENODATA: regions.NoData,
	unix.EOVERFLOW: regions.Overflow, unix.EOPNOTSUPP: regions.NotSupported, unix.ESTALE: regions.Stale,
	unix.EDQUOT: regions.Quota,
}

// code answers the code for an error of the kernel's, without any text: it is on the path of every request.
func code(err error) error {
	if err == nil {
		return nil
	}
	var e unix.Errno
	if !errors.As(err, &e) {
		return err
	}
	if c, ok := codes[e]; ok {
		return c
	}
	return &regions.Refusal{Code: regions.IO, Reason: "the kernel answered " + e.Error() + " for the arena",
		Remedy: "please report it with the kernel's version", Err: e}
}
