package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shmfs/shmfs/backends/tmpfs"
)

var _ checker = linuxMounter{}

func newChecker() checker { return linuxMounter{} }

// check finds the places, and those of them that are mounted.
func (linuxMounter) check(ctx context.Context, sh *shell, path string, repair bool, report func(checked) error) error {
	places, err := tmpfs.Places(os.Geteuid())
	if err != nil && path == "" {
		return err
	}
	points := map[string]string{} // of mounts, by place
	if mounted, err := sh.finder.points(); err == nil {
		for _, p := range mounted {
			points[tmpfs.Place(p, os.Geteuid())] = p
		}
	}
	if path != "" {
		place, point, err := placeOf(sh, path, places)
		if err != nil {
			return err
		}
		places, points[place] = []string{place}, point
	}
	for _, place := range places {
		c := &checkup{place: place, repair: repair, asked: path != "", checked: checked{Arena: place, MountPoint: points[place]}}
		if point := points[place]; point != "" {
			_, err := sh.finder.point(point)
			c.mounted = err == nil
		}
		if err := c.run(ctx); err != nil {
			return err
		}
		if err := report(c.checked); err != nil {
			return err
		}
	}
	if path != "" {
		return nil
	}
	return reportLedgers(sh, report)
}

// placeOf answers the place that a path names: the place itself, or what is or was mounted there.
func placeOf(sh *shell, path string, places []string) (place, point string, err error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return "", "", adrift(err)
	}
	for _, p := range places {
		if full == p || full == filepath.Dir(p) {
			return p, "", nil
		}
	}
	point, err = sh.finder.point(full)
	if err != nil { // nothing is mounted there now
		if point, err = filepath.EvalSymlinks(full); err != nil {
			return "", "", explain(path, err)
		}
	}
	place = tmpfs.Place(point, os.Geteuid())
	if _, err := os.Lstat(filepath.Dir(place)); errors.Is(err, fs.ErrNotExist) {
		return "", "", &failure{code: exitNotFound, reason: "no mount at " + point + " has left anything",
			remedy: "what others have left: shmfs fsck"}
	}
	return place, point, nil
}

// checkup is the check of one place.
type checkup struct {
	checked
	place   string
	repair  bool
	asked   bool // for this very place
	mounted bool // dead or alive
}

func (c *checkup) run(ctx context.Context) error {
	lock, err := tryClaim(c.place)
	if err != nil {
		return err
	}
	c.State = "left"
	switch {
	case lock == nil:
		c.State = "served"
		if c.repair && c.asked {
			return &failure{code: exitMounted, reason: printable(c.place) + " is served at the moment: it is not mended",
				remedy: "shmfs umount --keep, then again; or without --repair to look only"}
		}
		c.repair = false
	case c.mounted:
		c.State = "dead"
	}
	if lock != nil {
		defer lock.lock.Close()
	}
	if standing(c.place) {
		if err := c.arena(ctx); err != nil && (c.asked || standing(c.place)) {
			return err // and not because its mount has just ended
		}
	}
	if lock == nil {
		return nil
	}
	if c.State == "left" && c.Regions+c.Directories+c.OtherNodes > 0 {
		c.note("kept", c.place, "no mount has it now", "the next mount at the same place has what is in it")
	}
	for _, f := range tmpfs.CheckPlace(c.place, c.mounted) {
		c.add(f)
	}
	return nil
}

// arena holds regions against their records.
func (c *checkup) arena(ctx context.Context) error {
	open := tmpfs.Attach
	if os.Geteuid() != 0 {
		open = tmpfs.Directory
	}
	a, err := open(c.place)
	if err != nil {
		return arenaFailure(err, "")
	}
	defer a.Close()
	all, err := a.Check(ctx)
	if err == nil && c.State == "served" && len(all.Findings) > 0 {
		all, err = confirmed(ctx, a, all)
	}
	if err != nil {
		return fmt.Errorf("check %s: %w", c.place, err)
	}
	c.Regions, c.Directories, c.OtherNodes, c.Bytes = all.Regions, all.Directories, all.Others, all.Bytes
	c.Nameless = all.Nameless
	for _, path := range all.Closed {
		c.note("closed", path, "it is closed to its own owner, and was not looked into", "chmod u+rx")
	}
	for _, f := range all.Findings {
		c.add(f)
	}
	return nil
}

// confirmed looks again at what a server may have been at: what is wrong stays wrong.
func confirmed(ctx context.Context, a *tmpfs.Arena, first tmpfs.Checked) (tmpfs.Checked, error) {
	before := map[string]tmpfs.FindingKind{}
	for _, f := range first.Findings {
		before[f.Path] = f.Kind
	}
	again, err := a.Check(ctx)
	var both []tmpfs.Finding
	for _, f := range again.Findings {
		if before[f.Path] == f.Kind {
			both = append(both, f)
		}
	}
	again.Findings = both
	return again, err
}

func (c *checkup) note(kind, path, found, advice string) {
	c.Findings = append(c.Findings, finding{Kind: kind, Path: path, Found: found, Advice: advice, State: stateNote})
}

// add takes a finding, and mends it if that is wanted.
func (c *checkup) add(f tmpfs.Finding) {
	x := finding{Kind: string(f.Kind), Path: f.Path, Found: f.Found, Mend: f.Mend, State: stateFound}
	switch {
	case f.Mend == "":
		x.State, x.Advice = stateLeft, adviceOn(f.Kind)
	case c.repair:
		x.State = stateMended
		if err := f.Mended(); err != nil {
			x.State, x.Mend, x.Advice = stateLeft, "", "it cannot be mended: "+err.Error()
		}
	}
	c.Findings = append(c.Findings, x)
}

func adviceOn(k tmpfs.FindingKind) string {
	switch k {
	case tmpfs.LaterRecord:
		return "a later release wrote it: use that one"
	case tmpfs.ForeignEntry:
		return "see what it is, and move it away"
	}
	return ""
}

// reportLedgers tells of ledgers whose keeper is gone: somebody else holds them, and their mount has ended.
func reportLedgers(sh *shell, report func(checked) error) error {
	lost, err := lostLedgers(sh.root)
	if err != nil || len(lost) == 0 {
		return err
	}
	var c checked
	for _, l := range lost {
		f := finding{Kind: "lost-ledger", Path: fmt.Sprintf("/proc/%d/fd/%s", l.pid, l.fd), State: stateLeft,
			Found:  fmt.Sprintf("pid %d (%s) holds the ledger of a keeper that is gone (pid %d)", l.pid, l.command, l.keeper),
			Advice: "the mount has ended: end that process"}
		if l.pid == 1 {
			f.State, f.Advice = stateNote, "the service manager keeps it for the next keeper"
		}
		c.Findings = append(c.Findings, f)
	}
	return report(c)
}
