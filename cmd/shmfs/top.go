package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/urfave/cli/v2"
	terminal "golang.org/x/term"
)

func topCommand(sh *shell) *cli.Command {
	var o topOptions
	return &cli.Command{
		Name:      "top",
		Usage:     "show live who holds the most, how fast it grows and when it will be full",
		ArgsUsage: "[PATH]",
		Description: describe(`PATH is a mount point or anything below one; where only one shmfs is mounted it may be left
out. --by says what is shown: directories (each with all below it), users, groups, owners (the process that made a region),
cgroups, labels, sessions, or regions. The keys are on the screen: 1 to 8 choose what is shown, s the column that it is sorted by, r turns the order round,
space reads anew, q or Ctrl-C ends it. RATE is how fast the promised grew in the last 10 to 20 seconds; of a region, how fast its size
grew since it was last read. FULL IN is when the first limit is reached if that goes on.

Regions are those at or below PATH. They are found by a walk over all of them, some microseconds each, every time.

Where the output is no terminal, and with --once or --json, it is printed once, in the order of --sort.`,
			"shmfs top /mnt/shm", "shmfs top --by user --sort rate --once", "shmfs top --json | jq '.rows[0]'"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "by", Value: "directory", Usage: "`SUBJECT` to begin with: " + strings.Join(topSubjects(), ", "),
				Destination: &o.by},
			&cli.StringFlag{Name: "sort", Usage: "`COLUMN` to sort by: " + strings.Join(topSorts(), ", "),
				DefaultText: "the first one", Destination: &o.sort},
			&cli.BoolFlag{Name: "reverse", Aliases: []string{"r"}, Usage: "turn the order round", Destination: &o.reverse},
			&cli.DurationFlag{Name: "interval", Value: 2 * time.Second, Usage: "read anew every `TIME`", Destination: &o.interval},
			&cli.BoolFlag{Name: "once", Usage: "print it once", Destination: &o.once},
			jsonFlag(&o.json, "an object with the mount as in .ctl/limits, and rows as in .ctl/usage or .ctl/regions.json"),
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

type topOptions struct {
	path, by, sort string
	reverse        bool
	interval       time.Duration
	once, json     bool
}

func (o topOptions) run(ctx context.Context, sh *shell) error {
	v, err := o.view()
	if err != nil {
		return err
	}
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return err
	}
	t := newTopReader(at, sh.now)
	if !o.once && !o.json && isTerminal(sh.in) && isTerminal(sh.out) {
		screen, err := tcell.NewScreen()
		if err != nil {
			return &failure{code: exitUnsupported, reason: "this terminal (TERM=" + os.Getenv("TERM") + ") cannot be drawn on",
				remedy: "use another one, or shmfs top --once", err: err}
		}
		return newTopScreen(t, v, o.interval).run(ctx, screen)
	}
	s, err := ask(ctx, at.Mountpoint, func() (*topSnapshot, error) { return t.read(v.subject) })
	if err != nil {
		return err
	}
	s.sort(v)
	if o.json {
		return sh.printJSON(s.document())
	}
	return sh.tabulateTop(s)
}

// view is what the options ask to see.
func (o topOptions) view() (topView, error) {
	v := topView{subject: o.by, reverse: o.reverse}
	if !slices.Contains(topSubjects(), o.by) {
		return v, usageError("--by takes "+strings.Join(topSubjects(), ", "), "nothing is told by %q", o.by)
	}
	if o.interval < leastInterval {
		return v, usageError("such as --interval 2s", "an interval of %v: want at least %v", o.interval, leastInterval)
	}
	if o.sort == "" {
		return v, nil
	}
	columns := topColumns(o.by)
	v.column = slices.IndexFunc(columns, func(c topColumn) bool { return c.name == o.sort })
	if v.column < 0 {
		var names []string
		for _, c := range columns {
			names = append(names, c.name)
		}
		return v, usageError("--sort takes "+strings.Join(names, ", "), "%s is not sorted by %q", o.by, o.sort)
	}
	return v, nil
}

const leastInterval = 100 * time.Millisecond

// isTerminal reports whether somebody looks at a stream, or types into it.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && terminal.IsTerminal(int(f.Fd()))
}

// tabulateTop prints what the screen would show.
func (sh *shell) tabulateTop(s *topSnapshot) error {
	out := bufio.NewWriter(sh.out)
	fmt.Fprintln(out, s.summary())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	columns := topColumns(s.subject)
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.head
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
	for _, r := range s.rows {
		for i, c := range columns {
			cells[i] = c.text(r)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return errors.Join(w.Flush(), out.Flush())
}
