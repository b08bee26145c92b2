package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/regions"
)

// latest is how many of a region's last events are shown.
const latest = 16

// eventsOf answers the last events of a region that are kept, and can be read.
func (a asked) eventsOf(node string) []control.Told {
	told := []control.Told{}
	f, err := a.Events()
	if err != nil {
		return told
	}
	defer f.Close()
	for e, err := range control.ReadEvents(f) {
		if err == nil && e.Node == node {
			told = append(told, control.Told{Time: e.Time, Event: e.Event, Reason: e.Reason})
		}
	}
	return told[max(0, len(told)-latest):]
}

// pastBelow is past for a path that leads nowhere any more: it is looked for from the nearest directory that is there.
func (o showOptions) pastBelow(ctx context.Context, sh *shell, notThere error) error {
	full, err := filepath.Abs(o.path)
	if err != nil || codeOf(notThere) != exitNotFound {
		return notThere
	}
	for dir := filepath.Dir(full); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		at, err := sh.open(ctx, dir)
		if err != nil {
			continue
		}
		rest, err := filepath.Rel(dir, full)
		if err != nil {
			return notThere
		}
		at.path = filepath.Join(at.path, rest)
		_, err = ask(ctx, o.path, func() (struct{}, error) { return struct{}{}, o.past(sh, at, notThere) })
		return err
	}
	return notThere
}

// past shows what ended at a path, in the place of the failure that nothing is there.
func (o showOptions) past(sh *shell, at asked, notThere error) error {
	if codeOf(notThere) != exitNotFound && !errors.Is(notThere, fs.ErrNotExist) {
		return notThere
	}
	all, err := at.History(at.path)
	if err != nil {
		return notThere
	}
	here := []control.Past{}
	for _, x := range all {
		if x.Path == at.path {
			here = append(here, x)
		}
	}
	switch {
	case len(here) == 0:
		return notThere
	case o.json:
		return sh.printJSON(here[0])
	}
	return sh.describePast(&here[0], len(here))
}

func (sh *shell) describePast(x *control.Past, times int) error {
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	line("path", "%s, which is not there any more", printable(x.Path))
	line("id", "%s", printable(orDash(x.ID)))
	line("size", "%s (%d bytes)", regions.FormatSize(x.Size), x.Size)
	line("created", "%s, by %s", sh.moment(x.Created),
		creator(control.Region{CreatorPID: x.CreatorPID, CreatorUID: x.CreatorUID}, owners{}))
	line("ended", "%s, %s", sh.moment(x.Ended), endOf(x))
	if times > 1 {
		line("ended here", "%s", count(times, "region"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return sh.writeTold(x.Events)
}

func endOf(x *control.Past) string {
	if x.PID == nil || *x.PID == 0 {
		return printable(x.Reason)
	}
	return fmt.Sprintf("%s by pid %d", printable(x.Reason), *x.PID)
}

// writeTold writes what happened to a region.
func (sh *shell) writeTold(all []control.Told) error {
	if len(all) == 0 {
		return nil
	}
	fmt.Fprintln(sh.out, "what happened")
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	for _, e := range all {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", e.Time.Local().Format(time.DateTime), e.Event, orDash(printable(e.Reason)))
	}
	return w.Flush()
}
