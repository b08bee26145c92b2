package main

import (
	"context"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/regions"
)

func chownCommand(sh *shell) *cli.Command {
	var o chownOptions
	return &cli.Command{
		Name:      "chown",
		Usage:     "hand a region, or all that is in a directory, to another owner",
		ArgsUsage: "PATH",
		Description: describe(`The owner of a region is the process that made it, until it is handed to another one: of lifetime
owner, it ends with that one. A directory hands on all that is below it and was not handed to anybody itself; a session ends
with the owner of its directory. An owner of several processes is gone when the last of them is. For users and groups there is chown(1).`,
			"shmfs chown --owner 4711 /mnt/shm/jobs/7", "shmfs chown --to-directory /mnt/shm/jobs/7/result",
			"shmfs chown --maker /mnt/shm/jobs/7"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "owner", Usage: "the new owner: process `PID`", Destination: &o.owner},
			&cli.StringFlag{Name: "process-group", Usage: "all processes of the group `PGID`", Destination: &o.group},
			&cli.StringFlag{Name: "session", Usage: "all processes of the session `SID` (setsid(2))", Destination: &o.session},
			&cli.StringFlag{Name: "cgroup", Usage: "all processes in the control group `PATH` of the unified hierarchy, and below it",
				Destination: &o.cgroup},
			&cli.BoolFlag{Name: "to-directory", Usage: "the owner that the directory of the region has; where it has none, nobody",
				Destination: &o.directory},
			&cli.BoolFlag{Name: "maker", Usage: "take back what was said: the process that made it, or what of its shmfs set owner= says", Destination: &o.maker},
		},
		Action: func(c *cli.Context) error {
			if err := exactlyOne(c, "the path of a region or a directory"); err != nil {
				return err
			}
			o.path = c.Args().First()
			return o.run(c.Context, sh)
		},
	}
}

type chownOptions struct {
	path, owner, group, session, cgroup string
	directory, maker                    bool
}

// value answers what is to be set.
func (o chownOptions) value() (string, error) {
	var all []string
	for _, x := range []struct{ prefix, value string }{{"", o.owner}, {"pgid:", o.group}, {"sid:", o.session}, {"cgroup:", o.cgroup}} {
		if x.value != "" {
			all = append(all, x.prefix+x.value)
		}
	}
	if o.directory {
		all = append(all, "directory")
	}
	if o.maker {
		all = append(all, inherit)
	}
	if len(all) != 1 {
		return "", usageError("see shmfs chown --help", "shmfs chown needs one new owner, such as --owner PID")
	}
	if o.maker {
		return inherit, nil
	}
	if err := regions.CheckOwner(all[0]); err != nil {
		return "", usageError("see shmfs chown --help", "%v", err)
	}
	return all[0], nil
}

func (o chownOptions) run(ctx context.Context, sh *shell) error {
	value, err := o.value()
	if err != nil {
		return err
	}
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return err
	}
	_, err = ask(ctx, o.path, func() (struct{}, error) {
		return struct{}{}, at.setAll(filepath.Join(at.Mountpoint, at.path), at.path, []setting{{regions.OwnerXattr, value}})
	})
	return err
}
