package fs

import (
	"fmt"
	"strconv"

	"github.com/shmfs/shmfs/regions"
)

// ownerOf reads what a caller writes to regions.OwnerXattr: the caller itself, and numbers as the caller sees them, which are
// others than the server's in another pid namespace.
func (t *Tree) ownerOf(c Caller, value []byte) ([]byte, error) {
	if string(value) == "self" {
		pid := t.processOf(c.PID)
		if pid == 0 {
			return nil, &regions.Refusal{Code: regions.Invalid, Reason: "nobody here knows which process that is: " +
				"it runs in a pid namespace that is not below the server's",
				Remedy: "hand it to a process that runs where the server does, or below that"}
		}
		return strconv.AppendUint(nil, uint64(pid), 10), nil
	}
	if t.numberOf == nil {
		return value, nil
	}
	s, err := regions.TranslateOwner(string(value), func(kind regions.OwnerKind, id uint32) (uint32, error) {
		if here := t.numberOf(c.PID, kind, id); here != 0 {
			return here, nil
		}
		return 0, &regions.Refusal{Code: regions.Invalid,
			Reason: fmt.Sprintf("in the pid namespace of who asks there is no %s, or the server cannot see it",
				regions.WhoOwns{Kind: kind, ID: id}),
			Remedy: "write a number as it is in that namespace; or have it set by somebody in the namespace of the server"}
	})
	return []byte(s), err
}
