package control

import "github.com/shmfs/shmfs/regions"

// errnoNames are the POSIX names of the codes. They are the same everywhere, unlike the numbers.
var errnoNames = [regions.NumCodes]string{
	regions.OK:               "OK",
	regions.NotPermitted:     "EPERM",
	regions.NotFound:         "ENOENT",
	regions.Interrupted:      "EINTR",
	regions.IO:               "EIO",
	regions.NoDevice:         "ENXIO",
	regions.TooBig:           "E2BIG",
	regions.BadHandle:        "EBADF",
	regions.Again:            "EAGAIN",
	regions.NoMemory:         "ENOMEM",
	regions.AccessDenied:     "EACCES",
	regions.Busy:             "EBUSY",
	regions.Exists:           "EEXIST",
	regions.CrossDevice:      "EXDEV",
	regions.NotDir:           "ENOTDIR",
	regions.IsDir:            "EISDIR",
	regions.Invalid:          "EINVAL",
	regions.TooManyFiles:     "EMFILE",
	regions.TooManyFilesHere: "ENFILE",
	regions.TextBusy:         "ETXTBSY",
	regions.FileTooBig:       "EFBIG",
	regions.NoSpace:          "ENOSPC",
	regions.ReadOnly:         "EROFS",
	regions.TooManyLinks:     "EMLINK",
	regions.Range:            "ERANGE",
	regions.Deadlock:         "EDEADLK",
	regions.NameTooLong:      "ENAMETOOLONG",
	regions.NoSys:            "ENOSYS",
	regions.NotEmpty:         "ENOTEMPTY",
	regions.Loop:             "ELOOP",
	regions.NoData:           "ENODATA",
	regions.Overflow:         "EOVERFLOW",
	regions.NotSupported:     "EOPNOTSUPP",
	regions.Stale:            "ESTALE",
	regions.Quota:            "EDQUOT",
	regions.NoSuchDevice:     "ENODEV",
}

// codeOf answers the code of an errno's name, IO for a name that this release does not know.
func codeOf(errno string) regions.Code {
	for code, name := range errnoNames {
		if name == errno {
			return regions.Code(code)
		}
	}
	return regions.IO
}
