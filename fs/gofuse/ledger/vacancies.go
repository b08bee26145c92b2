//go:build linux

package ledger

import (
	"sync"
	"sync/atomic"
)

// vacancies are the records of a section that are free.
type vacancies struct {
	mu    sync.Mutex // guards free, and stores to used; nothing is taken below it
	free  []uint32
	used  *atomic.Uint64 // records that were used at some time: those behind are free, too. nil: free has all that are
	count uint64
}

func (v *vacancies) take() (uint32, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := len(v.free); n > 0 {
		i := v.free[n-1]
		v.free = v.free[:n-1]
		return i, true
	}
	if v.used == nil || v.used.Load() >= v.count {
		return 0, false
	}
	return uint32(v.used.Add(1) - 1), true
}

func (v *vacancies) give(i uint32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.free = append(v.free, i)
}
