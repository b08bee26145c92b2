package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrangement is a command line as the library takes it.
type arrangement struct {
	args []string
	path string // of the command, "shmfs config check"
	help bool   // its help is asked for
}

// arrange puts a command's flags before its arguments, and refuses unknown ones with the nearest known. The library
// stops at the first argument (package flag), but people write `shmfs mount /mnt/shm --size 8G`.
func arrange(app *cli.App, args []string) (arrangement, error) {
	a := arrangement{args: args[:1:1], path: app.Name}
	commands, flags, rest, takes := app.Commands, app.Flags, args[1:], ""
	for len(commands) > 0 && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		c := commandNamed(commands, rest[0])
		if c == nil && takes != "" {
			break // an argument of a command that has others below it
		}
		if c == nil {
			return a, unknownCommand(a.path, commands, rest[0])
		}
		a.path += " " + c.Name
		a.args, rest = append(a.args, c.Name), rest[1:]
		commands, flags, takes = c.Subcommands, c.Flags, c.ArgsUsage
	}
	given, positional, err := splitFlags(a.path, flags, rest)
	if err != nil {
		return a, err
	}
	a.help = slices.ContainsFunc(given, func(g string) bool { return g == "--help" || g == "-help" || g == "-h" })
	a.args = append(a.args, given...)
	if len(positional) > 0 {
		a.args = append(append(a.args, "--"), positional...)
	}
	return a, nil
}

func commandNamed(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func unknownCommand(path string, commands []*cli.Command, name string) error {
	var known []string
	for _, c := range commands {
		known = append(known, c.Name)
	}
	return usageError(didYouMean(path+" ", nearest(name, known), "see "+path+" --help"), "unknown command %q", name)
}

// splitFlags separates flags, each with its value, from arguments. After "--" all are arguments.
func splitFlags(path string, flags []cli.Flag, args []string) (given, positional []string, err error) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return given, append(positional, args[i+1:]...), nil
		case len(arg) < 2 || arg[0] != '-':
			positional = append(positional, arg)
			continue
		}
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		f := flagNamed(flags, name)
		if f == nil {
			return nil, nil, unknownFlag(path, flags, arg, name)
		}
		given = append(given, arg)
		if hasValue || !takesValue(f) {
			continue
		}
		if i++; i == len(args) {
			return nil, nil, usageError("see "+path+" --help", "%s needs a value", arg)
		}
		given = append(given, args[i])
	}
	return given, positional, nil
}

func flagNamed(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		for _, n := range f.Names() {
			if n == name {
				return f
			}
		}
	}
	return nil
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

func unknownFlag(path string, flags []cli.Flag, arg, name string) error {
	var known []string
	for _, f := range flags {
		known = append(known, f.Names()...)
	}
	near := nearest(name, known)
	if near != "" {
		near = dashed(near)
	}
	shown, _, _ := strings.Cut(arg, "=")
	return usageError(didYouMean("", near, "see "+path+" --help"), "unknown option %s", shown)
}

// dashed is a flag as it is typed.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
