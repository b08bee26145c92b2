package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/regions"
)

func sealCommand(sh *shell) *cli.Command {
	var o sealOptions
	return &cli.Command{
		Name:      "seal",
		Usage:     "let nobody write to a region any more",
		ArgsUsage: "PATH",
		Description: describe(`It is refused while somebody has the region open or mapped for writing, and tells who has it.
Afterwards nobody can open it for writing, or give it another size; it can be removed.`,
			"shmfs seal /mnt/shm/models/llama", "shmfs seal --undo /mnt/shm/models/llama"),
		Flags: []cli.Flag{&cli.BoolFlag{Name: "undo", Usage: "take the seal away", Destination: &o.undo}},
		Action: func(c *cli.Context) error {
			if err := exactlyOne(c, "the path of a region"); err != nil {
				return err
			}
			o.path = c.Args().First()
			return o.run(c.Context, sh)
		},
	}
}

type sealOptions struct {
	path string
	undo bool
}

func (o sealOptions) run(ctx context.Context, sh *shell) error {
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return err
	}
	value := "true"
	if o.undo {
		value = inherit
	}
	_, err = ask(ctx, o.path, func() (struct{}, error) {
		full := filepath.Join(at.Mountpoint, at.path)
		err := at.setAll(full, at.path, []setting{{regions.SealXattr, value}})
		if errors.Is(err, regions.Busy) {
			err = sh.beingWritten(at, err)
		}
		return struct{}{}, err
	})
	return err
}

// beingWritten names who has a region that cannot be sealed.
func (sh *shell) beingWritten(at asked, err error) error {
	r, bad := at.region()
	if bad != nil {
		return err
	}
	all, _ := sh.finder.holders(at.Mountpoint) // without them there is still the reason
	var b strings.Builder
	writeHolders(&b, holdersOf(all, at.path, r.Inode)) // into memory: cannot fail
	b.WriteString("once nobody has it for writing: shmfs seal " + printable(filepath.Join(at.Mountpoint, at.path)))
	return &failure{code: exitBusy, reason: "somebody has it open or mapped for writing", remedy: b.String()}
}
