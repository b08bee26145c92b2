package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/regions"
)

func usageCommand(sh *shell) *cli.Command {
	var o usageOptions
	return &cli.Command{
		Name:      "usage",
		Usage:     "tell who holds how much",
		ArgsUsage: "[PATH]",
		Description: describe(`PATH is a mount point or anything below one; where only one shmfs is mounted it may be left
out. --by says whose use is told: of each directory (with all below it), user, group, owner (the process that made a
region), cgroup (the one that it was in, with all below it), label (run=7; a region counts for each that it has) or session (the directories that are some). Those who are promised the most come first. PEAK is the most that was promised since the server started, UNLINKED what
belongs to regions that have no name any more and are still in use. RATE is how fast the promised grew in the last 10 to 20
seconds, FULL IN when the first of the subject's limits is reached if that goes on. Of a cgroup, MEMORY is what its programs use of OF, and
PRESSURE in how much of the last ten seconds some of them waited for memory, where the system tells.`,
			"shmfs usage /mnt/shm --by user", "shmfs usage --by directory --json | jq '.[0]'"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "by", Value: "user", Usage: "`SUBJECT` whose use is told: " + strings.Join(usageSubjects, ", "),
				Destination: &o.by},
			jsonFlag(&o.json, "an array of objects with the keys of the files in .ctl/usage"),
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

var usageSubjects = []string{"directory", "user", "group", "owner", "cgroup", "label", "session"}

type usageOptions struct {
	path, by string
	json     bool
}

func (o usageOptions) run(ctx context.Context, sh *shell) error {
	if !slices.Contains(usageSubjects, o.by) {
		return usageError("--by takes "+strings.Join(usageSubjects, ", "), "nothing is told by %q", o.by)
	}
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return err
	}
	all, err := ask(ctx, at.Mountpoint, func() ([]control.Usage, error) { return at.Usage(o.by) })
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(x, y control.Usage) int { return cmp.Compare(y.Promised, x.Promised) })
	if o.json {
		return sh.printJSON(all)
	}
	return sh.tabulateUsage(o.by, all)
}

func (sh *shell) tabulateUsage(by string, all []control.Usage) error {
	out := bufio.NewWriter(sh.out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROMISED\tRESIDENT\tUNLINKED\tPEAK\tLIMIT\tRATE\tFULL IN\tREGIONS\tNODES\t"+memoryHeads(by)+strings.ToUpper(by))
	names := nameReader(by)
	for _, u := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s%s\n", regions.FormatSize(u.Promised),
			regions.FormatSize(u.Resident), regions.FormatSize(u.Unlinked), regions.FormatSize(u.PeakPromised),
			sizeOrMax(u.LimitBytes), rateOf(u.Rate), fullIn(u.FullIn), u.Regions, u.Nodes, memoryCells(by, &u),
			printable(names(u.Name)))
	}
	return errors.Join(w.Flush(), out.Flush())
}

// memoryHeads are over what the system tells of a cgroup.
func memoryHeads(by string) string {
	if by != "cgroup" {
		return ""
	}
	return "MEMORY\tOF\tPRESSURE\t"
}

func memoryCells(by string, u *control.Usage) string {
	if by != "cgroup" {
		return ""
	}
	used, limit, pressure := "-", "-", "-"
	if u.MemoryUsed != nil && u.MemoryLimit != nil {
		used, limit = regions.FormatSize(*u.MemoryUsed), sizeOrMax(*u.MemoryLimit)
	}
	if u.MemoryPressureSome != nil {
		pressure = fmt.Sprintf("%.2f%%", *u.MemoryPressureSome)
	}
	return used + "\t" + limit + "\t" + pressure + "\t"
}

// rateOf writes bytes a second.
func rateOf(n int64) string {
	switch {
	case n == 0:
		return "0"
	case n < 0:
		return "-" + regions.FormatSize(-n) + "/s"
	}
	return regions.FormatSize(n) + "/s"
}

// fullIn writes the seconds until a limit is reached: the two largest units.
func fullIn(seconds int64) string {
	switch {
	case seconds == regions.Unlimited:
		return "-"
	case seconds <= 0:
		return "full"
	case seconds < 60:
		return fmt.Sprintf("%ds", seconds)
	case seconds < 60*60:
		return fmt.Sprintf("%dm%02ds", seconds/60, seconds%60)
	case seconds < 24*60*60:
		return fmt.Sprintf("%dh%02dm", seconds/3600, seconds/60%60)
	}
	return fmt.Sprintf("%dd%02dh", seconds/86400, seconds/3600%24)
}

// nameReader answers what makes a user's or group's name of a number.
func nameReader(by string) func(string) string {
	switch by {
	case "user":
		known := owners{}
		return func(s string) string {
			n, err := strconv.ParseUint(s, 10, 32)
			if err != nil {
				return s
			}
			return known.name(uint32(n))
		}
	case "group":
		return func(s string) string {
			if g, err := user.LookupGroupId(s); err == nil {
				return g.Name
			}
			return s
		}
	}
	return func(s string) string { return s }
}
