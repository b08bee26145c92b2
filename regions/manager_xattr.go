package regions

import "github.com/shmfs/shmfs/regions/accounts"

// countXattr changes an extended attribute by store, to one that has so many bytes with its name. What it gets more must
// be within the limits. The kernel changes those of one node one after the other (Linux fs/xattr.c, vfs_setxattr).
func (m *Manager) countXattr(node NodeID, name string, bytes int64, store func() error) error {
	if !CountedXattr(name) {
		return store()
	}
	m.meetNode(node)
	old := int64(0)
	if value, err := m.Arena.Getxattr(node, name); err == nil {
		old = int64(len(name) + len(value))
	}
	n, more := accounts.Node(node), bytes-old
	if more > 0 {
		if err := m.ask(func() *accounts.Exceeded { return m.accounts.AddXattrs(n, more, false) }); err != nil {
			return err
		}
	}
	err := store()
	switch {
	case err != nil && more > 0:
		m.accounts.AddXattrs(n, -more, true)
	case err == nil && more < 0:
		m.accounts.AddXattrs(n, more, true)
	}
	return err
}

// xattrBytes answers how many bytes of extended attributes of a node count.
func (m *Manager) xattrBytes(node NodeID) (bytes int64) {
	names, err := m.Arena.Listxattr(node)
	if err != nil {
		return 0
	}
	for _, name := range names {
		if !CountedXattr(name) {
			continue
		}
		if value, err := m.Arena.Getxattr(node, name); err == nil {
			bytes += int64(len(name) + len(value))
		}
	}
	return bytes
}
