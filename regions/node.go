package regions

import "fmt"

// NodeID names a node (a region, a directory, a symlink, ...) within one arena.
//
// In the tmpfs arena it is the kernel's own file handle: the inode's generation in the high 32 bits and its number in
// the low 32 bits (Linux mm/shmem.c, shmem_encode_fh). So it stays valid without any table, across every restart of
// the server, and a number that the kernel uses again is another node because its generation differs.
type NodeID uint64

const (
	// NoNode is no node.
	NoNode NodeID = 0
	// RootNode is the root directory of every arena, and FUSE's root (FUSE_ROOT_ID in linux/fuse.h).
	RootNode NodeID = 1
)

// MakeNodeID composes a node from an inode's generation and number.
func MakeNodeID(generation, ino uint32) NodeID { return NodeID(generation)<<32 | NodeID(ino) }

// VirtualNodeID composes the n-th node that no arena holds (a control file): its low half is 0, which no inode number is.
func VirtualNodeID(n uint32) NodeID { return NodeID(n) << 32 }

// Virtual reports whether no arena holds the node.
func (n NodeID) Virtual() bool { return uint32(n) == 0 }

// Generation is the high half of n.
func (n NodeID) Generation() uint32 { return uint32(n >> 32) }

// Ino is the low half of n.
func (n NodeID) Ino() uint32 { return uint32(n) }

func (n NodeID) String() string { return fmt.Sprintf("%08x.%d", n.Generation(), n.Ino()) }
