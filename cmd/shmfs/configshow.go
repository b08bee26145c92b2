package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/policy"
)

func configShowCommand(sh *shell) *cli.Command {
	var o configShowOptions
	return &cli.Command{
		Name:      "show",
		Usage:     "print a mount's configuration, or the defaults",
		ArgsUsage: "[PATH]",
		Description: describe(`PATH is a mount point or anything below one. Without it, every key is printed with its
default: a good start for a file.`,
			"shmfs config show > /etc/shmfs.toml", "shmfs config show /mnt/shm --json"),
		Flags: []cli.Flag{jsonFlag(&o.json, "one object with the text of every key")},
		Action: func(c *cli.Context) error {
			if err := atMost(c, 1); err != nil {
				return err
			}
			o.path = c.Args().First()
			return o.run(c.Context, sh)
		},
	}
}

type configShowOptions struct {
	path string
	json bool
}

func (o configShowOptions) run(ctx context.Context, sh *shell) error {
	text, err := o.read(ctx, sh)
	if err != nil {
		return err
	}
	if !o.json {
		_, err := sh.out.Write(text)
		return err
	}
	c, err := policy.Parse("config", text)
	if err != nil {
		return err
	}
	return sh.printJSON(configObject(c))
}

func (o configShowOptions) read(ctx context.Context, sh *shell) ([]byte, error) {
	if o.path == "" {
		c := policy.Default()
		return c.Encode(), nil
	}
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return nil, err
	}
	return ask(ctx, at.Mountpoint, at.Config)
}

// configObject is a configuration as JSON has it: every value as the text that sets it.
func configObject(c policy.Config) map[string]string {
	all := map[string]string{}
	for _, k := range policy.Keys() {
		all[k.Name] = c.Get(k.Name)
	}
	return all
}
