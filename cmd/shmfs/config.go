package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/policy"
)

func configCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name:        "config",
		Usage:       "check and show configurations",
		Description: describe("", "shmfs config check /etc/shmfs.toml", "shmfs config show /mnt/shm"),
		Subcommands: []*cli.Command{configCheckCommand(sh), configShowCommand(sh)},
	}
}

func configCheckCommand(sh *shell) *cli.Command {
	var o configCheckOptions
	return &cli.Command{
		Name:      "check",
		Usage:     "read a configuration file and tell all that is wrong with it",
		ArgsUsage: "FILE",
		Description: describe(`Each problem is a line: file, line, column, and what is wrong. Nothing is mounted or changed.
As FILE, - is standard input.`,
			"shmfs config check /etc/shmfs.toml && systemctl reload shmfs"),
		Flags: []cli.Flag{jsonFlag(&o.json, "one object with file, good, problems, warnings")},
		Action: func(c *cli.Context) error {
			if err := exactlyOne(c, "a configuration file"); err != nil {
				return err
			}
			o.file = c.Args().First()
			return o.run(sh)
		},
	}
}

type configCheckOptions struct {
	file string
	json bool
}

func (o configCheckOptions) run(sh *shell) error {
	c, loaded := o.load(sh)
	err := configFailure(o.file, loaded)
	var warnings []string
	if ram, e := totalMemory(sh.root); err == nil && e == nil {
		warnings = c.Warnings(ram)
		if e := c.Fits(ram); e != nil {
			warnings = append(warnings, "mount refuses it here: "+e.Error())
		}
	}
	if o.json {
		if e := sh.printJSON(newVerdict(o.file, loaded, warnings)); e != nil {
			return e
		}
		return err
	}
	if err != nil {
		return err
	}
	for _, w := range warnings {
		sh.warn(w)
	}
	_, err = fmt.Fprintf(sh.out, "%s: good\n", printable(o.file))
	return err
}

// load reads standard input too, if that was asked for: what another program makes can be checked before it is a file.
func (o configCheckOptions) load(sh *shell) (policy.Config, error) {
	if o.file == "-" || o.file == "/dev/stdin" {
		return policy.Read(o.file, sh.in)
	}
	return readConfig(o.file)
}

// verdict is what check tells a program.
type verdict struct {
	File     string    `json:"file"`
	Good     bool      `json:"good"`
	Problems []problem `json:"problems,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
}

type problem struct {
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

func newVerdict(file string, err error, warnings []string) verdict {
	v := verdict{File: file, Good: err == nil, Warnings: warnings}
	if err == nil {
		return v
	}
	wrong, ok := err.(policy.Problems)
	if !ok {
		v.Problems = []problem{{Message: configFailure(file, err).Error()}}
	}
	for _, w := range wrong {
		v.Problems = append(v.Problems, problem{w.Line, w.Column, w.Message})
	}
	return v
}
