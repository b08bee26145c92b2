package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/tmpfs"
)

// place is where an arena stands, held against other servers: a server that was detached while in use may outlive its
// mount, and must not end the arena of the next one.
type place struct {
	path string
	lock *os.File // the directory of the place, under flock(2)
}

// claimTime is how long a server waits for the one before it, which may be giving back memory.
const claimTime = 10 * time.Second

// claim makes the place and takes it.
func claim(ctx context.Context, path string) (*place, error) {
	ctx, cancel := context.WithTimeout(ctx, claimTime)
	defer cancel()
	for {
		if err := tmpfs.Prepare(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		p, err := tryClaim(path)
		if p != nil || err != nil {
			return p, err
		}
		select {
		case <-ctx.Done():
			return nil, &failure{code: exitMounted, reason: "another server still has the regions of this mount point",
				remedy: "one that was detached ends with the last who holds a region (ps -C shmfs shows it): wait, or mount elsewhere"}
		case <-time.After(pollTime):
		}
	}
}

// tryClaim answers nil if somebody else has the place, or took it away meanwhile.
func tryClaim(path string) (*place, error) {
	dir, err := os.Open(filepath.Dir(path))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &place{path, dir}
	err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil && p.ours() {
		return p, nil
	}
	dir.Close()
	if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
		return nil, os.NewSyscallError("flock", err)
	}
	return nil, nil
}

// ours reports whether the directory is still the one that is locked: a place that was ended and made again is another.
func (p *place) ours() bool {
	locked, err1 := p.lock.Stat()
	now, err2 := os.Stat(filepath.Dir(p.path))
	return err1 == nil && err2 == nil && os.SameFile(locked, now)
}

// release gives the place up, and ends the arena there unless it is to be kept.
func (p *place) release(keep bool) error {
	var err error
	if !keep && p.ours() {
		err = tmpfs.End(p.path)
	}
	return errors.Join(err, p.lock.Close())
}
