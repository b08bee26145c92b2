package regions

import "sync"

// nameLocks keep what stands at a name while we take it away ourselves. Requests that change names share the lock of
// their directory, because the kernel keeps them apart already; who ends a region has it alone. Taken below the lock of
// directories that are moved, above all others.
type nameLocks [64]sync.RWMutex

// share takes the locks of two directories, or of one, in the order of their index.
func (l *nameLocks) share(a, b NodeID) (unlock func()) {
	low, high := shardIndex(a), shardIndex(b)
	low, high = min(low, high), max(low, high)
	l[low].RLock()
	if low == high {
		return l[low].RUnlock
	}
	l[high].RLock()
	return func() {
		l[high].RUnlock()
		l[low].RUnlock()
	}
}

// alone takes the lock of a directory.
func (l *nameLocks) alone(dir NodeID) (unlock func()) {
	x := &l[shardIndex(dir)]
	x.Lock()
	return x.Unlock
}
