package main

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/regions"
)

// settable are the keys of `shmfs set`, and the extended attributes that keep them.
var settable = []struct{ key, attribute string }{
	{"lifetime", regions.LifetimeXattr},
	{"owner", regions.OwnerXattr},
	{"pin", regions.PinXattr},
	{"zero", regions.ZeroXattr},
	{"guard", regions.GuardXattr},
	{"labels", regions.LabelsXattr},
}

func setCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name:      "set",
		Usage:     "say when a region ends, or those of a directory",
		ArgsUsage: "PATH KEY=VALUE...",
		Description: describe(`lifetime= takes manual (somebody removes it), owner (the process that made it is gone and nobody
else has it), last-user (nobody has it any more), ttl=30m (nobody used it for as long), or, for a directory, session (each
directory in it is one: shmfs session); owner and last-user take a grace period: owner,grace=5s, session a time:
session,ttl=30m. owner= says what of the process that makes a region owns it: the process itself (process), its
process-group, its session (setsid(2)) or its cgroup; shmfs chown hands one to somebody else. pin=true keeps what it is set
on from ending by itself. zero=true overwrites the memory of regions with zeros when they end. guard=user lets only the
users who own or made a region, and root, remove, rename or shrink it; guard=process, while the process that owns it lives,
that one alone. labels=run=7 gives the regions that are made below a directory labels. What a directory says holds below it
where nothing nearer says something else; KEY=inherit takes back what was said.`,
			"shmfs set /mnt/shm/jobs lifetime=owner", "shmfs set /mnt/shm/pool lifetime=owner owner=process-group",
			"shmfs set /mnt/shm/jobs/result pin=true",
			"shmfs set /mnt/shm/keys zero=true"),
		Action: func(c *cli.Context) error {
			if c.NArg() < 2 {
				return usageError("see shmfs set --help", "shmfs set needs a path and a setting such as lifetime=owner")
			}
			return setLife(c.Context, sh, c.Args().First(), c.Args().Tail())
		},
	}
}

func setLife(ctx context.Context, sh *shell, path string, settings []string) error {
	var all []setting
	for _, s := range settings {
		key, value, ok := strings.Cut(s, "=")
		attribute := attributeOf(key)
		if !ok || attribute == "" {
			return usageError("see shmfs set --help", "no such setting: %q", s)
		}
		if value == "" {
			return usageError("to take it back: "+key+"="+inherit, "%s= needs a value", key)
		}
		if _, err := regions.ParseOwnerKind(value); key == "owner" && value != inherit && err != nil {
			return usageError("to hand it to somebody else: shmfs chown", "%v", err)
		}
		if err := regions.CheckLife(attribute, value); value != inherit && err != nil { // nothing is set if one cannot be
			return usageError("see shmfs set --help", "%v", err)
		}
		all = append(all, setting{attribute, value})
	}
	at, err := sh.open(ctx, path)
	if err != nil {
		return err
	}
	_, err = ask(ctx, path, func() (struct{}, error) {
		return struct{}{}, at.setAll(filepath.Join(at.Mountpoint, at.path), at.path, all)
	})
	return err
}

// inherit is the value that takes a setting back.
const inherit = "inherit"

func attributeOf(key string) string {
	for _, x := range settable {
		if x.key == key {
			return x.attribute
		}
	}
	return ""
}
