package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/regions"
)

func lsCommand(sh *shell) *cli.Command {
	var o lsOptions
	return &cli.Command{
		Name:      "ls",
		Usage:     "list regions, those in directories below too",
		ArgsUsage: "[PATH]",
		Description: describe(`PATH is a mount point or anything below one; where only one shmfs is mounted it may be left
out. Paths are relative to the mount point. A region of several names is listed once.

Terms of --filter are separated by blanks, and all of them must hold; double quotes keep blanks together. Sizes take K, M,
G and T, age and idle durations such as 90s, 10m, 3h and 2d, created and used a date or a time such as 2030-01-31T12:00,
in_use yes or no. A pattern without a slash is matched against the last name of the path; ** is any number of
directories.`,
			"shmfs ls /mnt/shm --sort resident",
			"shmfs ls --filter 'jobs/** size>1G in_use=no idle>2h'",
			"shmfs ls /mnt/shm/jobs --json"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "sort", Value: "name", Destination: &o.sort, Usage: "sort by `COLUMN`: " + join(sortable())},
			&cli.BoolFlag{Name: "reverse", Aliases: []string{"r"}, Usage: "turn the order round", Destination: &o.reverse},
			&cli.StringFlag{Name: "filter", Usage: "list those only for which every `TERM` holds: " + filterHelp,
				Destination: &o.filter},
			jsonFlag(&o.json, "an object a line, as in .ctl/regions.json"),
		},
		Action: func(c *cli.Context) error {
			if err := atMost(c, 1); err != nil {
				return err
			}
			o.path = c.Args().First()
			return o.run(c.Context, sh)
		},
	}
}

type lsOptions struct {
	path    string
	sort    string
	reverse bool
	filter  string
	json    bool
}

func (o lsOptions) run(ctx context.Context, sh *shell) error {
	order, err := sorter(o.sort, o.reverse)
	if err != nil {
		return err
	}
	wanted, err := parseFilter(o.filter)
	if err != nil {
		return usageError("--filter takes "+filterHelp, "%v", err)
	}
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return err
	}
	all, err := ask(ctx, at.Mountpoint, func() ([]*region, error) { return sh.gather(at, wanted) })
	if err != nil {
		return err
	}
	slices.SortFunc(all, order)
	if o.json {
		return sh.printRegions(all)
	}
	return sh.tabulate(all)
}

// gather reads the regions at or below a path, and keeps those that are wanted.
func (sh *shell) gather(at asked, wanted filter) ([]*region, error) {
	now, owners := sh.now(), owners{}
	var all []*region
	for r, err := range at.Regions(at.path) {
		if err != nil {
			return nil, err
		}
		x := &region{r, owners.name(r.UID)}
		if wanted.match(x, now) {
			all = append(all, x)
		}
	}
	return all, nil
}

func (sh *shell) printRegions(all []*region) error {
	out := bufio.NewWriter(sh.out)
	for _, r := range all {
		if err := writeJSON(out, &r.Region); err != nil {
			return err
		}
	}
	return out.Flush()
}

// tabulate prints a table. The path comes last because it has no bound.
func (sh *shell) tabulate(all []*region) error {
	out := bufio.NewWriter(sh.out) // a tabwriter writes each cell by itself
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SIZE\tRESIDENT\tMODE\tOWNER\tOPENS\tIN USE\tCREATED\tUSED\tPATH")
	now := sh.now()
	var size, resident int64
	for _, r := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", regions.FormatSize(r.Size), regions.FormatSize(r.Resident),
			r.Mode, r.owner, r.Opens, yesNo(r.InUse), ago(now, r.Created), ago(now, r.LastUsed), printable(r.Path))
		size, resident = size+r.Size, resident+r.Resident
	}
	fmt.Fprintf(w, "%s\t%s\t\t\t\t\t\t\t%s\n", regions.FormatSize(size), regions.FormatSize(resident), count(len(all), "region"))
	return errors.Join(w.Flush(), out.Flush())
}

// owners remembers the names of users: each is looked up once.
type owners map[uint32]string

func (o owners) name(uid uint32) string {
	if name, ok := o[uid]; ok {
		return name
	}
	name := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	o[uid] = name
	return name
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// ago is a time for people: how long it is ago, in its largest unit.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := now.Sub(t)
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d >= u.unit {
			return fmt.Sprintf("%d%s ago", d/u.unit, u.name)
		}
	}
	return "now"
}
