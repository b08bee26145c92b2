package fstest

import (
	"io"

	"github.com/shmfs/shmfs/regions"
)

// Client is what a process can ask of a directory and what is below it. Paths are relative to that directory, their
// names separated by '/'; "." is the directory itself. What fails answers a [regions.Code].
type Client interface {
	Makers
	Removers
	Attributes
	Xattrs
	Opener
}

// Makers makes names. Modes are permission bits; the umask applies.
type Makers interface {
	Mkdir(path string, mode uint32) error
	// Mknod makes a node of the type in mode.
	Mknod(path string, mode, rdev uint32) error
	Symlink(target, path string) error
	// Link does not follow a symlink at old.
	Link(old, path string) error
	// Umask sets the mask of what is made from now on, and answers the one before.
	Umask(mask uint32) (old uint32)
}

// Removers takes names away, and moves them.
type Removers interface {
	Unlink(path string) error
	Rmdir(path string) error
	Rename(old, path string, flags regions.RenameFlags) error
}

// Attributes reads and sets attributes.
type Attributes interface {
	// Stat answers attributes; Attr.Node is not set.
	Stat(path string, follow bool) (regions.Attr, error)
	Readlink(path string) (string, error)
	// Chmod follows a symlink, Chown does not. An owner or group of Keep stays.
	Chmod(path string, mode uint32) error
	Chown(path string, uid, gid uint32) error
	// Utimes does not follow a symlink.
	Utimes(path string, atime, mtime Stamp) error
}

// Keep is the owner or group that chown(2) leaves as it is.
const Keep = ^uint32(0)

// Stamp is a time to set: as utimensat(2) has it, an explicit one, the current one, or none.
type Stamp struct {
	regions.Timestamp
	Now, Omit bool
}

// At is an explicit time.
func At(sec int64, nsec uint32) Stamp {
	return Stamp{Timestamp: regions.Timestamp{Sec: sec, Nsec: nsec}}
}

// Xattrs reads and sets extended attributes, of a symlink itself.
type Xattrs interface {
	Getxattr(path, name string) ([]byte, error)
	Setxattr(path, name string, value []byte, flags regions.XattrFlags) error
	Listxattr(path string) ([]string, error)
	Removexattr(path, name string) error
}

// Opener opens files and directories, and sizes them by path.
type Opener interface {
	Open(path string, flags OpenFlags, mode uint32) (File, error)
	Truncate(path string, size int64) error
	Usage(path string) (regions.Usage, error)
	// Sub answers a client of a directory below.
	Sub(path string) (Client, error)
}

// OpenFlags are those of open(2), with values of our own: the numbers differ from system to system.
type OpenFlags uint16

// The flags of open(2).
const (
	Read OpenFlags = 1 << iota
	Write
	Append
	Create
	Exclusive
	Trunc
	NoFollow
	Directory
	Tmpfile // path is the directory

	ReadWrite = Read | Write
)

// File is an open file or directory.
type File interface {
	io.ReadWriteCloser
	io.ReaderAt
	io.WriterAt
	regions.Extents
	FileCalls
}

// FileCalls are those that only a file of a file system has.
type FileCalls interface {
	Stat() (regions.Attr, error)
	// CopyRange copies length bytes from off to dstOff in dst, and answers how many it copied.
	CopyRange(off int64, dst File, dstOff, length int64) (int64, error)
	// LinkTo gives the file a name below the client that opened it.
	LinkTo(path string) error
	Sync() error
	Lister
}

// Lister lists an open directory.
type Lister interface {
	// List answers at least one and roughly n next entries, "." and ".." among them; none at the end.
	List(n int) ([]regions.Entry, error)
	// SeekDir goes on after the entry whose Off this is, or at the start for 0.
	SeekDir(off uint64) error
}
