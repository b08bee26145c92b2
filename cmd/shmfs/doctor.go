package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/backends/probe"
)

func doctorCommand(sh *shell) *cli.Command {
	var o doctorOptions
	return &cli.Command{
		Name:  "doctor",
		Usage: "tell what this machine can do for shmfs, what is missing, and what to type",
		Description: describe(`Reads what the system tells of itself, and tries the rest; nothing is left behind. Each line is
ok, less (shmfs works, with a loss) or missing. It is about the user who asks: ask as the one who will mount.`,
			"shmfs doctor", "sudo shmfs doctor --json"),
		Flags: []cli.Flag{jsonFlag(&o.json, "an object a line with name, state, found, why, remedy")},
		Action: func(c *cli.Context) error {
			if err := atMost(c, 0); err != nil {
				return err
			}
			return o.run(sh)
		},
	}
}

type doctorOptions struct {
	json bool
}

func (o doctorOptions) run(sh *shell) error {
	facts := probe.Run(sh.goos, probe.Machine{Root: sh.root, UID: os.Geteuid(), Trials: sh.trials})
	print := sh.printFacts
	if o.json {
		print = sh.printFactLines
	}
	if err := print(facts); err != nil {
		return err
	}
	if facts[0].State == probe.Missing {
		return &failure{code: exitMissing, reason: "shmfs cannot mount here: " + facts[0].Why,
			remedy: "see the lines that are missing"}
	}
	return nil
}

func (sh *shell) printFacts(facts []probe.Fact) error {
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	for _, f := range facts {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.State, f.Name, f.Found)
		if f.Why != "" {
			fmt.Fprintf(w, "\t\t  why: %s\n", f.Why)
		}
		if f.Remedy != "" {
			fmt.Fprintf(w, "\t\t  try: %s\n", f.Remedy)
		}
	}
	return w.Flush()
}

func (sh *shell) printFactLines(facts []probe.Fact) error {
	for _, f := range facts {
		if err := sh.printJSON(f); err != nil {
			return err
		}
	}
	return nil
}
