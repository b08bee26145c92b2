//go:build linux

package tmpfs

import (
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// trustedUse keeps when a region or a directory was last used, in nanoseconds since the system's boot, little-endian. Without privilege
// it is not kept.
const trustedUse = regions.OwnXattrs + ".used"

// KeepUse keeps when a region was last used.
func (a *Arena) KeepUse(n regions.NodeID, at time.Duration) error {
	if a.recordName != trustedRecord {
		return regions.NotSupported
	}
	return a.withPath(n, func(path string) error {
		return unix.Setxattr(path, trustedUse, binary.LittleEndian.AppendUint64(nil, uint64(at)), 0)
	})
}

// KeptUse answers it.
func (a *Arena) KeptUse(n regions.NodeID) (at time.Duration, err error) {
	if a.recordName != trustedRecord {
		return 0, regions.NoData
	}
	err = a.withPath(n, func(path string) error {
		var b [8]byte
		size, err := unix.Getxattr(path, trustedUse, b[:])
		if err == nil && size != len(b) {
			err = unix.ENODATA
		}
		at = time.Duration(binary.LittleEndian.Uint64(b[:]))
		return err
	})
	return at, err
}

// ForgetUse takes it away. That there is none is no error.
func (a *Arena) ForgetUse(n regions.NodeID) error {
	if a.recordName != trustedRecord {
		return nil
	}
	err := a.withPath(n, func(path string) error { return unix.Removexattr(path, trustedUse) })
	if errors.Is(err, regions.NoData) {
		return nil
	}
	return err
}
