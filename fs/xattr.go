package fs

import "github.com/shmfs/shmfs/regions"

// Getxattr reads an extended attribute: NoData if it is not set.
func (t *Tree) Getxattr(n regions.NodeID, name string) ([]byte, error) {
	if n.Virtual() {
		return nil, regions.NoData
	}
	return t.arena.Getxattr(n, name)
}

// Setxattr sets an extended attribute.
func (t *Tree) Setxattr(n regions.NodeID, name string, value []byte, flags regions.XattrFlags) error {
	if n.Virtual() {
		return regions.NotSupported
	}
	return t.arena.Setxattr(n, name, value, flags)
}

// Removexattr removes an extended attribute: NoData if it is not set.
func (t *Tree) Removexattr(n regions.NodeID, name string) error {
	if n.Virtual() {
		return regions.NotSupported
	}
	return t.arena.Removexattr(n, name)
}

// Listxattr lists the names of extended attributes. It lists those of the trusted namespace to everybody: a front end
// hides them from callers without CAP_SYS_ADMIN (xattr(7)), which only it can ask for.
func (t *Tree) Listxattr(n regions.NodeID) ([]string, error) {
	if n.Virtual() {
		return nil, nil
	}
	return t.arena.Listxattr(n)
}
