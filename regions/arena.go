package regions

import (
	"context"
	"io"
)

// Arena holds memory and the names of it. Every method answers a [Code] or an error that wraps one; NotFound for a
// name that is not there, Stale for a node that is no more.
type Arena interface {
	Names
	Makers
	Removers
	Attributes
	Xattrs
	Opener
	Reporter
}

// Names resolves and lists names. A name is any 1 to 255 bytes without '/' and NUL, neither "." nor "..".
type Names interface {
	Lookup(dir NodeID, name string) (Attr, error)
	OpenDir(dir NodeID) (Dir, error)
	Readlink(node NodeID) (string, error)
}

// Dir is an open directory: a stable enumeration while entries come and go. An entry that is there from the first read
// to the last is listed once.
type Dir interface {
	// Read calls emit for each entry after position off until emit answers false; "." and ".." are not listed.
	// With attrs, entries carry their attributes (Attr.Node is NoNode for one that vanished). Positions 0 to
	// FirstPosition-1 all mean the start; those that are handed out are from there on, and never PositionTaken.
	Read(off uint64, attrs bool, emit func(Entry) bool) error
	// Dots answers the inode numbers of "." and "..".
	Dots() (self, parent uint64, err error)
	io.Closer
}

const (
	// FirstPosition is the lowest position that a Dir hands out. tmpfs has it so: 0 and 1 stand before "." and
	// "..", 2 before the first entry (Linux fs/libfs.c).
	FirstPosition uint64 = 3
	// PositionTaken is for who lists something of its own before a Dir's entries.
	PositionTaken uint64 = 1 << 62
)

// Entry is a name in a directory.
type Entry struct {
	Name string
	Off  uint64 // position after this entry
	Ino  uint64
	Type uint32 // type bits
	Attr Attr
}

// Makers makes nodes and names.
type Makers interface {
	// Make makes a node of the type in spec.Mode, owned as spec says, and names it; Exists if the name is taken.
	Make(dir NodeID, name string, spec Spec) (Attr, error)
	// MakeTemp makes a region without a name (O_TMPFILE). It lives until Drop.
	MakeTemp(dir NodeID, spec Spec) (Attr, error)
	// Link gives node one more name.
	Link(node, dir NodeID, name string) (Attr, error)
}

// Spec is what a new node shall be. Set-group-id and default ACLs of the directory are inherited; Umask applies only
// where the directory has no default ACL (umask(2), acl(5)).
type Spec struct {
	Mode     uint32 // type and permission bits, umask not applied
	Umask    uint32
	UID, GID uint32
	Rdev     uint32 // for device nodes
	Target   string // for symlinks
	Record   Record
	labels   string // that it gets, if it is a region; filled in by the Manager
}

// Removers takes names away. A node whose last name is gone stays alive until Drop.
type Removers interface {
	// Remove takes a name away: of a directory if dir is true (rmdir), else of anything else (unlink). It
	// answers the node's attributes as they are afterwards: Nlink 0 means that this was the last name.
	Remove(parent NodeID, name string, dir bool) (Attr, error)
	// Rename moves a name. It answers the attributes, afterwards, of what the new name stood for before
	// (Node is NoNode if nothing, and may be if the two were exchanged: then nothing lost a name).
	Rename(r Rename) (Attr, error)
	// Drop says that nobody can reach a node without names any more. For any other node it does nothing.
	Drop(node NodeID)
}

// Rename are the arguments of renameat2(2).
type Rename struct {
	Dir     NodeID
	Name    string
	NewDir  NodeID
	NewName string
	Flags   RenameFlags
}

// RenameFlags are those of renameat2(2), with its values.
type RenameFlags uint32

const (
	RenameNoReplace RenameFlags = 1 << iota
	RenameExchange
	RenameWhiteout
)

// Attributes reads and sets attributes.
type Attributes interface {
	Getattr(node NodeID) (Attr, error)
	Setattr(node NodeID, c Change) (Attr, error)
	// Record reads what shmfs keeps about a node; NoData if there is none (the node was made by somebody else).
	Record(node NodeID) (Record, error)
}

// Xattrs reads and sets extended attributes, xattr(7). The arena's own record is neither listed nor reachable.
type Xattrs interface {
	Getxattr(node NodeID, name string) ([]byte, error)
	Setxattr(node NodeID, name string, value []byte, flags XattrFlags) error
	Listxattr(node NodeID) ([]string, error)
	Removexattr(node NodeID, name string) error
}

// XattrFlags are those of setxattr(2), with its values.
type XattrFlags uint32

const (
	XattrCreate XattrFlags = 1 << iota
	XattrReplace
	// XattrKillSetGID drops set-group-id along with a change of the access ACL (FUSE_SETXATTR_ACL_KILL_SGID).
	XattrKillSetGID
)

