package fstest

import "encoding/binary"

// Names of the attributes that hold ACLs (Linux include/uapi/linux/xattr.h).
const (
	accessACL  = "system.posix_acl_access"
	defaultACL = "system.posix_acl_default"
)

// aclEntry is one entry as struct posix_acl_xattr_entry has it (Linux include/uapi/linux/posix_acl_xattr.h).
type aclEntry struct {
	tag, perm uint16
	id        uint32
}

// Tags of entries.
const (
	aclUserObj  uint16 = 0x01
	aclUser     uint16 = 0x02
	aclGroupObj uint16 = 0x04
	aclGroup    uint16 = 0x08
	aclMask     uint16 = 0x10
	aclOther    uint16 = 0x20
)

// aclNobody is the id of entries that name nobody.
const aclNobody = ^uint32(0)

// acl encodes entries: version 2, then each, little-endian.
func acl(entries ...aclEntry) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

// namedACL gives uid the permissions user, and others the usual three.
func namedACL(owner, uid, user, group, mask, other uint32) []byte {
	return acl(
		aclEntry{aclUserObj, uint16(owner), aclNobody},
		aclEntry{aclUser, uint16(user), uid},
		aclEntry{aclGroupObj, uint16(group), aclNobody},
		aclEntry{aclMask, uint16(mask), aclNobody},
		aclEntry{aclOther, uint16(other), aclNobody},
	)
}
