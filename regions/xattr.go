package regions

import "strings"

// OwnXattrs is the namespace of extended attributes that arenas keep for themselves; OwnUserXattr is the one that they
// keep where they may not write that.
const (
	OwnXattrs    = "trusted.shmfs"
	OwnUserXattr = "user.shmfs.record"
)

// CountedXattr reports whether an extended attribute counts against limits: those that programs set, by themselves, in the
// namespaces user and trusted, but for settings of ours.
func CountedXattr(name string) bool {
	return (strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.")) && !OwnXattr(name) &&
		!strings.HasPrefix(name, "user.shmfs.")
}

// OwnXattr reports whether an extended attribute is an arena's own: in every arena it reads as not set (NoData), is not
// listed, and cannot be set (NotPermitted).
func OwnXattr(name string) bool {
	return name == OwnUserXattr || name == OwnXattrs || strings.HasPrefix(name, OwnXattrs+".")
}
