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
}

// recordVersion is the first byte of an encoded record. A reader takes records of its own version and, with more
// bytes behind, of the same version written by a later release: fields are only ever added at the end.
const recordVersion = 1

// recordSize is the length of the shortest encoded record: version 1, identity 8, created 8, pid 4, uid 4, gid 4.
// uptimeEnd is where the uptime ends, and homeEnd where the home ends, which came later. Behind them stands the cgroup,
// and behind it, where there is any of them, Beyond and Unasked, 8 each.
const (
	recordSize = 1 + 8 + 8 + 4 + 4 + 4
	uptimeEnd  = recordSize + 8
	homeEnd    = uptimeEnd + 8
	cgroupMost = 4096 // bytes: PATH_MAX
)

// Encode writes the record, little-endian.
func (r Record) Encode() []byte {
	b := make([]byte, 0, homeEnd+2+len(r.Cgroup)+16)
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
	if r.Beyond > 0 || r.Unasked > 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(r.Beyond))
	}
	if r.Unasked > 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(r.Unasked))
	}
	return b
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
				}
			}
		}
	}
	if r.ID == 0 {
		return Record{}, fmt.Errorf("record without an identity: %w", IO)
	}
	return r, nil
}
