package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/regions"
)

func gcCommand(sh *shell) *cli.Command {
	var o gcOptions
	return &cli.Command{
		Name:      "gc",
		Usage:     "show which regions end by themselves, when and why, or end some now",
		ArgsUsage: "[PATH]",
		Description: describe(`Without a flag it shows each region that has a lifetime other than manual. PATH is a mount point
or anything below one; where only one shmfs is mounted it may be left out. What is pinned, or in use, is never ended.`,
			"shmfs gc /mnt/shm", "shmfs gc --orphans --dry-run", "shmfs gc --run 2026-11-23T0200",
			"shmfs gc --below /mnt/shm/jobs/7"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "now", Usage: "do not wait for grace periods", Destination: &o.now},
			&cli.BoolFlag{Name: "orphans", Usage: "end what has lost its owner, whatever its lifetime", Destination: &o.orphans},
			&cli.StringFlag{Name: "run", Usage: "end what has the label run=`ID`", Destination: &o.run},
			&cli.BoolFlag{Name: "runs", Usage: "end what is left of runs whose processes are gone", Destination: &o.runs},
			&cli.BoolFlag{Name: "below", Usage: "end all regions at or below PATH", Destination: &o.below},
			&cli.BoolFlag{Name: "dry-run", Usage: "only print what would end", Destination: &o.dry},
			jsonFlag(&o.json, "an array of objects with the keys of .ctl/gc; with --dry-run, with path"),
		},
		Action: func(c *cli.Context) error {
			if err := atMost(c, 1); err != nil {
				return err
			}
			if c.IsSet("run") && o.run == "" {
				return usageError("see shmfs gc --help", "--run needs the name of a run")
			}
			o.path = c.Args().First()
			return o.do(c.Context, sh)
		},
	}
}

type gcOptions struct {
	path, run                            string
	now, orphans, runs, below, dry, json bool
}

// command answers what is to be written to `.ctl/gc`, "" for nothing.
func (o gcOptions) command(path string) (string, error) {
	said := 0
	for _, b := range []bool{o.now, o.orphans, o.run != "", o.runs, o.below} {
		if b {
			said++
		}
	}
	switch {
	case said > 1:
		return "", usageError("see shmfs gc --help", "only one of --now, --orphans, --run, --runs and --below at a time")
	case o.dry && (said == 0 || o.now):
		return "", usageError("see shmfs gc --help", "--dry-run goes with --orphans, --run, --runs or --below")
	case o.now:
		return "run", nil
	case o.run != "":
		return "run=" + o.run, nil
	case o.runs:
		return "runs", nil
	case o.orphans:
		return "orphans", nil
	case o.below && o.path == "":
		return "", usageError("see shmfs gc --help", "--below needs a path")
	case o.below:
		return control.CollectBelow("/" + path), nil
	}
	return "", nil
}

func (o gcOptions) do(ctx context.Context, sh *shell) error {
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return err
	}
	command, err := o.command(at.path)
	switch {
	case err != nil:
		return err
	case command == "":
		return o.show(ctx, sh, at)
	case !o.dry:
		none, err := ask(ctx, at.Mountpoint, func() (bool, error) { return o.run != "" && at.nothingOf(command), at.Collect(command) })
		if err == nil && none {
			fmt.Fprintf(sh.err, "nothing on %s has the label %s, or it is in use\n", printable(at.Mountpoint), printable(command))
		}
		return err
	}
	about := at.Mountpoint
	if o.below {
		about = o.path
	}
	paths, err := ask(ctx, about, func() ([]string, error) { return at.WouldCollect(command) })
	if err == nil && o.json {
		return sh.printJSON(wouldEnd(paths))
	}
	for _, p := range paths {
		fmt.Fprintln(sh.out, printable(p))
	}
	return err
}

// nothingOf reports whether it is known that a command ends nothing.
func (a asked) nothingOf(command string) bool {
	paths, err := a.WouldCollect(command)
	return err == nil && len(paths) == 0
}

// wouldEnd is what --dry-run prints as JSON: an object a path.
func wouldEnd(paths []string) []map[string]string {
	all := make([]map[string]string, len(paths))
	for i, p := range paths {
		all[i] = map[string]string{"path": p}
	}
	return all
}

func (o gcOptions) show(ctx context.Context, sh *shell, at asked) error {
	all, err := ask(ctx, at.Mountpoint, at.Cares)
	if err != nil {
		return err
	}
	if o.json {
		return sh.printJSON(all)
	}
	out := bufio.NewWriter(sh.out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LIFETIME\tSTATE\tOWNER\tENDS\tPATH")
	for _, x := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", x.Lifetime, x.State, ownerOf(&x), sh.deadline(x.Deadline), printable(x.Path))
	}
	return errors.Join(w.Flush(), out.Flush())
}

func ownerOf(x *control.Care) string {
	who := ownerName(x.OwnerKind, x.Owner)
	if who == "-" && x.OwnerPID != 0 { // told by an earlier release
		who = strconv.FormatInt(x.OwnerPID, 10)
	}
	if who != "-" && x.OwnerGone {
		who += " (gone)"
	}
	return who
}

// ownerName is a number for a process, and begins with a word for any other owner.
func ownerName(kind, name string) string {
	switch {
	case name == "":
		return "-"
	case kind == regions.OwnerProcess.String():
		return name
	}
	return kind + " " + printable(name)
}

// deadline tells how far away a time is.
func (sh *shell) deadline(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return "in " + max(t.Sub(sh.now()), 0).Round(100*time.Millisecond).String()
}
