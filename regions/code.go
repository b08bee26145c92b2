package regions

import "fmt"

// Code is the closed set of what an operation can answer. Each front end translates it to its own errno through one
// table; a backend translates its system's errors to it. Codes are errors: errors.Is(err, NotFound) asks.
type Code uint8

// The codes, named for what they mean; the comment is the POSIX errno that the Linux front end gives.
const (
	OK               Code = iota
	NotPermitted          // EPERM
	NotFound              // ENOENT
	Interrupted           // EINTR
	IO                    // EIO
	NoDevice              // ENXIO
	TooBig                // E2BIG
	BadHandle             // EBADF
	Again                 // EAGAIN
	NoMemory              // ENOMEM
	AccessDenied          // EACCES
	Busy                  // EBUSY
	Exists                // EEXIST
	CrossDevice           // EXDEV
	NotDir                // ENOTDIR
	IsDir                 // EISDIR
	Invalid               // EINVAL
	TooManyFiles          // EMFILE
	TooManyFilesHere      // ENFILE
	TextBusy              // ETXTBSY
	FileTooBig            // EFBIG
	NoSpace               // ENOSPC
	ReadOnly              // EROFS
	TooManyLinks          // EMLINK
	Range                 // ERANGE
	Deadlock              // EDEADLK
	NameTooLong           // ENAMETOOLONG
	NoSys                 // ENOSYS
	NotEmpty              // ENOTEMPTY
	Loop                  // ELOOP
	NoData                // ENODATA
	Overflow              // EOVERFLOW
	NotSupported          // EOPNOTSUPP
	Stale                 // ESTALE
	Quota                 // EDQUOT
	NoSuchDevice          // ENODEV
	NumCodes              // how many there are; not a code
)

var codeNames = [NumCodes]string{
	OK: "ok", NotPermitted: "operation not permitted", NotFound: "no such file or directory",
	Interrupted: "interrupted system call", IO: "input/output error", NoDevice: "no such device or address",
	TooBig: "argument list too long", BadHandle: "bad file descriptor", Again: "resource temporarily unavailable",
	NoMemory: "cannot allocate memory", AccessDenied: "permission denied", Busy: "device or resource busy",
	Exists: "file exists", CrossDevice: "invalid cross-device link", NotDir: "not a directory",
	IsDir: "is a directory", Invalid: "invalid argument", TooManyFiles: "too many open files",
	TooManyFilesHere: "too many open files in system", TextBusy: "text file busy", FileTooBig: "file too large",
	NoSpace: "no space left on device", ReadOnly: "read-only file system", TooManyLinks: "too many links",
	Range: "numerical result out of range", Deadlock: "resource deadlock avoided",
	NameTooLong: "file name too long", NoSys: "function not implemented", NotEmpty: "directory not empty",
	Loop: "too many levels of symbolic links", NoData: "no data available",
	Overflow: "value too large for defined data type", NotSupported: "operation not supported",
	Stale: "stale file handle", Quota: "disk quota exceeded", NoSuchDevice: "no such device",
}

// Error says what the code means, in the words of strerror(3).
func (c Code) Error() string {
	if c >= NumCodes {
		return fmt.Sprintf("code %d", uint8(c))
	}
	return codeNames[c]
}

// Refusal is an error with the reason for it and what can be done about it: what `.ctl/errors` shows.
type Refusal struct {
	Code   Code
	Reason string // one line, with the figures
	Remedy string // what to type, or to whom to turn
	Err    error  // what the system said, if it said anything
	// Most tells who holds the most of what is full, "" for nobody; nil where nothing is. It takes a while: it is for who
	// reads of the refusal.
	Most func() string
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s", r.Code.Error(), r.Reason) }

// Unwrap lets errors.Is find both the code and the system's error.
func (r *Refusal) Unwrap() []error {
	if r.Err == nil {
		return []error{r.Code}
	}
	return []error{r.Code, r.Err}
}
