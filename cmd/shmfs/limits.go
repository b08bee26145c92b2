package main

import (
	"bufio"
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

func limitsCommand(sh *shell) *cli.Command {
	var o limitsOptions
	return &cli.Command{
		Name:      "limits",
		Usage:     "show and set who may hold how much",
		ArgsUsage: "[PATH]",
		Description: describe(`PATH is a mount point or anything below one; where only one shmfs is mounted it may be left
out. A line each for the mount, and for the directories, users, groups, owners, cgroups and labels that have limits of their own. An
owner is the process that made a region, a cgroup the one that it was in.`,
			"shmfs limits /mnt/shm", "shmfs limits set /mnt/shm/models bytes=2G,regions=100"),
		Flags:       []cli.Flag{jsonFlag(&o.json, "an array of objects with the keys of .ctl/limits")},
		Subcommands: []*cli.Command{limitsSetCommand(sh)},
		Action: func(c *cli.Context) error {
			if err := atMost(c, 1); err != nil {
				return err
			}
			o.path = c.Args().First()
			return o.run(c.Context, sh)
		},
	}
}

type limitsOptions struct {
	path string
	json bool
}

func (o limitsOptions) run(ctx context.Context, sh *shell) error {
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return err
	}
	all, err := ask(ctx, at.Mountpoint, at.Limits)
	if err != nil {
		return err
	}
	if o.json {
		return sh.printJSON(all)
	}
	return sh.tabulateLimits(all)
}

func (sh *shell) tabulateLimits(all []control.Limit) error {
	out := bufio.NewWriter(sh.out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SUBJECT\tPROMISED\tBYTES\tREGIONS\tOF\tLARGEST\tRESERVE\tWRITES\tNAME")
	for _, l := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", l.Subject, regions.FormatSize(l.Promised+l.Reserved),
			sizeOrMax(l.Bytes), l.PromisedRegions, countOrMax(l.Regions), sizeOrMax(l.Largest), sizeOrNone(l.Reserve),
			orNone(l.Writes, "inherit"), orDash(printable(l.Name)))
	}
	return errors.Join(w.Flush(), out.Flush())
}

func sizeOrMax(n int64) string {
	if n == regions.Unlimited {
		return "max"
	}
	return regions.FormatSize(n)
}

func countOrMax(n int64) string {
	if n == regions.Unlimited {
		return "max"
	}
	return strconv.FormatInt(n, 10)
}

func sizeOrNone(n int64) string { return orNone(regions.FormatSize(n), "0") }

// orNone writes what is nothing as a dash.
func orNone(s, nothing string) string {
	if s == nothing {
		return "-"
	}
	return s
}

func limitsSetCommand(sh *shell) *cli.Command {
	var o limitsSetOptions
	return &cli.Command{
		Name:      "set",
		Usage:     "change limits of a mount, a directory, a user, a group, an owner, a cgroup or a label",
		ArgsUsage: "PATH LIMIT...",
		Description: describe(`PATH is the mount or the directory that is limited; with --user, --group, --owner, --cgroup
or --label it only says in which mount. LIMIT is a size, or one or more of bytes=, regions=, nodes=, largest=, soft_bytes=, soft_regions=, reserve=,
throttle= (of a directory's bytes, such as 90%: from there on what grows is slowed down), and for directories writes= (auto, strict, fast, inherit), overcommit= (true, false, inherit) or pages= (now, later,
inherit; reserve=now is the same as pages=now): whether fallocate gets memory at once. max takes a limit away. What
is not named stays. A limit below what is held takes nothing away: it refuses more.`,
			"shmfs limits set /mnt/shm/models 2G", "shmfs limits set /mnt/shm/tenant reserve=80G",
			"shmfs limits set /mnt/shm/jobs bytes=20G,throttle=90%",
			"shmfs limits set /mnt/shm --user alice bytes=10G regions=1000"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "user", Usage: "limit the `USER`, a name or a number", Destination: &o.user},
			&cli.StringFlag{Name: "group", Usage: "limit the `GROUP`, a name or a number", Destination: &o.group},
			&cli.StringFlag{Name: "owner", Usage: "limit what the process `PID` makes", Destination: &o.owner},
			&cli.StringFlag{Name: "cgroup", Usage: "limit what processes in the cgroup `PATH` make, as /proc/PID/cgroup has it, and in those below it",
				Destination: &o.cgroup},
			&cli.StringFlag{Name: "label", Usage: "limit the regions that have the label `KEY=VALUE`, such as run=7", Destination: &o.label},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() < 2 {
				return usageError("see shmfs limits set --help", "shmfs limits set needs a path and a limit such as 2G")
			}
			o.path, o.limits = c.Args().First(), c.Args().Tail()
			return o.run(c.Context, sh)
		},
	}
}

type limitsSetOptions struct {
	path                              string
	limits                            []string
	user, group, owner, cgroup, label string
}

func (o limitsSetOptions) run(ctx context.Context, sh *shell) error {
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return err
	}
	subject, name, err := o.subject(at.path)
	if err != nil {
		return err
	}
	_, err = ask(ctx, at.Mountpoint, func() (struct{}, error) {
		return struct{}{}, o.set(at.Client, subject, name)
	})
	var refused *failure
	if errors.As(err, &refused) && refused.code == exitPermission && subject == "directory" {
		refused.remedy = "as root; who owns it, and the directory that it is in: setfattr -n user.shmfs.limit -v bytes=2G DIRECTORY"
	}
	return err
}

// singleSettings are sent one by one: each is an attribute of its own.
var singleSettings = []string{"writes", "overcommit", "pages"}

// set sends settings that are no limits by themselves.
func (o limitsSetOptions) set(c *control.Client, subject, name string) error {
	var limits []string
	for _, l := range o.limits {
		if key, value, _ := strings.Cut(l, "="); slices.Contains(singleSettings, key) || key == "reserve" && (value == "now" || value == "later") {
			if err := c.SetLimits(subject, name, l); err != nil {
				return err
			}
			continue
		}
		limits = append(limits, l)
	}
	if len(limits) == 0 {
		return nil
	}
	return c.SetLimits(subject, name, strings.Join(limits, ","))
}

// subject answers whose limits are meant.
func (o limitsSetOptions) subject(path string) (subject, name string, err error) {
	said := 0
	for _, s := range []string{o.user, o.group, o.owner, o.cgroup, o.label} {
		if s != "" {
			said++
		}
	}
	if said > 1 {
		return "", "", usageError("see shmfs limits set --help", "only one of --user, --group, --owner, --cgroup and --label can be limited at a time")
	}
	switch {
	case o.user != "":
		name, err = numberOf(o.user, "user", func(s string) (string, error) {
			u, err := user.Lookup(s)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		})
		return "user", name, err
	case o.group != "":
		name, err = numberOf(o.group, "group", func(s string) (string, error) {
			g, err := user.LookupGroup(s)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		})
		return "group", name, err
	case o.owner != "":
		name, err = numberOf(o.owner, "process", func(string) (string, error) { return "", errors.New("not a number") })
		return "owner", name, err
	case o.cgroup != "":
		return "cgroup", o.cgroup, nil
	case o.label != "":
		return "label", o.label, nil
	case path == "":
		return "mount", "", nil
	}
	return "directory", path, nil
}

// numberOf takes a number as it is, and looks up a name.
func numberOf(s, what string, look func(string) (string, error)) (string, error) {
	if _, err := strconv.ParseUint(s, 10, 32); err == nil {
		return s, nil
	}
	n, err := look(s)
	if err != nil {
		return "", usageError("name one that there is, or its number", "no such %s: %q", what, s)
	}
	return n, nil
}
