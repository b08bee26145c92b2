//go:build linux

package gofuse

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/shmfs/shmfs/regions"
)

// statuses is the one table from codes to Linux's errno.
var statuses = [regions.NumCodes]syscall.Errno{
	regions.OK: 0, regions.NotPermitted: syscall.EPERM, regions.NotFound: syscall.ENOENT,
	regions.Interrupted: syscall.EINTR, regions.IO: syscall.EIO, regions.NoDevice: syscall.ENXIO,
	regions.TooBig: syscall.E2BIG, regions.BadHandle: syscall.EBADF, regions.Again: syscall.EAGAIN,
	regions.NoMemory: syscall.ENOMEM, regions.AccessDenied: syscall.EACCES, regions.Busy: syscall.EBUSY,
	regions.Exists: syscall.EEXIST, regions.CrossDevice: syscall.EXDEV, regions.NotDir: syscall.ENOTDIR,
	regions.IsDir: syscall.EISDIR, regions.Invalid: syscall.EINVAL, regions.TooManyFiles: syscall.EMFILE,
	regions.TooManyFilesHere: syscall.ENFILE, regions.TextBusy: syscall.ETXTBSY, regions.FileTooBig: syscall.EFBIG,
	regions.NoSpace: syscall.ENOSPC, regions.ReadOnly: syscall.EROFS, regions.TooManyLinks: syscall.EMLINK,
	regions.Range: syscall.ERANGE, regions.Deadlock: syscall.EDEADLK, regions.NameTooLong: syscall.ENAMETOOLONG,
	regions.NoSys: syscall.ENOSYS, regions.NotEmpty: syscall.ENOTEMPTY, regions.Loop: syscall.ELOOP,
	regions.NoData: syscall.ENODATA, regions.Overflow: syscall.EOVERFLOW, regions.NotSupported: syscall.EOPNOTSUPP,
	regions.Stale: syscall.ESTALE, regions.Quota: syscall.EDQUOT, regions.NoSuchDevice: syscall.ENODEV,
}

func status(c regions.Code) fuse.Status { return fuse.Status(statuses[c]) }
