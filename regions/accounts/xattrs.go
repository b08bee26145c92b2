package accounts

// AddXattrs counts bytes of extended attributes that a node gets, or loses if they are negative: in its directories, those
// of a directory in itself too, and for its owners. Those of the root are not counted.
func (b *Book) AddXattrs(n Node, bytes int64, force bool) *Exceeded {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.dirs[n]; a != nil && a != b.root {
		var c changes
		c.begin()
		c.addAbove(a, Amount{Bytes: bytes})
		e := b.apply(&c, force)
		if e == nil {
			a.xattrs += bytes
		}
		return e
	}
	f := b.files[n]
	if f == nil {
		return nil
	}
	by := Amount{Bytes: bytes}
	if f.nameless {
		by.Unlinked = bytes
	}
	e := b.charge(f, by, force)
	if e == nil {
		f.setXattrs(f.rare().xattrs + bytes)
	}
	return e
}
