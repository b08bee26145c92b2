package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
)

func upgradeCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name:      "upgrade",
		Usage:     "let the program on disk serve a mount, without unmounting it",
		ArgsUsage: "MOUNTPOINT",
		Description: describe(`The server is replaced by a new one, started from the file that the mount was started from.
Clients notice nothing: requests wait some milliseconds, mapped memory not even that. What servers hand on to each other
has a layout, which is a release's own, or that of the one before: any two releases that follow each other can take over
from each other, forth and back. A program that is farther away is refused before anything is changed, and one that cannot
serve the mount is replaced by the one that ran.`,
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
const upgradeTime = 2 * time.Minute

// serverState is what an upgrade changes, and goes by.
type serverState struct {
	keeper, server, restarts int64
	hidden                   bool // these processes cannot be seen from here
	version                  string
	program                  string // on disk
	ledger                   ledger.Layout
}

func upgrade(ctx context.Context, sh *shell, path string) error {
	point, err := sh.finder.point(path)
	if err != nil {
		return err
	}
	before, err := sh.stateOf(ctx, point)
	if err != nil {
		return err
	}
	if before.keeper == 0 && !before.hidden {
		return &failure{code: exitFailed, reason: point + " has no keeper: its server cannot be replaced",
			remedy: "unmount with --keep, and mount again"}
	}
	if before.hidden {
		return &failure{code: exitFailed, reason: "the server of " + point + " runs in a pid namespace that cannot be seen from here",
			remedy: "upgrade it where it was mounted, or from outside of it"}
	}
	if err := before.suits(ctx, sh, point); err != nil {
		return err
	}
	if err := sh.mounter.renew(int(before.keeper)); err != nil {
		return upgradeFailure(point, err)
	}
	for end := sh.now().Add(upgradeTime); sh.now().Before(end); time.Sleep(pollTime) {
		after, err := sh.stateOf(ctx, point)
		if errors.Is(err, syscall.EIO) {
			continue // servers of early releases lose a request that they are just reading when they are killed
		}
		if err != nil {
			return err
		}
		if after.restarts > before.restarts {
			return before.replaced(sh, point, after)
		}
	}
	return &failure{code: exitNoAnswer, reason: "the server was not replaced", remedy: "see the log of the mount"}
}

func upgradeFailure(point string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return notPermitted("upgrading "+point, err)
	}
	return err
}

// suits asks the program on disk what it is, and refuses it if it cannot take over.
func (s *serverState) suits(ctx context.Context, sh *shell, point string) (err error) {
	if s.program == "" { // the keeper is of a release that does not say
		if s.program, err = sh.programs.programOf(int(s.keeper)); err != nil {
			return upgradeFailure(point, err)
		}
	}
	next, err := sh.programs.ask(ctx, s.program)
	if err != nil {
		return &failure{code: exitFailed, reason: s.program + " does not say that it is shmfs; nothing was changed", err: err,
			remedy: "see what is there: " + printable(s.program) + " version"}
	}
	next.Ledger = max(next.Ledger, 1)
	if s.ledger.Readable(next.Ledger) {
		return nil
	}
	return &failure{code: exitFailed,
		reason: fmt.Sprintf("shmfs %s cannot take over from shmfs %s: it hands on in layout %d, and %s has layout %d; nothing was changed",
			next.Version, s.version, next.Ledger, point, s.ledger.Version),
		remedy: "install the release between the two first, and upgrade to that one\n" +
			"or, when nobody uses it: shmfs umount --keep " + printable(point) + " && shmfs mount " + printable(point)}
}

// replaced tells which program serves now: if the new one could not, it is the one that ran.
func (s *serverState) replaced(sh *shell, point string, after serverState) error {
	ok, err := sh.programs.runs(int(after.server), s.program)
	if err != nil {
		return upgradeFailure(point, err)
	}
	if !ok {
		return &failure{code: exitFailed, reason: s.program + " could not serve " + point + "; the program that ran goes on",
			remedy: "the log of the mount says why"}
	}
	_, err = fmt.Fprintf(sh.out, "%s is served by shmfs %s (pid %d), before by %s (pid %d)\n",
		printable(point), after.version, after.server, s.version, s.server)
	return err
}

func (sh *shell) stateOf(ctx context.Context, point string) (serverState, error) {
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
		namespace := uint64(s.Int("pid_namespace"))
		keeper, seen := sh.finder.process(int(s.Int("keeper_pid")), namespace)
		server, _ := sh.finder.process(int(s.Int("server_pid")), namespace)
		return serverState{
			keeper: int64(keeper), server: int64(server), hidden: !seen, restarts: s.Int("restarts_total"),
			version: v.Text("version"), program: s.Text("program"),
			// The first layout did not say so.
			ledger: ledger.Layout{Version: uint32(max(1, s.Int("ledger_version"))), Oldest: uint32(max(1, s.Int("ledger_oldest")))},
		}, err
	})
}
