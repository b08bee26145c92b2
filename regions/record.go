package regions

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// ID identifies a region for ever: it is random, made with the region, and never given to another one.
type ID uint64

// NewID makes an identity.
func NewID() ID {
	var b [8]byte
	for {
		rand.Read(b[:]) // never fails, crypto/rand since Go 1.24
		if id := ID(binary.LittleEndian.Uint64(b[:])); id != 0 {
			return id
		}
	}
}

func (id ID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// ParseID reads what String writes.
func ParseID(s string) (ID, error) {
	if len(s) != 16 {
		return 0, fmt.Errorf("region id %q: want 16 hexadecimal digits", s)
	}
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("region id %q: want 16 hexadecimal digits, not all zero", s)
	}
	return ID(n), nil
}

// Record is what shmfs keeps about a node beside its attributes, in the node's own inode, so that it is found again
// by whoever serves the arena next. The zero Record is none.
type Record struct {
	ID      ID
	Created time.Time
	PID     uint32 // the creating process (thread group); 0 if it could not be named
	UID     uint32 // who made it, whoever owns it now
	GID     uint32
	Uptime  time.Duration // of the system when it was made: it is not stepped, as a clock is; 0 if nobody knows
	Home    NodeID        // directory of the last name, for a region that has lost it; NoNode for none
	Cgroup  string        // path of the one that the creating process was in; "" if it could not be told
	Beyond  int64         // end of the memory that was allocated past its size; 0 for none
	Unasked int64         // bytes that it grew by without asking where the mount had no room; 0 for none
	Group   uint32        // process group of the creating process, 0 if the server cannot name it
	Session uint32        // the same of its session (setsid(2))
	Unified string        // path of its control group in the unified hierarchy; "" if it could not be told
}

// recordVersion is the first byte of an encoded record. A reader takes records of its own version and, with more
// bytes behind, of the same version written by a later release: fields are only ever added at the end.
const recordVersion = 1

// recordSize is the length of the shortest encoded record: version 1, identity 8, created 8, pid 4, uid 4, gid 4.
// uptimeEnd is where the uptime ends, and homeEnd where the home ends, which came later. Behind them stands the cgroup,
// and behind it, up to the last of them that there is, Beyond and Unasked, 8 each, and the groups: process group 4, session 4,
// unified cgroup.
const (
	recordSize = 1 + 8 + 8 + 4 + 4 + 4
	uptimeEnd  = recordSize + 8
	homeEnd    = uptimeEnd + 8
	cgroupMost = 4096   // bytes: PATH_MAX
	sameCgroup = 0xffff // in the place of the length of a path: it is that of Cgroup
)

// Encode writes the record, little-endian.
func (r Record) Encode() []byte {
	b := make([]byte, 0, homeEnd+2+len(r.Cgroup)+16+10+len(r.Unified))
	b = append(b, recordVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.ID))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Created.UnixNano()))
	b = binary.LittleEndian.AppendUint32(b, r.PID)
	b = binary.LittleEndian.AppendUint32(b, r.UID)
	b = binary.LittleEndian.AppendUint32(b, r.GID)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Uptime))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Home))
	if len(r.Cgroup) > cgroupMost {
		r.Cgroup = ""
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.Cgroup)))
	b = append(b, r.Cgroup...)
	grouped := r.Group != 0 || r.Session != 0 || r.Unified != ""
	if r.Beyond > 0 || r.Unasked > 0 || grouped {
		b = binary.LittleEndian.AppendUint64(b, uint64(max(r.Beyond, 0)))
	}
	if r.Unasked > 0 || grouped {
		b = binary.LittleEndian.AppendUint64(b, uint64(max(r.Unasked, 0)))
	}
	if grouped {
		b = r.encodeGroups(b)
	}
	return b
}

func (r *Record) encodeGroups(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, r.Group)
	b = binary.LittleEndian.AppendUint32(b, r.Session)
	if r.Unified == r.Cgroup {
		return binary.LittleEndian.AppendUint16(b, sameCgroup)
	}
	if len(r.Unified) > cgroupMost {
		r.Unified = ""
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.Unified)))
	return append(b, r.Unified...)
}

// decodeGroups reads what encodeGroups writes, if it is there.
func (r *Record) decodeGroups(b []byte) {
	if len(b) < 4+4+2 {
		return
	}
	path := b[10:]
	switch n := int(binary.LittleEndian.Uint16(b[8:])); {
	case n == sameCgroup:
		r.Unified = r.Cgroup
	case n <= min(len(path), cgroupMost):
		r.Unified = string(path[:n])
	default:
		return
	}
	r.Group, r.Session = binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
}

// laterVersions is how many versions to come a record is taken to be of, instead of being damaged.
const laterVersions = 16

// LaterRecordError says that a record was written by a release that this one does not know. It wraps IO.
type LaterRecordError struct{ Version byte }

func (e *LaterRecordError) Error() string {
	return fmt.Sprintf("record of version %d, this release reads %d", e.Version, recordVersion)
}

// Unwrap answers what the region's users get.
func (e *LaterRecordError) Unwrap() error { return IO }

// DecodeRecord reads what Encode writes. A record that it cannot read is an error that wraps IO.
func DecodeRecord(b []byte) (Record, error) {
	if len(b) < recordSize {
		return Record{}, fmt.Errorf("record of %d bytes, want at least %d: %w", len(b), recordSize, IO)
	}
	if b[0] > recordVersion && b[0] <= recordVersion+laterVersions {
		return Record{}, &LaterRecordError{b[0]}
	}
	if b[0] != recordVersion {
		return Record{}, fmt.Errorf("record of version %d, this release reads %d: %w", b[0], recordVersion, IO)
	}
	r := Record{
		ID:      ID(binary.LittleEndian.Uint64(b[1:])),
		Created: time.Unix(0, int64(binary.LittleEndian.Uint64(b[9:]))),
		PID:     binary.LittleEndian.Uint32(b[17:]),
		UID:     binary.LittleEndian.Uint32(b[21:]),
		GID:     binary.LittleEndian.Uint32(b[25:]),
	}
	if len(b) >= uptimeEnd {
		r.Uptime = time.Duration(binary.LittleEndian.Uint64(b[recordSize:]))
	}
	if len(b) >= homeEnd+2 {
		n := int(binary.LittleEndian.Uint16(b[homeEnd:]))
		if rest := b[homeEnd+2:]; n <= min(len(rest), cgroupMost) {
			r.Home, r.Cgroup = NodeID(binary.LittleEndian.Uint64(b[uptimeEnd:])), string(rest[:n])
			if rest = rest[n:]; len(rest) >= 8 {
				r.Beyond = max(int64(binary.LittleEndian.Uint64(rest)), 0)
				if rest = rest[8:]; len(rest) >= 8 {
					r.Unasked = max(int64(binary.LittleEndian.Uint64(rest)), 0)
					r.decodeGroups(rest[8:])
				}
			}
		}
	}
	if r.ID == 0 {
		return Record{}, fmt.Errorf("record without an identity: %w", IO)
	}
	return r, nil
}
