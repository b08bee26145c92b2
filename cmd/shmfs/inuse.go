package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// releaseTime is how long after its last user a region may still count as in use: the kernel tells the server of a
// close when it comes to it (RELEASE, fuse(4)).
const releaseTime = time.Second

// inUse refuses to unmount while a region is in use. The kernel does so for what is held through this mount; a region
// that is held through an earlier one, whose server died, does not keep this one from going, and would end with it.
func (o umountOptions) inUse(ctx context.Context, sh *shell, s server) error {
	all, _ := sh.finder.holders(s.Mountpoint) // without them there is still the reason
	for left := releaseTime; left > 0 && s.inUse > 0 && len(all) == 0; left -= pollTime {
		time.Sleep(pollTime)
		again, err := sh.serverOf(ctx, s.Mountpoint)
		if err != nil {
			return err
		}
		s.inUse = again.inUse
	}
	switch {
	case s.inUse == 0:
		return nil
	case len(all) > 0:
		below, _ := sh.finder.below(s.Mountpoint)
		return busy(s.Mountpoint, all, below)
	}
	names, err := ask(ctx, s.Mountpoint, s.used)
	if err != nil {
		return err
	}
	return sh.heldBefore(s.Mountpoint, names)
}

// used answers the names of the regions in use.
func (s server) used() ([]string, error) {
	var names []string
	for r, err := range s.Regions("") {
		if err != nil {
			return nil, err
		}
		if r.InUse {
			names = append(names, r.Path)
		}
	}
	return names, nil
}

// heldBefore is the refusal to end regions that somebody holds through an earlier mount of the same place.
func (sh *shell) heldBefore(point string, names []string) error {
	const most = 10 // names; the count tells of the rest
	all, _ := sh.finder.earlier(names)
	var b strings.Builder
	if len(all) == 0 {
		for _, n := range names[:min(most, len(names))] {
			fmt.Fprintf(&b, "  in use: %s\n", printable("/"+n))
		}
	}
	writeHolders(&b, all) // into memory: cannot fail
	b.WriteString("they are held through an earlier mount of this place, and would end with this one\n")
	b.WriteString("to take it away all the same: shmfs umount --lazy " + printable(point))
	return &failure{code: exitBusy, remedy: b.String(),
		reason: fmt.Sprintf("%s is busy: %s in use", printable(point), count(len(names), "region"))}
}

// abandoned refuses to end the regions of a mount that has lost its server while somebody holds one.
func (sh *shell) abandoned(ctx context.Context, point string) error {
	names, err := sh.unmounter.inUse(ctx, point)
	if err != nil || len(names) == 0 {
		return err
	}
	if all, _ := sh.finder.holders(point); len(all) > 0 {
		return busy(point, all, nil)
	}
	return sh.heldBefore(point, names)
}
