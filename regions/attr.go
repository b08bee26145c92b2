package regions

import "time"

// Type bits of a mode, as POSIX sys/stat.h has them on Linux. They are our own because package syscall has none on
// Windows.
const (
	TypeMask    uint32 = 0o170000
	TypeSocket  uint32 = 0o140000
	TypeSymlink uint32 = 0o120000
	TypeRegular uint32 = 0o100000
	TypeBlock   uint32 = 0o060000
	TypeDir     uint32 = 0o040000
	TypeChar    uint32 = 0o020000
	TypeFIFO    uint32 = 0o010000

	ModeSetUID uint32 = 0o4000
	ModeSetGID uint32 = 0o2000
	ModeSticky uint32 = 0o1000
	ModePerm   uint32 = 0o7777
)

// Timestamp is a point in time with nanoseconds, as struct timespec has it.
type Timestamp struct {
	Sec  int64
	Nsec uint32
}

// TimestampOf converts t.
func TimestampOf(t time.Time) Timestamp {
	return Timestamp{Sec: t.Unix(), Nsec: uint32(t.Nanosecond())}
}

// Time converts t.
func (t Timestamp) Time() time.Time { return time.Unix(t.Sec, int64(t.Nsec)) }

// Before reports whether t is earlier than u.
func (t Timestamp) Before(u Timestamp) bool {
	return t.Sec < u.Sec || t.Sec == u.Sec && t.Nsec < u.Nsec
}

// Attr are a node's attributes. Size is in bytes, Blocks in units of 512 bytes, Rdev in the kernel's new encoding
// (makedev(3)), Blksize in bytes. Btime is zero where the arena does not know when the node was made.
type Attr struct {
	Node                       NodeID
	Ino                        uint64
	Size                       int64
	Blocks                     uint64
	Atime, Mtime, Ctime, Btime Timestamp
	Mode                       uint32
	Nlink                      uint32
	UID, GID                   uint32
	Rdev                       uint32
	Blksize                    uint32
	Source                     NodeID // of a share: the region that it shows
}

// Type returns the type bits of the mode.
func (a *Attr) Type() uint32 { return a.Mode & TypeMask }

// IsDir reports whether a is a directory's.
func (a *Attr) IsDir() bool { return a.Type() == TypeDir }

// IsRegion reports whether a is a region's: a regular file's.
func (a *Attr) IsRegion() bool { return a.Type() == TypeRegular }

// Resident is the memory that the node occupies, in bytes.
func (a *Attr) Resident() int64 { return int64(a.Blocks) * 512 }

// Change says which attributes to set. Fields whose bit is not in Set are ignored.
type Change struct {
	Set          Settable
	Mode         uint32 // permission bits only
	UID, GID     uint32
	Size         int64
	Atime, Mtime Timestamp
}

// Settable are the bits of Change.Set.
type Settable uint16

const (
	SetMode Settable = 1 << iota
	SetUID
	SetGID
	SetSize
	SetAtime
	SetAtimeNow
	SetMtime
	SetMtimeNow
	// KillPrivileges drops set-user-id, and set-group-id of an executable, because the caller may not keep them
	// (FUSE_HANDLE_KILLPRIV_V2: the kernel leaves it to the file system).
	KillPrivileges
)

// KilledMode is mode without the bits that a write or a change of owner by an ordinary process takes away
// (Linux fs/attr.c, setattr_should_drop_suidgid).
func KilledMode(mode uint32) uint32 {
	if mode&TypeMask != TypeRegular {
		return mode
	}
	mode &^= ModeSetUID
	if mode&0o010 != 0 {
		mode &^= ModeSetGID
	}
	return mode
}
