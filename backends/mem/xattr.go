package mem

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

const (
	xattrNameMax  = 255
	xattrValueMax = 64 << 10
	accessName    = "system.posix_acl_access"
	defaultName   = "system.posix_acl_default"
)

func isACL(name string) bool { return name == accessName || name == defaultName }

// checkXattr refuses names that tmpfs does not keep (Linux fs/xattr.c, xattr_resolve_name), and those in the user.
// namespace of anything but regions and directories, for which refusal is the answer (xattr_permission). For a name of
// the arena's own the answer is own.
func (n *node) checkXattr(name string, value []byte, refusal, own error) error {
	switch {
	case name == "" || len(name) > xattrNameMax:
		return regions.Range
	case len(value) > xattrValueMax:
		return regions.TooBig
	case regions.OwnXattr(name):
		return own
	}
	if isACL(name) {
		return nil
	}
	namespace, rest, found := strings.Cut(name, ".")
	switch {
	case !found || namespace != "user" && namespace != "trusted" && namespace != "security":
		return regions.NotSupported
	case namespace == "user" && n.dir == nil && !n.isRegion():
		return refusal
	case rest == "" || strings.Contains(rest, "\x00"):
		return regions.Invalid
	}
	return nil
}

// Getxattr reads an extended attribute.
func (a *Arena) Getxattr(id regions.NodeID, name string) ([]byte, error) {
	n, err := a.get(id)
	if err != nil {
		return nil, err
	}
	if err := n.checkXattr(name, nil, regions.NoData, regions.NoData); err != nil {
		return nil, err
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	if isACL(name) {
		return n.getACL(name)
	}
	value, ok := n.xattrs[name]
	if !ok {
		return nil, regions.NoData
	}
	return bytes.Clone(value), nil
}

// Setxattr sets an extended attribute. For ACLs, XattrCreate and XattrReplace are ignored, as the kernel does.
func (a *Arena) Setxattr(id regions.NodeID, name string, value []byte, flags regions.XattrFlags) error {
	n, err := a.get(id)
	if err != nil {
		return err
	}
	if flags&^(regions.XattrCreate|regions.XattrReplace|regions.XattrKillSetGID) != 0 {
		return regions.Invalid
	}
	if err := n.checkXattr(name, value, regions.NotPermitted, regions.NotPermitted); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if isACL(name) {
		err = n.setACL(name, value, flags&regions.XattrKillSetGID != 0)
	} else {
		err = a.setPlain(n, name, value, flags)
	}
	if err == nil {
		n.attr.Ctime = a.now()
	}
	return err
}

// setPlain sets what is no ACL. The new value's space is taken before all else, as in tmpfs (Linux mm/shmem.c,
// shmem_xattr_handler_set). The caller holds n.mu.
func (a *Arena) setPlain(n *node, name string, value []byte, flags regions.XattrFlags) error {
	if n.gone {
		return regions.Stale
	}
	space := xattrSpace(name, value)
	if err := a.limits.takeSpace(space); err != nil {
		return err
	}
	old, exists := n.xattrs[name]
	switch {
	case exists && flags&regions.XattrCreate != 0:
		a.limits.giveSpace(space)
		return regions.Exists
	case !exists && flags&regions.XattrReplace != 0:
		a.limits.giveSpace(space)
		return regions.NoData
	case exists:
		a.limits.giveSpace(xattrSpace(name, old))
	}
	if n.xattrs == nil {
		n.xattrs = map[string][]byte{}
	}
	n.xattrs[name] = append([]byte{}, value...)
	return nil
}

// Removexattr removes an extended attribute. An ACL that is not there is removed without complaint.
func (a *Arena) Removexattr(id regions.NodeID, name string) error {
	n, err := a.get(id)
	if err != nil {
		return err
	}
	if err := n.checkXattr(name, nil, regions.NotPermitted, regions.NoData); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if isACL(name) {
		err = n.setACL(name, nil, false)
	} else {
		err = a.removePlain(n, name)
	}
	if err == nil {
		n.attr.Ctime = a.now()
	}
	return err
}

func (a *Arena) removePlain(n *node, name string) error {
	old, exists := n.xattrs[name]
	if !exists {
		return regions.NoData
	}
	delete(n.xattrs, name)
	a.limits.giveSpace(xattrSpace(name, old))
	return nil
}

// Listxattr lists the names of extended attributes: ACLs, then the others sorted.
func (a *Arena) Listxattr(id regions.NodeID) ([]string, error) {
	n, err := a.get(id)
	if err != nil {
		return nil, err
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	var names []string
	if n.access != nil {
		names = append(names, accessName)
	}
	if n.defaultACL != nil {
		names = append(names, defaultName)
	}
	return append(names, slices.Sorted(maps.Keys(n.xattrs))...), nil
}

// getACL answers an ACL as an extended attribute. The caller holds n.mu.
func (n *node) getACL(name string) ([]byte, error) {
	if n.kind == regions.TypeSymlink {
		return nil, regions.NotSupported
	}
	l := n.access
	if name == defaultName {
		l = n.defaultACL
	}
	if l == nil {
		return nil, regions.NoData
	}
	return l.encode(), nil
}

// setACL sets or, with no entries, removes an ACL (Linux fs/posix_acl.c, do_set_acl to simple_set_acl). The caller
// holds n.mu.
func (n *node) setACL(name string, value []byte, killSetGID bool) error {
	l, err := parseACL(value)
	switch {
	case err != nil:
		return err
	case n.kind == regions.TypeSymlink:
		return regions.NotSupported
	case name == defaultName && n.dir == nil && l != nil:
		return regions.AccessDenied
	case l != nil && !l.valid():
		return regions.Invalid
	case name == defaultName:
		n.defaultACL = l
		return nil
	}
	if l != nil {
		n.attr.Mode = l.mode(n.attr.Mode)
		if l.isMinimal() {
			l = nil
		}
	}
	if killSetGID {
		n.attr.Mode &^= regions.ModeSetGID
	}
	n.access = l
	return nil
}
