package accounts

import "maps"

// What a region grew by without asking counts as any other promise, and is none: nobody was told that it will be there.
// As long as the mount has room for it that makes no difference. What the mount has no room for is unasked: it counts, so
// that nobody gets more, and is not kept for anybody.

// Overrun is by how much more is promised than the mount has, in bytes.
type Overrun struct {
	Size  int64 // of the mount; 0 if it has none, or holes count nothing
	By    int64 // with what is reserved; 0 if there is room
	Asked int64 // promised because somebody asked for it: what must be there
	Kept  int64 // reserved and not used
}

// Overrun answers whether the mount is overrun, and whether that is known: not while what was there before is being found.
// Where there is room again, what was unasked is a promise like others from then on.
func (b *Book) Overrun() (o Overrun, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.root.settings.Bytes == 0 || b.over {
		return Overrun{}, true
	}
	o.Size = b.root.settings.Bytes
	if b.adopting {
		return o, false
	}
	o.By = max(b.root.committed()-o.Size, 0)
	if o.By == 0 {
		clear(b.unasked)
		b.unaskedSum = 0
	}
	o.Asked, o.Kept = b.root.used.Bytes-b.unaskedSum, b.root.slack
	return o, true
}

// Unasked answers which regions grew by how many bytes without asking where there was no room.
func (b *Book) Unasked() map[Node]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.unasked)
}

// Asked answers how much a region is promised because somebody asked for it; 0 where holes count nothing.
func (b *Book) Asked(n Node) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[n]
	if f == nil || !f.region || b.overcommitted(f.home) {
		return 0
	}
	return f.promised - b.unasked[n]
}

// Regions calls yield for every region, with a name or without, until that answers false. The book is not locked meanwhile;
// what comes after the beginning may be missed.
func (b *Book) Regions(yield func(n Node) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, f := range b.files {
		if !f.region {
			continue
		}
		b.mu.Unlock()
		more := yield(n)
		b.mu.Lock()
		if !more {
			return
		}
	}
}

// HolesAreFree reports whether there is a directory in which holes count nothing, on a mount where they do elsewhere.
func (b *Book) HolesAreFree() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.overs > 0 && !b.over
}

// notice takes note of how much more, or less, a file was found to be promised than anybody knew.
func (b *Book) notice(n Node, f *file, more int64) {
	was := b.unasked[n]
	now := max(was+min(more, 0), 0) // what came last goes first
	if more > 0 {
		if size := b.root.settings.Bytes; size == 0 || !f.region || b.adopting {
			return
		} else if over := b.root.committed() - size; over > 0 {
			now = was + min(more, over)
		}
	}
	b.setUnasked(n, now)
}

func (b *Book) setUnasked(n Node, bytes int64) {
	b.unaskedSum += bytes - b.unasked[n]
	if bytes == 0 {
		delete(b.unasked, n)
	} else {
		b.unasked[n] = bytes
	}
}

// countOver counts a directory that says that holes count nothing, by 1 or -1.
func (b *Book) countOver(a *account, by int) {
	if a.settings.Overcommit == OvercommitOn {
		b.overs += by
	}
}
