package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/policy"
	"github.com/shmfs/shmfs/regions"
)

func mountCommand(sh *shell) *cli.Command {
	o := mountOptions{}
	return &cli.Command{
		Name:      "mount",
		Usage:     "mount a shmfs and serve it",
		ArgsUsage: "MOUNTPOINT",
		Description: describe(`Returns when the mount is ready, with a line that says where, how large and how bytes travel;
the server stays in the background. With --foreground it stays here and logs to stderr: Ctrl-C unmounts, a second one
within five seconds detaches a mount that is busy. SIGHUP reads the configuration file again.

What is not said comes from the configuration file, if there is one, and from the defaults. Options of -o go over the
file, --set over those, flags of their own over all.

An ordinary user mounts with fusermount3, and gets a directory of his own under /dev/shm as the arena.

In the foreground it tells the service manager that started it, if one did (systemd's Type=notify), when it is ready, how
it is, and that it is alive. With --restartable it also gives the mount into the manager's descriptor store: SIGTERM then
ends the processes and not the mount, the next start goes on with it, and shmfs umount ends it.`,
			"shmfs mount /mnt/shm --size 8G",
			"shmfs mount /mnt/shm --config /etc/shmfs.toml --foreground",
			"mount -t shmfs none /mnt/shm -o size=8G",
			"echo 'none /mnt/shm shmfs size=8G,nofail 0 0' >> /etc/fstab"),
		Flags: append(keyFlags(), mountFlags(&o)...),
		Action: func(c *cli.Context) error {
			if err := o.complete(c); err != nil {
				return err
			}
			return o.run(c.Context, sh)
		},
	}
}

// mountOptions is all that a mount takes.
type mountOptions struct {
	point      string
	config     policy.Config
	overrides  overrides
	configFile string
	logFile    string
	foreground bool
	replace    bool
	restart    bool // the service manager keeps the mount between two processes
	json       bool
	quiet      bool          // do not say that it is mounted
	remount    bool          // change the mount that is there
	noexec     bool          // no program may be started from it
	readyFD    int           // where the background server says that it is ready; 0 for who started it
	behind     bool          // nobody is at a terminal
	noKeeper   bool          // the mount ends with its server
	crashes    int           // deaths in a row that are a crash loop; 0 is usual
	soon       time.Duration // after its start, that a server dies so; 0 is usual
	held       string        // what a keeper hands to the server that it starts, see held
}

func mountFlags(o *mountOptions) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "read what is not said here from a TOML `FILE`", Destination: &o.configFile},
		&cli.StringSliceFlag{Name: "set", Usage: "set any key of the configuration: `KEY=VALUE`"},
		&cli.StringSliceFlag{Name: "option", Aliases: []string{"o"}, Usage: "`OPTIONS` as mount(8) takes them: size=8G,keep"},
		&cli.BoolFlag{Name: "foreground", Aliases: []string{"f"}, Usage: "stay in the foreground, log to stderr",
			Destination: &o.foreground},
		&cli.BoolFlag{Name: "replace", Usage: "take the place of a mount that has lost its server", Destination: &o.replace},
		&cli.BoolFlag{Name: "restartable", Destination: &o.restart,
			Usage: "let the service manager keep the mount, so that this process can end and be started again"},
		&cli.StringFlag{Name: "log-file", Usage: "append the log to a `FILE`; in the background it goes to syslog otherwise",
			Destination: &o.logFile},
		jsonFlag(&o.json, "one object with mount_point, mode, reason, size_bytes, server_pid, regions_adopted, warnings"),
		&cli.IntFlag{Name: readyFlag, Hidden: true, Destination: &o.readyFD},
		&cli.BoolFlag{Name: noKeeperFlag, Hidden: true, Destination: &o.noKeeper},
		&cli.IntFlag{Name: crashesFlag, Hidden: true, Destination: &o.crashes},
		&cli.DurationFlag{Name: soonFlag, Hidden: true, Destination: &o.soon},
		&cli.StringFlag{Name: heldFlag, Hidden: true, Destination: &o.held},
	}
}

const (
	// readyFlag is how a server in the background learns where to say that it is ready.
	readyFlag = "ready-fd"
	// heldFlag is how a server learns what its keeper holds for it.
	heldFlag = "held"
	// noKeeperFlag, crashesFlag and soonFlag are for tests.
	noKeeperFlag = "no-keeper"
	crashesFlag  = "crash-loop-deaths"
	soonFlag     = "crash-loop-within"
)

