package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

const description = `shmfs presents regions of shared memory as files: any program creates one with open, sizes it with
ftruncate, shares it with mmap and lists it with ls. Reads, writes and mappings go to the memory itself, not through the
server.

Each mount tells about itself in the files under .ctl at its root, and these commands read the same files.`

// newApp makes the command tree.
func newApp(sh *shell) *cli.App {
	app := &cli.App{
		Name:                      "shmfs",
		Usage:                     "shared memory as files",
		Description:               description,
		Writer:                    sh.out,
		ErrWriter:                 sh.err,
		HideHelp:                  true,
		HideVersion:               true,
		DisableSliceFlagSeparator: true, // commas belong to the values of -o
		Flags:                     []cli.Flag{helpFlag(), versionFlag()},
		ExitErrHandler:            func(*cli.Context, error) {}, // run prints and exits
		Commands: []*cli.Command{
			mountCommand(sh), umountCommand(sh), upgradeCommand(sh), lsCommand(sh), showCommand(sh), statsCommand(sh),
			limitsCommand(sh), usageCommand(sh), topCommand(sh), eventsCommand(sh), setCommand(sh), chownCommand(sh), sealCommand(sh),
			shareCommand(sh), sessionCommand(sh), gcCommand(sh), doctorCommand(sh), fsckCommand(sh), configCommand(sh),
			versionCommand(sh), completionCommand(sh), manCommand(sh), helpCommand(sh),
		},
	}
	app.Action = func(c *cli.Context) error {
		if c.Bool("version") {
			return versionOptions{}.run(sh)
		}
		return writeHelp(sh.out, newPage(app))
	}
	for _, c := range app.Commands {
		prepare(c)
	}
	return app
}

// prepare gives a command and those below it what all have. Help is ours (help.go): the library's has no place for
// examples and exit codes.
func prepare(c *cli.Command) {
	c.HideHelp = true
	c.Flags = append(c.Flags, helpFlag())
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return unreadable(c, err) }
	if c.Action == nil {
		c.Action = func(*cli.Context) error { return missingSubcommand(c) }
	}
	for _, sub := range c.Subcommands {
		prepare(sub)
	}
}

// unreadable answers for a flag whose value the library cannot read.
func unreadable(c *cli.Command, err error) error {
	return usageError("see "+c.HelpName+" --help", "%v", err)
}

func missingSubcommand(c *cli.Command) error {
	var names []string
	for _, sub := range c.Subcommands {
		names = append(names, sub.Name)
	}
	return usageError("see "+c.HelpName+" --help", "%s needs one of: %s", c.HelpName, strings.Join(names, ", "))
}

func helpFlag() cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "say how the command is used"}
}

func versionFlag() cli.Flag {
	return &cli.BoolFlag{Name: "version", Usage: "print the version"}
}

// jsonFlag makes a command print for programs; what says which JSON that is.
func jsonFlag(to *bool, what string) cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print JSON: " + what, Destination: to}
}

// atMost refuses surplus arguments of a command.
func atMost(c *cli.Context, n int) error {
	if c.NArg() > n {
		return usageError("see "+c.Command.HelpName+" --help", "unexpected argument %q", c.Args().Get(n))
	}
	return nil
}
