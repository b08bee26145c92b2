package mem

import "github.com/shmfs/shmfs/regions"

// Getattr reads attributes.
func (a *Arena) Getattr(id regions.NodeID) (regions.Attr, error) {
	n, err := a.get(id)
	if err != nil {
		return regions.Attr{}, err
	}
	return n.stat(), nil
}

// Record reads what shmfs keeps about a node.
func (a *Arena) Record(id regions.NodeID) (regions.Record, error) {
	n, err := a.get(id)
	if err != nil {
		return regions.Record{}, err
	}
	if n.record == (regions.Record{}) {
		return regions.Record{}, regions.NoData
	}
	return n.record, nil
}

// Setattr sets attributes: all of them or, if one is refused, none.
func (a *Arena) Setattr(id regions.NodeID, c regions.Change) (regions.Attr, error) {
	n, err := a.get(id)
	if err != nil {
		return regions.Attr{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.checkChange(&c); err != nil {
		return regions.Attr{}, err
	}
	if c.Set == 0 {
		return n.statLocked(), nil
	}
	now := a.now()
	n.attr.Ctime = now
	n.changeOwner(&c)
	n.changeMode(&c)
	if c.Set&regions.SetSize != 0 {
		if err := a.truncate(n, c.Size, now); err != nil {
			return regions.Attr{}, err
		}
	}
	n.changeTimes(&c, now)
	return n.statLocked(), nil
}

func (n *node) checkChange(c *regions.Change) error {
	if c.Set&regions.SetMode != 0 && n.kind == regions.TypeSymlink {
		return regions.NotSupported // Linux fs/attr.c, notify_change, since 6.6
	}
	if c.Set&regions.SetSize == 0 {
		return nil
	}
	switch {
	case c.Size < 0:
		return regions.Invalid
	case n.dir != nil:
		return regions.IsDir
	case !n.isRegion():
		return regions.Invalid
	}
	return nil
}

// changeOwner sets the owner. It takes set-user-id, and set-group-id of an executable, from all but directories, even
// if the owner stays the same (Linux fs/open.c, chown_common).
func (n *node) changeOwner(c *regions.Change) {
	if c.Set&(regions.SetUID|regions.SetGID) == 0 {
		return
	}
	if c.Set&regions.SetUID != 0 {
		n.attr.UID = c.UID
	}
	if c.Set&regions.SetGID != 0 {
		n.attr.GID = c.GID
	}
	if n.dir == nil {
		n.attr.Mode = killed(n.attr.Mode)
	}
}

// killed is regions.KilledMode for every type.
func killed(mode uint32) uint32 {
	mode &^= regions.ModeSetUID
	if mode&0o010 != 0 {
		mode &^= regions.ModeSetGID
	}
	return mode
}

// changeMode sets permission bits, and with them the access ACL's own copy of them (Linux fs/posix_acl.c,
// posix_acl_chmod).
func (n *node) changeMode(c *regions.Change) {
	switch {
	case c.Set&regions.SetMode != 0:
		n.attr.Mode = n.kind | c.Mode&regions.ModePerm
		n.access = n.access.withMode(n.attr.Mode)
	case c.Set&regions.KillPrivileges != 0:
		n.attr.Mode = regions.KilledMode(n.attr.Mode)
	}
}

func (n *node) changeTimes(c *regions.Change, now regions.Timestamp) {
	switch {
	case c.Set&regions.SetAtimeNow != 0:
		n.attr.Atime = now
	case c.Set&regions.SetAtime != 0:
		n.attr.Atime = c.Atime
	}
	switch {
	case c.Set&regions.SetMtimeNow != 0:
		n.attr.Mtime = now
	case c.Set&regions.SetMtime != 0:
		n.attr.Mtime = c.Mtime
	}
}
