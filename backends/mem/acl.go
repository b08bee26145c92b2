package mem

import (
	"encoding/binary"
	"slices"

	"github.com/shmfs/shmfs/regions"
)

// acl is a POSIX access control list as acl(5) tells. A list is never changed once it is made, so nodes share them.
type acl []aclEntry

type aclEntry struct {
	tag, perm uint16
	id        uint32
}

// Tags, in the order in which a list has them (linux/posix_acl.h).
const (
	aclUserObj  uint16 = 0x01
	aclUser     uint16 = 0x02
	aclGroupObj uint16 = 0x04
	aclGroup    uint16 = 0x08
	aclMask     uint16 = 0x10
	aclOther    uint16 = 0x20
)

// The extended attribute: a version, then 8 bytes an entry, all little-endian (linux/posix_acl_xattr.h).
const (
	aclVersion    = 2
	aclHeaderSize = 4
	aclEntrySize  = 8
	aclNoID       = 0xffffffff
)

// parseACL reads an extended attribute as the kernel does (Linux fs/posix_acl.c, posix_acl_from_xattr): a list without
// entries is none.
func parseACL(b []byte) (acl, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if len(b) < aclHeaderSize {
		return nil, regions.Invalid
	}
	if binary.LittleEndian.Uint32(b) != aclVersion {
		return nil, regions.NotSupported
	}
	b = b[aclHeaderSize:]
	if len(b)%aclEntrySize != 0 {
		return nil, regions.Invalid
	}
	var l acl
	for ; len(b) > 0; b = b[aclEntrySize:] {
		e := aclEntry{
			tag:  binary.LittleEndian.Uint16(b),
			perm: binary.LittleEndian.Uint16(b[2:]),
			id:   binary.LittleEndian.Uint32(b[4:]),
		}
		switch e.tag {
		case aclUserObj, aclGroupObj, aclMask, aclOther:
			e.id = aclNoID
		case aclUser, aclGroup:
			if e.id == aclNoID {
				return nil, regions.Invalid
			}
		default:
			return nil, regions.Invalid
		}
		l = append(l, e)
	}
	return l, nil
}

func (l acl) encode() []byte {
	b := make([]byte, 0, aclHeaderSize+len(l)*aclEntrySize)
	b = binary.LittleEndian.AppendUint32(b, aclVersion)
	for _, e := range l {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

// valid asks whether a list is whole and in order: an owner, users, the owning group, groups, a mask if there are
// users or groups, others (posix_acl_valid).
func (l acl) valid() bool {
	counts := map[uint16]int{}
	last := uint16(0)
	for _, e := range l {
		if e.tag < last || e.perm > 7 {
			return false
		}
		last = e.tag
		counts[e.tag]++
	}
	named := counts[aclUser] + counts[aclGroup]
	return counts[aclUserObj] == 1 && counts[aclGroupObj] == 1 && counts[aclOther] == 1 &&
		(counts[aclMask] == 1 || counts[aclMask] == 0 && named == 0)
}

// isMinimal reports whether permission bits say all that the list says.
func (l acl) isMinimal() bool {
	return !slices.ContainsFunc(l, func(e aclEntry) bool { return e.tag&(aclUser|aclGroup|aclMask) != 0 })
}

// find answers the entry of a tag that is in the list once, or nil.
func (l acl) find(tag uint16) *aclEntry {
	for i := range l {
		if l[i].tag == tag {
			return &l[i]
		}
	}
	return nil
}

// group is the entry that the group's permission bits show: the mask if there is one.
func (l acl) group() *aclEntry {
	if m := l.find(aclMask); m != nil {
		return m
	}
	return l.find(aclGroupObj)
}

// mode is what permission bits become by the list (posix_acl_equiv_mode).
func (l acl) mode(mode uint32) uint32 {
	user, group, other := l.find(aclUserObj), l.group(), l.find(aclOther)
	return mode&^0o777 | uint32(user.perm)<<6 | uint32(group.perm)<<3 | uint32(other.perm)
}

// withMode is the list after chmod(2) (posix_acl_chmod).
func (l acl) withMode(mode uint32) acl {
	if l == nil {
		return nil
	}
	l = slices.Clone(l)
	l.find(aclUserObj).perm = uint16(mode >> 6 & 7)
	l.group().perm = uint16(mode >> 3 & 7)
	l.find(aclOther).perm = uint16(mode & 7)
	return l
}

// inherited is what a node made with mode gets from a default ACL: its access ACL, nil if the mode says it all, and its
// mode (posix_acl_create_masq).
func (l acl) inherited(mode uint32) (acl, uint32) {
	l = slices.Clone(l)
	l.find(aclUserObj).perm &= uint16(mode >> 6 & 7)
	l.group().perm &= uint16(mode >> 3 & 7)
	l.find(aclOther).perm &= uint16(mode & 7)
	mode = l.mode(mode)
	if l.isMinimal() {
		return nil, mode
	}
	return l, mode
}
