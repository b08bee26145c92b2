package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/control"
)

func upgradeCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name:      "upgrade",
		Usage:     "let the program on disk serve a mount, without unmounting it",
		ArgsUsage: "MOUNTPOINT",
		Description: describe(`The server is replaced by a new one, started from the file that the mount was started from.
Clients notice nothing: requests wait some milliseconds, mapped memory not even that. If the program on disk cannot serve
the mount, the one that ran goes on.`,
			"make install && shmfs upgrade /mnt/shm"),
		Action: func(c *cli.Context) error {
			if err := exactlyOne(c, "a mount point"); err != nil {
				return err
			}
			return upgrade(c.Context, sh, c.Args().First())
		},
	}
}

// upgradeTime is how long a new server may take.
const upgradeTime = 30 * time.Second

// serverState is what an upgrade changes.
type serverState struct {
	keeper, server, restarts int64
	version                  string
}

func upgrade(ctx context.Context, sh *shell, path string) error {
	point, err := sh.finder.point(path)
	if err != nil {
		return err
	}
	before, err := stateOf(ctx, point)
	if err != nil {
		return err
	}
	if before.keeper == 0 {
		return &failure{code: exitFailed, reason: point + " has no keeper: its server cannot be replaced",
			remedy: "unmount with --keep, and mount again"}
	}
	if err := sh.mounter.renew(int(before.keeper)); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return notPermitted("upgrading "+point, err)
		}
		return err
	}
	for end := sh.now().Add(upgradeTime); sh.now().Before(end); time.Sleep(pollTime) {
		after, err := stateOf(ctx, point)
		if err != nil {
			return err
		}
		if after.restarts > before.restarts {
			_, err := fmt.Fprintf(sh.out, "%s is served by shmfs %s (pid %d), before by %s (pid %d)\n",
				printable(point), after.version, after.server, before.version, before.server)
			return err
		}
	}
	return &failure{code: exitNoAnswer, reason: "the server was not replaced", remedy: "see the log of the mount"}
}

func stateOf(ctx context.Context, point string) (serverState, error) {
	return ask(ctx, point, func() (serverState, error) {
		c, err := control.Open(point)
		if err != nil {
			return serverState{}, err
		}
		s, err := c.Stats()
		if err != nil {
			return serverState{}, err
		}
		v, err := c.Version()
		return serverState{s.Int("keeper_pid"), s.Int("server_pid"), s.Int("restarts_total"), v.Text("version")}, err
	})
}