// Access is how a file is opened.
type Access uint8

const (
	ReadAccess Access = 1 << iota
	WriteAccess
)

// Opener opens regions.
type Opener interface {
	Open(node NodeID, access Access) (File, error)
}

// File is an open region.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Extents
}

// Extents changes and asks where a region has memory. Offsets and lengths are in bytes.
type Extents interface {
	Truncate(size int64) error
	// Allocate is fallocate(2).
	Allocate(off, length int64, mode AllocateMode) error
	// SeekExtent finds the next data or the next hole from off on: lseek(2) with SEEK_DATA or SEEK_HOLE.
	SeekExtent(off int64, hole bool) (int64, error)
}

// AllocateMode are the bits of fallocate(2) that a memory file system takes, with Linux's values.
type AllocateMode uint32

const (
	AllocateKeepSize  AllocateMode = 0x01
	AllocatePunchHole AllocateMode = 0x02
	AllocateZeroRange AllocateMode = 0x10
)

// Reporter tells about the arena as a whole.
type Reporter interface {
	Usage(node NodeID) (Usage, error)
	// Walk calls fn for every node below a directory, parents first; an error of fn ends the walk and is returned.
	// Nodes that come or go meanwhile may be missed.
	Walk(ctx context.Context, from NodeID, fn func(Item) error) error
	Properties() Properties
}

// Usage is an arena's size and use in bytes, and in nodes. A size of 0 is unlimited.
type Usage struct {
	Bytes, BytesUsed uint64
	Nodes, NodesUsed uint64
	BlockSize        uint32
	NameMax          uint32
}

// Item is a node as Walk meets it. Path is relative to where the walk began, without a leading slash.
type Item struct {
	Path   string
	Parent NodeID
	Attr   Attr
	Record Record // zero if there is none
	Xattrs int64  // bytes of extended attributes that count; only where Survey met it
	Labels string // what a region's LabelsXattr says; only where Survey met it
	Says   bool   // it has attributes of LifeXattr; only where Survey met it
}

// Properties are an arena's declared differences.
type Properties struct {
	Kind string // "tmpfs", "mem", ...
	// Stateless says that Open needs no descriptor kept for the life of a handle: a node can be opened anew at any
	// time, whatever its mode, by everybody. Without it a handle holds its own File.
	Stateless bool
	// Labels says that a new region has extended attributes that nobody set: a security module's.
	Labels bool
	// Losses names each thing that this arena cannot do here, and why.
	Losses []Loss
}

// Loss is something that cannot be had here.
type Loss struct {
	What   string
	Why    string
	Remedy string
}

// The abilities that differ. An arena has them by having the method.

// Descriptor is an arena whose regions are files of this kernel, which can be registered as FUSE backing.
type Descriptor interface {
	// Descriptor opens the node's file without counting as a user of it, if the kernel can (O_PATH).
	// The caller closes it.
	Descriptor(node NodeID, path bool) (fd int, err error)
}

// MakeOpener is an arena that must open a region while it makes it, because it could not afterwards: its mode may shut
// out its own maker. It makes a region without a name where the name is empty.
type MakeOpener interface {
	MakeOpen(dir NodeID, name string, spec Spec) (Attr, File, error)
}

// Recorder is an arena that can change what it keeps about a region.
type Recorder interface {
	SetRecord(node NodeID, r Record) error
}

// UseProber is an arena that can ask whether a region is open or mapped by anybody but us.
type UseProber interface {
	InUse(node NodeID) (bool, error)
}

// Copier is an arena that copies between regions without moving the bytes through us.
type Copier interface {
	CopyRange(src File, srcOff int64, dst File, dstOff int64, length int64) (int64, error)
}

// Resizer is an arena whose limits change while it lives. Zero leaves one as it is.
type Resizer interface {
	Resize(bytes, nodes int64) error
}

// Surveyor is an arena that is walked faster than by Walk where the order does not matter.
type Surveyor interface {
	// Survey calls fn for every node below the root, a directory before what is in it, and several at once. Items have
	// no Path, and a Record only if records are asked for. An error of fn ends the walk and is returned.
	Survey(ctx context.Context, records bool, fn func(Item) error) error
}

// Pather is an arena that tells where a node stands in the tree, for messages: relative to the root, "" for the root
// itself.
type Pather interface {
	Path(node NodeID) (string, error)
}

// Store allocates memory for an arena that keeps names itself: Go's heap, Windows sections, Mach memory objects.
type Store interface {
	Allocate() (Memory, error)
}

// Memory is one object of a Store. Its size starts at 0. Reads may overlap; nothing else does.
type Memory interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Extents
	Resident() int64 // bytes
	// Missing is how many bytes a write to a range would allocate, so that a limit can refuse it before.
	Missing(off, length int64) int64
}
