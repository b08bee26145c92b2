package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/regions"
)

func eventsCommand(sh *shell) *cli.Command {
	var o eventsOptions
	return &cli.Command{
		Name:      "events",
		Usage:     "tell what happened to regions, or what happens",
		ArgsUsage: "[PATH]",
		Description: describe(`PATH is a mount point or anything below one; where only one shmfs is mounted it may be left
out. Without --follow it prints what is kept and ends. With it, it goes on until it is interrupted, also while the server is
replaced; what was missed is told. Opens, closes and sizes are told only while somebody follows. FILTER has path patterns
(jobs/**) and event=, pid=, uid=, with = or !=; all must hold, and commas in a value mean any of them.`,
			"shmfs events /mnt/shm", "shmfs events --follow --filter 'event=expired,deleted jobs/**'",
			"shmfs events --json --follow | jq -r .path"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what happens", Destination: &o.follow},
			&cli.StringFlag{Name: "filter", Usage: "print only what matches the `FILTER`", Destination: &o.filter},
			jsonFlag(&o.json, "an object a line, as in .ctl/events"),
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

type eventsOptions struct {
	path   string
	follow bool
	filter string
	json   bool
}

func (o eventsOptions) run(ctx context.Context, sh *shell) error {
	wanted, err := parseEventFilter(o.filter)
	if err != nil {
		return usageError("see shmfs events --help", "%v", err)
	}
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(sh.out)
	p := eventPrinter{out: out, wanted: wanted, json: o.json}
	if !o.follow {
		_, err = ask(ctx, at.Mountpoint, func() (struct{}, error) { return struct{}{}, p.backlog(at.Client) })
		return err
	}
	// The goroutine is left behind when the command is interrupted: what waits for a server ends with the process.
	done := make(chan error, 1)
	go func() { done <- p.follow(at.Client) }()
	select {
	case err := <-done:
		return explain(at.Mountpoint, err)
	case <-ctx.Done():
		return nil
	}
}

// eventPrinter prints events once each, in the order of their numbers.
type eventPrinter struct {
	out    *bufio.Writer
	wanted eventFilter
	json   bool
	last   uint64
}

func (p *eventPrinter) backlog(c *control.Client) error {
	f, err := c.Events()
	if err != nil {
		return err
	}
	defer f.Close()
	return p.print(f)
}

// follow begins to wait before it reads what was, so that nothing is lost between.
func (p *eventPrinter) follow(c *control.Client) error {
	f, err := c.Follow()
	if err != nil {
		return err
	}
	defer f.Close()
	if err := p.backlog(c); err != nil {
		return err
	}
	return p.print(f)
}

func (p *eventPrinter) print(r io.Reader) error {
	for x, err := range control.ReadEvents(r) {
		if err != nil {
			return err
		}
		if x.Missed == 0 && x.Seq <= p.last || !p.wanted.match(&x) {
			continue
		}
		p.last = max(p.last, x.Seq)
		if err := p.line(&x); err != nil {
			return err
		}
	}
	return nil
}

// line prints one event at once: whoever follows wants to see it now.
func (p *eventPrinter) line(x *control.Event) error {
	if p.json {
		b, err := json.Marshal(x)
		if err != nil {
			return err
		}
		p.out.Write(append(b, '\n'))
		return p.out.Flush()
	}
	fmt.Fprintf(p.out, "%s  %-15s  %s", x.Time.Local().Format(time.DateTime), x.Event, orDash(printable(x.Path)))
	if x.PID != nil && *x.PID != 0 {
		fmt.Fprintf(p.out, "  pid %d", *x.PID)
	}
	if x.Size != nil {
		fmt.Fprintf(p.out, "  %s", regions.FormatSize(*x.Size))
	}
	if x.Missed > 0 {
		fmt.Fprintf(p.out, "  %d events", x.Missed)
	}
	for _, s := range []string{x.Errno, x.Reason} {
		if s != "" {
			fmt.Fprintf(p.out, "  %s", printable(s))
		}
	}
	fmt.Fprintln(p.out)
	return p.out.Flush()
}

// eventFilter is what all must hold.
type eventFilter []func(*control.Event) bool

func (f eventFilter) match(x *control.Event) bool {
	for _, holds := range f {
		if !holds(x) {
			return x.Missed > 0 // that something is missing is always told
		}
	}
	return true
}

func parseEventFilter(s string) (eventFilter, error) {
	words, err := splitWords(s)
	if err != nil {
		return nil, err
	}
	var f eventFilter
	for _, w := range words {
		holds, err := parseEventTerm(w)
		if err != nil {
			return nil, err
		}
		f = append(f, holds)
	}
	return f, nil
}

func parseEventTerm(word string) (func(*control.Event) bool, error) {
	name, op, text := cutOperator(word)
	if op == "" {
		name, op, text = "path", "=", word
	}
	if op != "=" && op != "!=" {
		return nil, fmt.Errorf("filter %s: want = or !=", word)
	}
	holds, err := eventTerm(name, text)
	if err != nil || op == "=" {
		return holds, err
	}
	return func(x *control.Event) bool { return !holds(x) }, nil
}

func eventTerm(name, text string) (func(*control.Event) bool, error) {
	any := strings.Split(text, ",")
	switch name {
	case "path":
		g, err := parseGlob(text)
		return func(x *control.Event) bool { return g.match(x.Path) }, err
	case "event":
		for _, kind := range any {
			if !slices.Contains(control.EventKinds(), kind) {
				return nil, fmt.Errorf("no event is called %q: want one of %s", kind, join(control.EventKinds()))
			}
		}
		return func(x *control.Event) bool { return slices.Contains(any, x.Event) }, nil
	case "pid":
		return func(x *control.Event) bool { return isOneOf(x.PID, any) }, numbers(any)
	case "uid":
		return func(x *control.Event) bool { return isOneOf(x.UID, any) }, numbers(any)
	}
	return nil, fmt.Errorf("filter: unknown %q, want a path pattern, event=, pid= or uid=", name)
}

// numbers complains of what is none.
func numbers(all []string) error {
	for _, s := range all {
		if _, err := strconv.ParseUint(s, 10, 32); err != nil {
			return fmt.Errorf("filter: %q is no number", s)
		}
	}
	return nil
}

func isOneOf(n *uint32, any []string) bool {
	return n != nil && slices.Contains(any, strconv.FormatUint(uint64(*n), 10))
}
