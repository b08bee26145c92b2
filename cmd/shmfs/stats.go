package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/regions"
)

func statsCommand(sh *shell) *cli.Command {
	var o statsOptions
	return &cli.Command{
		Name:      "stats",
		Usage:     "tell how a mount is doing",
		ArgsUsage: "[PATH]",
		Description: describe(`PATH is a mount point or anything below one; where only one shmfs is mounted it may be left
out. With --json numbers are numbers, sizes are in bytes, durations in seconds.`,
			"shmfs stats /mnt/shm", "shmfs stats --json | jq .region_bytes"),
		Flags: []cli.Flag{jsonFlag(&o.json, "one object with the keys of .ctl/stats")},
		Action: func(c *cli.Context) error {
			if err := atMost(c, 1); err != nil {
				return err
			}
			o.path = c.Args().First()
			return o.run(c.Context, sh)
		},
	}
}

type statsOptions struct {
	path string
	json bool
}

func (o statsOptions) run(ctx context.Context, sh *shell) error {
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return err
	}
	s, err := ask(ctx, at.Mountpoint, at.Stats)
	if err != nil {
		return err
	}
	if o.json {
		return sh.printJSON(s)
	}
	return sh.describeStats(at.Mountpoint, s)
}

func (sh *shell) describeStats(point string, s control.Flat) error {
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	line("mount point", "%s", printable(point))
	line("mode", "%s (%s)", s.Text("mode"), s.Text("mode_reason"))
	line("server", "pid %d, up %s", s.Int("server_pid"), s.Seconds("uptime_seconds").Round(time.Second))
	line("regions", "%d, %d in use by %d descriptors", s.Int("regions"), s.Int("regions_in_use"), s.Int("open_descriptors"))
	line("directories", "%d, and %d other nodes", s.Int("directories"), s.Int("other_nodes"))
	line("bytes", "%s in regions, %s resident", size(s, "region_bytes"), size(s, "resident_bytes"))
	line("arena", "%s, %s of %s used", s.Text("arena_kind"), size(s, "arena_used_bytes"), size(s, "arena_size_bytes"))
	line("nodes", "%d of %s used", s.Int("arena_nodes_used"), limit(s, "arena_nodes"))
	if s.Has("memory_pressure_some_avg10") {
		line("memory pressure", "some waited in %s%% of the last 10 s, all in %s%%", s.Text("memory_pressure_some_avg10"),
			s.Text("memory_pressure_full_avg10"))
	}
	writeOperations(w, s)
	writeErrors(w, s)
	return w.Flush()
}

// writeOperations lists what was asked for, a line a kind.
func writeOperations(w *tabwriter.Writer, s control.Flat) {
	head := "\nOPERATION\tCOUNT\tP50\tP99\tMAX\n"
	for key := range s.All() {
		op, ok := strings.CutPrefix(key, "operations_")
		if op, ok = cutSuffixIf(ok, op, "_total"); !ok || s.Int(key) == 0 {
			continue
		}
		fmt.Fprint(w, head)
		head = ""
		base := "operations_" + op
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", op, s.Int(key), brief(s, base+"_p50_seconds"), brief(s, base+"_p99_seconds"),
			brief(s, base+"_max_seconds"))
	}
}

// writeErrors lists what was answered instead of success.
func writeErrors(w *tabwriter.Writer, s control.Flat) {
	head := "\nERROR\tCOUNT\n"
	for key := range s.All() {
		name, ok := strings.CutPrefix(key, "errors_")
		if name, ok = cutSuffixIf(ok, name, "_total"); !ok || s.Int(key) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s%s\t%d\n", head, name, s.Int(key))
		head = ""
	}
}

func cutSuffixIf(ok bool, s, suffix string) (string, bool) {
	rest, has := strings.CutSuffix(s, suffix)
	return rest, ok && has
}

func size(s control.Flat, key string) string {
	if n := s.Int(key); n != regions.Unlimited {
		return regions.FormatSize(n)
	}
	return "max"
}

func limit(s control.Flat, key string) string {
	if n := s.Int(key); n != regions.Unlimited {
		return fmt.Sprint(n)
	}
	return "max"
}

// brief is a duration with three significant digits at most.
func brief(s control.Flat, key string) string {
	d := s.Seconds(key)
	for unit := time.Nanosecond; ; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
}
