package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/regions"
)

func fsckCommand(sh *shell) *cli.Command {
	var o fsckOptions
	return &cli.Command{
		Name:      "fsck",
		Usage:     "check what mounts left behind, and mend it",
		ArgsUsage: "[MOUNTPOINT|ARENA]",
		Description: describe(`Holds the regions that a mount left, whose server is dead or that was unmounted with --keep,
against the records that shmfs keeps of them, and looks at the directories that lead to them. Without an argument, all
places of the user who asks, and ledgers that have lost their keeper. Nothing is changed without --repair, and a region's
bytes never are. What is served at the moment is only looked at.

`+fsckCodes, "shmfs fsck /mnt/shm", "shmfs fsck --repair /mnt/shm; shmfs mount --replace /mnt/shm"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "repair", Aliases: []string{"y"}, Destination: &o.repair, Usage: "mend what can be mended"},
			jsonFlag(&o.json, "an object a line, one for each arena, with arena, mount_point, state, counts and findings"),
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

const (
	fsckPath  = "shmfs fsck"
	fsckCodes = `Its exit codes are those of fsck(8): 0 nothing is wrong, 1 something was and all of it is mended, 4 something
is left to be mended, 8 the check could not be done, 16 the command line cannot be read.`

	fsckMended exitCode = 1
	fsckLeft   exitCode = 4
	fsckFailed exitCode = 8
	fsckUsage  exitCode = 16
)

// asFsck translates an exit code to those of fsck(8).
func asFsck(err error) error {
	var outcome *fsckOutcome
	switch {
	case err == nil || errors.As(err, &outcome):
		return err
	case codeOf(err) == exitUsage:
		return &fsckOutcome{fsckUsage, err}
	}
	return &fsckOutcome{fsckFailed, err}
}

type fsckOptions struct {
	path   string
	repair bool
	json   bool
}

// checker looks at what mounts left on this machine.
type checker interface {
	// check calls report for every arena that a path names, all of the user's for "", and mends if it is asked to.
	check(ctx context.Context, sh *shell, path string, repair bool, report func(checked) error) error
}

// checked is what was found at one place.
type checked struct {
	Arena      string `json:"arena"`
	MountPoint string `json:"mount_point,omitempty"` // where that is known
	State      string `json:"state"`                 // served, dead, left; none where nothing but ledgers was looked for

	Regions     int   `json:"regions"`
	Directories int   `json:"directories"`
	OtherNodes  int   `json:"other_nodes"`
	Bytes       int64 `json:"region_bytes"`
	Nameless    int64 `json:"nameless_bytes"` // held by whoever has regions without a name open or mapped

	Findings []finding `json:"findings"`
}

// finding is one thing that is wrong, or worth knowing.
type finding struct {
	Kind   string `json:"kind"`
	Path   string `json:"path"`
	Found  string `json:"found"`
	Mend   string `json:"mend,omitempty"`   // what mends it
	Advice string `json:"advice,omitempty"` // what a person can do
	State  string `json:"state"`
}

// States of a finding.
const (
	stateNote   = "note"   // nothing is wrong
	stateFound  = "found"  // it would be mended
	stateMended = "mended" // it was
	stateLeft   = "left"   // nothing here can mend it
)

func (o fsckOptions) run(ctx context.Context, sh *shell) error {
	count := map[string]int{}
	err := sh.checker.check(ctx, sh, o.path, o.repair, func(c checked) error {
		for _, f := range c.Findings {
			count[f.State]++
		}
		if o.json {
			if c.Findings == nil {
				c.Findings = []finding{}
			}
			return sh.printJSON(c)
		}
		return sh.printChecked(c)
	})
	switch {
	case err != nil:
		return err
	case count[stateFound] > 0:
		return &fsckOutcome{fsckLeft, &failure{code: exitFailed, reason: fmt.Sprintf("%s to be mended, %d that nothing here can mend",
			things(count[stateFound]), count[stateLeft]), remedy: strings.TrimSpace("to mend: shmfs fsck --repair " + printable(o.path))}}
	case count[stateLeft] > 0:
		return &fsckOutcome{fsckLeft, &failure{code: exitFailed, reason: fmt.Sprintf("%s left, %d mended",
			things(count[stateLeft]), count[stateMended]), remedy: "see what is said of each"}}
	case count[stateMended] > 0:
		return &fsckOutcome{fsckMended, fmt.Errorf("%s mended", things(count[stateMended]))}
	}
	return nil
}

func things(n int) string { return count(n, "thing") }

// printChecked prints for people.
func (sh *shell) printChecked(c checked) error {
	if c.State != "" {
		name := c.Arena
		if c.MountPoint != "" {
			name = c.MountPoint
		}
		fmt.Fprintf(sh.out, "%s (%s): %s of %s, %s, %s", printable(name), c.State, count(c.Regions, "region"),
			regions.FormatSize(c.Bytes), plural(c.Directories, "directory", "directories"), count(c.OtherNodes, "other node"))
		if c.Nameless > 0 {
			fmt.Fprintf(sh.out, "; %s without a name, still in use", regions.FormatSize(c.Nameless))
		}
		fmt.Fprintln(sh.out)
	}
	for _, f := range c.Findings {
		if _, err := fmt.Fprintf(sh.out, "  %s\t%s: %s; %s\n", f.State, printable(f.Path), oneLine(f.Found), oneLine(f.next())); err != nil {
			return err
		}
	}
	return nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// next is what was done, or can be.
func (f finding) next() string {
	switch {
	case f.Mend != "" && f.State == stateMended:
		return "done: " + f.Mend
	case f.Mend != "" && f.State == stateFound:
		return "would " + f.Mend
	case f.Advice != "":
		return f.Advice
	}
	return ""
}
