package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

func shareCommand(sh *shell) *cli.Command {
	var o shareOptions
	return &cli.Command{
		Name:      "share",
		Usage:     "give a region a second name through which nobody can write",
		ArgsUsage: "[REGION NAME]",
		Description: describe(`The second name shows what is written to the region. It has a mode and an owner of its own, at
first those of the region; who opens it for writing gets EROFS, whoever it is, and no memory that is mapped through it can be
made writable. Without arguments the shares of the only mount are listed.`,
			"shmfs share --read-only /mnt/shm/frames /mnt/shm/public/frames", "shmfs share --json"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "read-only", Usage: "nobody writes through it: the only kind of share that there is",
				Destination: &o.readOnly},
			jsonFlag(&o.json, "an array of objects with the keys of .ctl/shares"),
		},
		Action: func(c *cli.Context) error {
			if err := atMost(c, 2); err != nil {
				return err
			}
			o.paths = c.Args().Slice()
			return o.run(c.Context, sh)
		},
	}
}

type shareOptions struct {
	paths          []string
	readOnly, json bool
}

func (o shareOptions) run(ctx context.Context, sh *shell) error {
	switch {
	case len(o.paths) < 2 && !o.readOnly:
		return o.list(ctx, sh, strings.Join(o.paths, ""))
	case len(o.paths) < 2 || !o.readOnly || o.json:
		return usageError("see shmfs share --help", "shmfs share needs --read-only, a region and a second name for it")
	}
	from, err := sh.open(ctx, o.paths[0])
	if err != nil {
		return err
	}
	to, err := sh.open(ctx, filepath.Dir(o.paths[1]))
	if err != nil {
		return err
	}
	if from.Mountpoint != to.Mountpoint {
		return usageError("make it in "+printable(from.Mountpoint), "a share is in the same mount as the region")
	}
	name := filepath.Join(to.path, filepath.Base(o.paths[1]))
	_, err = ask(ctx, from.Mountpoint, func() (struct{}, error) { return struct{}{}, from.Share(from.path, name) })
	return err
}

func (o shareOptions) list(ctx context.Context, sh *shell, path string) error {
	at, err := sh.open(ctx, path)
	if err != nil {
		return err
	}
	all, err := ask(ctx, at.Mountpoint, at.Shares)
	if err != nil {
		return err
	}
	if o.json {
		return sh.printJSON(all)
	}
	var errs []error
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACCESS\tREGION\tPATH")
	for _, x := range all {
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\n", x.Access, orDash(printable(x.Source)), printable(x.Path))
		errs = append(errs, err)
	}
	return errors.Join(append(errs, w.Flush())...)
}
