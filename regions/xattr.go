package regions

import "strings"

// OwnXattrs is the namespace of extended attributes that arenas keep for themselves; OwnUserXattr is the one that they
// keep where they may not write that.
const (
	OwnXattrs    = "trusted.shmfs"
	OwnUserXattr = "user.shmfs.record"
)

// OwnXattr reports whether an extended attribute is an arena's own: in every arena it reads as not set (NoData), is not
// listed, and cannot be set (NotPermitted).
func OwnXattr(name string) bool {
	return name == OwnUserXattr || name == OwnXattrs || strings.HasPrefix(name, OwnXattrs+".")
}
