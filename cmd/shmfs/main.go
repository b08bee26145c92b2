// Command shmfs mounts shared memory as files and tells about it. It is the only package of this module that reads a
// command line, prints, or exits.
//
// # Structure
//
// A file a command: a constructor that answers its *cli.Command, an options struct, and run(ctx, options) error. A
// command reaches the world through its [shell] only, so that tests give it another world. Help, man page, shell
// completion and docs/command-line.md are written from one tree (document.go).
//
// # Errors
//
// A command answers an error; [failure] carries the exit code, one line of reason and the remedy. exit.go has the table.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), newShell(), os.Args))
}

// run runs one command line, prints its error, and answers the exit code.
func run(ctx context.Context, sh *shell, args []string) int {
	if isMountHelper(args[0]) {
		return int(helperStatus(sh.report(mountHelper(ctx, sh, args))))
	}
	return int(sh.report(execute(ctx, sh, args)))
}

// execute runs one command line.
func execute(ctx context.Context, sh *shell, args []string) error {
	app := newApp(sh)
	a, err := arrange(app, args)
	switch {
	case err != nil:
	case a.help:
		return writeHelp(sh.out, newPage(app).find(a.path))
	default:
		err = adrift(app.RunContext(ctx, a.args))
	}
	if a.path == fsckPath {
		return asFsck(err)
	}
	return err
}