// complete reads what the flags say.
func (o *mountOptions) complete(c *cli.Context) error {
	if err := exactlyOne(c, "a mount point, such as /mnt/shm"); err != nil {
		return err
	}
	o.overrides, o.behind = said(c), o.readyFD > 0
	if err := o.configure(); err != nil {
		return err
	}
	if o.restart && !o.foreground && o.held == "" {
		return usageError("a service manager starts it: shmfs mount --foreground --restartable", "--restartable needs --foreground")
	}
	if o.remount {
		return usageError("mount -o remount,... calls the mount helper", "option remount: for mount(8) only")
	}
	return o.absolute(c.Args().First())
}

// absolute makes paths independent of where the server runs.
func (o *mountOptions) absolute(point string) error {
	o.point = point
	for _, p := range []*string{&o.point, &o.configFile, &o.logFile} {
		if *p == "" {
			continue
		}
		full, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = full
	}
	return nil
}

// arguments is the command line of a server with the same options, and one more.
func (o *mountOptions) arguments(flag string, value any) []string {
	args := []string{"mount", fmt.Sprintf("--%s=%v", flag, value)}
	if o.noKeeper {
		args = append(args, "--"+noKeeperFlag)
	}
	if o.crashes > 0 {
		args = append(args, fmt.Sprintf("--%s=%d", crashesFlag, o.crashes))
	}
	if o.soon > 0 {
		args = append(args, fmt.Sprintf("--%s=%v", soonFlag, o.soon))
	}
	if o.configFile != "" {
		args = append(args, "--config="+o.configFile)
	}
	if o.logFile != "" {
		args = append(args, "--log-file="+o.logFile)
	}
	if o.replace {
		args = append(args, "--replace")
	}
	if o.overrides.options != "" {
		args = append(args, "--option="+o.overrides.options)
	}
	for _, s := range o.overrides.sets {
		args = append(args, "--set="+s)
	}
	return append(args, "--", o.point)
}

// mounted is what a server says when it is ready.
type mounted struct {
	Point   string `json:"mount_point"`
	Mode    string `json:"mode"`             // how bytes travel: passthrough or cached
	Reason  string `json:"reason,omitempty"` // why not better
	Size    int64  `json:"size_bytes"`       // regions.Unlimited for no limit
	PID     int    `json:"server_pid"`
	Regions int64  `json:"regions_adopted,omitempty"`

	Warnings []string `json:"warnings,omitempty"` // what was asked for and cannot be had
}

func (m mounted) String() string {
	size := "unlimited"
	if m.Size != regions.Unlimited {
		size = regions.FormatSize(m.Size)
	}
	s := fmt.Sprintf("shmfs on %s: %s, %s", printable(m.Point), size, m.Mode)
	if m.Reason != "" {
		s += " (" + m.Reason + ")"
	}
	if m.Regions > 0 {
		s += ", " + count(int(m.Regions), "region") + " adopted"
	}
	return s
}

func (o mountOptions) run(ctx context.Context, sh *shell) error {
	if o.held != "" {
		return sh.mounter.serve(ctx, sh, o, func(mounted) error { return nil })
	}
	if o.readyFD > 0 {
		return sh.mounter.serveBehind(ctx, sh, o)
	}
	o.warn(sh)
	if o.foreground {
		return sh.mounter.serve(ctx, sh, o, func(m mounted) error { return o.tell(sh, m) })
	}
	m, err := sh.mounter.start(ctx, o)
	if err != nil {
		return err
	}
	return o.tell(sh, m)
}

func (o *mountOptions) tell(sh *shell, m mounted) error {
	for _, w := range m.Warnings {
		sh.warn(w)
	}
	switch {
	case o.json:
		return sh.printJSON(m)
	case o.quiet:
		return nil
	}
	_, err := fmt.Fprintln(sh.out, m)
	return err
}

// warn tells what is allowed and probably not meant.
func (o *mountOptions) warn(sh *shell) {
	ram, err := totalMemory(sh.root)
	if err != nil {
		return // nothing to compare with
	}
	for _, w := range o.config.Warnings(ram) {
		sh.warn(w)
	}
}

// notPermitted is what a refusal by the system means for the one who mounts.
func notPermitted(what string, err error) error {
	return &failure{code: exitPermission, reason: what, err: err,
		remedy: "as root, or see what is missing: shmfs doctor"}
}
