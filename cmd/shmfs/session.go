package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/regions"
)

func sessionCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name:  "session",
		Usage: "work with sessions: directories that end with all that is in them",
		Description: describe(`A session is a directory in one of lifetime session. It ends when nobody used it for its time,
when its owner is gone, or when somebody ends it: then every name in it goes, and what is in use lives on without one.`,
			"shmfs set /mnt/shm/sessions lifetime=session,ttl=30m", "shmfs session new /mnt/shm/sessions/abc --limit 2G",
			"shmfs session ls /mnt/shm"),
		Subcommands: []*cli.Command{sessionNewCommand(sh), sessionListCommand(sh),
			sessionSayCommand(sh, "end", "end a session, with all that is in it", "shmfs session end /mnt/shm/sessions/abc",
				"What is in use lives on without a name. What is pinned stays, and is no session any more."),
			sessionSayCommand(sh, "keep", "make plain regions of what is in a session", "shmfs session keep /mnt/shm/sessions/abc",
				"The directory is no session any more: it stays until somebody removes it.")},
	}
}

func sessionNewCommand(sh *shell) *cli.Command {
	var o sessionNewOptions
	return &cli.Command{
		Name:      "new",
		Usage:     "begin a session",
		ArgsUsage: "PATH",
		Description: describe("It is the same as mkdir in a directory of sessions, and the settings that are named.",
			"shmfs session new /mnt/shm/sessions/abc --ttl 10m --limit 2G --owner 4711"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "ttl", Usage: "end it when nobody used it for this `TIME`, such as 30m", Destination: &o.ttl},
			&cli.StringFlag{Name: "limit", Usage: "how much it may hold: a `LIMIT` as shmfs limits set takes it", Destination: &o.limit},
			&cli.StringFlag{Name: "owner", Usage: "end it when the process `PID` is gone", Destination: &o.owner},
		},
		Action: func(c *cli.Context) error {
			if err := exactlyOne(c, "the path of a session"); err != nil {
				return err
			}
			o.path = c.Args().First()
			return o.run(c.Context, sh)
		},
	}
}

type sessionNewOptions struct{ path, ttl, limit, owner string }

func (o sessionNewOptions) run(ctx context.Context, sh *shell) error {
	at, err := sh.open(ctx, filepath.Dir(o.path))
	if err != nil {
		return err
	}
	full, err := filepath.Abs(o.path)
	if err != nil {
		return err
	}
	settings := []setting{{regions.SessionXattr, "begin"}, {regions.LimitXattr, o.limit}, {regions.OwnerXattr, o.owner}}
	if o.ttl != "" {
		settings[0].value = "ttl=" + o.ttl
	}
	_, err = ask(ctx, o.path, func() (struct{}, error) {
		if err := os.Mkdir(full, 0o777); err != nil {
			return struct{}{}, err
		}
		if err := at.setAll(full, filepath.Join(at.path, filepath.Base(full)), settings); err != nil {
			return struct{}{}, errors.Join(err, os.Remove(full))
		}
		return struct{}{}, nil
	})
	return err
}

// setting is an extended attribute that is to be set; value "" leaves it.
type setting struct{ attribute, value string }

// setAll sets attributes of a file of the mount.
func (a asked) setAll(full, rel string, all []setting) error {
	for _, x := range all {
		if x.value == "" {
			continue
		}
		if err := a.Explained(rel, func() error { return setAttribute(full, x.attribute, x.value) }); err != nil {
			return fmt.Errorf("%s=%s: %w", x.attribute, x.value, err)
		}
	}
	return nil
}

// sessionSayCommand makes a command that says one word of a session.
func sessionSayCommand(sh *shell, word, usage, example, text string) *cli.Command {
	return &cli.Command{
		Name: word, Usage: usage, ArgsUsage: "PATH", Description: describe(text, example),
		Action: func(c *cli.Context) error {
			if err := exactlyOne(c, "the path of a session"); err != nil {
				return err
			}
			return sh.saySession(c.Context, c.Args().First(), word)
		},
	}
}

func (sh *shell) saySession(ctx context.Context, path, word string) error {
	at, err := sh.open(ctx, path)
	if err != nil {
		return err
	}
	full := filepath.Join(at.Mountpoint, at.path)
	_, err = ask(ctx, path, func() (struct{}, error) {
		if err := at.setAll(full, at.path, []setting{{regions.SessionXattr, word}}); err != nil || word != "end" {
			return struct{}{}, err
		}
		return struct{}{}, at.ended(full)
	})
	return err
}

// ended waits until a session is over. Who asked gives up before the server does.
func (a asked) ended(full string) error {
	for ; ; time.Sleep(pollTime / 10) {
		if _, err := os.Lstat(full); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if getAttribute(full, regions.SessionXattr) == "keep" {
			return nil // what is pinned
		}
		all, err := a.Sessions()
		if err != nil {
			return err
		}
		for _, x := range all {
			if x.Path == a.path && x.State == string(regions.CareFailing) {
				return &failure{code: exitFailed, reason: full + " cannot be ended: " + x.Reason, remedy: "it is tried again"}
			}
		}
	}
}

func sessionListCommand(sh *shell) *cli.Command {
	var o sessionListOptions
	return &cli.Command{
		Name:      "ls",
		Usage:     "list sessions with their use, limit and time left",
		ArgsUsage: "[PATH]",
		Description: describe("PATH is a mount point or anything below one; where only one shmfs is mounted it may be left out.",
			"shmfs session ls /mnt/shm", "shmfs session ls --json | jq -r '.[].path'"),
		Flags: []cli.Flag{jsonFlag(&o.json, "an array of objects with the keys of .ctl/sessions")},
		Action: func(c *cli.Context) error {
			if err := atMost(c, 1); err != nil {
				return err
			}
			o.path = c.Args().First()
			return o.run(c.Context, sh)
		},
	}
}

type sessionListOptions struct {
	path string
	json bool
}

func (o sessionListOptions) run(ctx context.Context, sh *shell) error {
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return err
	}
	all, err := ask(ctx, at.Mountpoint, at.Sessions)
	if err != nil {
		return err
	}
	if o.json {
		return sh.printJSON(all)
	}
	out := bufio.NewWriter(sh.out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATE\tREGIONS\tIN-USE\tPROMISED\tLIMIT\tOWNER\tENDS\tPATH")
	for _, x := range all {
		owner := ownerOf(&control.Care{OwnerPID: x.OwnerPID, OwnerKind: x.OwnerKind, Owner: x.Owner, OwnerGone: x.OwnerGone})
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\n", x.State, x.Regions, x.InUse, regions.FormatSize(x.Promised),
			sizeOrMax(x.Limit), owner, sh.deadline(x.Deadline), printable(x.Path))
	}
	return errors.Join(w.Flush(), out.Flush())
}
