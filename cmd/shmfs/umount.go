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
	"github.com/shmfs/shmfs/policy"
)

func umountCommand(sh *shell) *cli.Command {
	var o umountOptions
	return &cli.Command{
		Name:      "umount",
		Usage:     "unmount a shmfs, and end its server and its regions",
		ArgsUsage: "MOUNTPOINT",
		Description: describe(`The regions end with the mount, as those of a tmpfs do, unless it is kept. Returns when the
server is gone. If somebody holds a region or works below the mount point, they are listed, nothing changes, and the
exit code says busy. A file system that is mounted elsewhere too, by a bind mount or in another mount namespace, goes away
here only; where else it is mounted is listed, and the exit code says busy.`,
			"shmfs umount /mnt/shm", "shmfs umount /mnt/shm --keep && shmfs mount /mnt/shm"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "lazy", Aliases: []string{"l"}, Destination: &o.lazy,
				Usage: "detach it now, whoever holds it: what is mapped or open stays usable until it is let go"},
			&cli.StringFlag{Name: "unit", Destination: &o.unit,
				Usage: "as ExecStop= of a systemd `UNIT`: only if it is being stopped, not if it is restarted; what is busy is detached"},
			&cli.BoolFlag{Name: "keep", Destination: &o.keep, Usage: "leave the regions for the next mount at the same place"},
		},
		Action: func(c *cli.Context) error {
			if err := exactlyOne(c, "a mount point"); err != nil {
				return err
			}
			o.path = c.Args().First()
			return o.run(c.Context, sh)
		},
	}
}

type umountOptions struct {
	path string
	lazy bool
	keep bool
	unit string // of systemd
}

// endTime is how long a server may take to end after the unmount: it gives back all memory, some GiB a second.
const endTime = 2 * time.Minute

func (o umountOptions) run(ctx context.Context, sh *shell) error {
	if o.unit != "" {
		return o.forUnit(ctx, sh)
	}
	point, err := sh.finder.point(o.path)
	if err != nil {
		return err
	}
	server, err := sh.serverOf(ctx, point)
	switch {
	case codeOf(err) == exitDead:
		return o.bury(ctx, sh, point)
	case err != nil && (o.keep || !o.lazy): // nobody can be told to keep the regions
		return err
	case o.keep:
		return o.kept(ctx, sh, server)
	case !o.lazy:
		if err := o.inUse(ctx, sh, server); err != nil {
			return err
		}
	}
	return o.away(ctx, sh, server)
}

// away unmounts and waits.
func (o umountOptions) away(ctx context.Context, sh *shell, s server) error {
	s.device, _ = sh.finder.device(s.Mountpoint) // without it nobody is named
	if err := sh.unmount(s.Mountpoint, o.lazy); err != nil {
		return err
	}
	return o.wait(ctx, sh, s)
}

// bury takes a mount away that has lost its server, and what the server would have ended.
func (o umountOptions) bury(ctx context.Context, sh *shell, point string) error {
	if !o.lazy && !o.keep {
		if err := sh.abandoned(ctx, point); err != nil {
			return err
		}
	}
	if err := sh.unmount(point, true); err != nil || o.keep {
		return err
	}
	return sh.unmounter.discard(point)
}

// kept unmounts, and leaves the regions to the next mount. If it is busy, nothing is changed.
func (o umountOptions) kept(ctx context.Context, sh *shell, s server) error {
	before, err := ask(ctx, s.Mountpoint, func() (string, error) { return s.setKeep("true") })
	if err != nil {
		return err
	}
	s.device, _ = sh.finder.device(s.Mountpoint)
	if err := sh.unmount(s.Mountpoint, o.lazy); err != nil {
		_, undone := s.setKeep(before)
		return errors.Join(err, undone)
	}
	return o.wait(ctx, sh, s)
}

// server is who serves a mount.
type server struct {
	*control.Client
	pid    int   // 0 if it does not answer, or cannot be seen from here
	hidden bool  // it answers, and cannot be seen: it runs in a pid namespace that is not below this one
	inUse  int64 // regions

	device uint64 // of the file system; 0 if it is not known
}

func (sh *shell) serverOf(ctx context.Context, point string) (server, error) {
	s, err := ask(ctx, point, func() (server, error) {
		c, err := control.Open(point)
		if err != nil {
			return server{}, err
		}
		s, err := c.Stats()
		pid := s.Int("keeper_pid") // it ends after its server
		if pid == 0 {
			pid = s.Int("server_pid")
		}
		x := server{Client: c, pid: int(pid), inUse: s.Int("regions_in_use")}
		if pid != 0 {
			var seen bool
			x.pid, seen = sh.finder.process(int(pid), uint64(s.Int("pid_namespace")))
			x.hidden = !seen
		}
		return x, err
	})
	if s.Client == nil {
		s.Client = &control.Client{Mountpoint: point}
	}
	return s, err
}

// configOf answers the effective configuration of a mount.
func configOf(c *control.Client) (policy.Config, error) {
	text, err := c.Config()
	if err != nil {
		return policy.Config{}, err
	}
	return policy.Parse(".ctl/config", text)
}

// setKeep says whether the server leaves the regions where they are when it ends, and answers what held before.
func (s server) setKeep(value string) (before string, err error) {
	c, err := configOf(s.Client)
	if err != nil {
		return "", err
	}
	err = s.Set("keep", value)
	if errors.Is(err, fs.ErrPermission) {
		err = notPermitted("keeping the regions of "+s.Mountpoint, err)
	}
	return c.Get("keep"), err
}

// unmount takes a mount away, and lists who holds it if it is busy.
func (sh *shell) unmount(point string, lazy bool) error {
	err := sh.unmounter.unmount(point, lazy)
	switch {
	case errors.Is(err, syscall.EBUSY):
		all, _ := sh.finder.holders(point) // without them there is still the reason
		below, _ := sh.finder.below(point)
		return busy(point, all, below)
	case errors.Is(err, fs.ErrPermission):
		return notPermitted("unmounting "+point, err)
	}
	return err
}

// wait waits until the server is gone, so that nothing is left. One that was detached while in use ends with its last
// user.
func (o umountOptions) wait(ctx context.Context, sh *shell, s server) error {
	if s.pid == 0 && !s.hidden {
		return nil
	}
	limit := elsewhereTime
	if o.lazy {
		limit = lazyTime
	}
	err := sh.goneWithin(ctx, limit, s)
	switch {
	case !errors.Is(err, context.DeadlineExceeded):
		return err
	case o.lazy:
		return o.lingering(sh, s)
	}
	if err := sh.mountedElsewhere(s); err != nil {
		return err
	}
	if err := sh.goneWithin(ctx, endTime-elsewhereTime, s); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &failure{code: exitNoAnswer,
		reason: fmt.Sprintf("%s is unmounted, but its server (%s) has not ended", s.Mountpoint, s.who()),
		remedy: "it may still be giving back memory; see its log"}
}

func (sh *shell) goneWithin(ctx context.Context, limit time.Duration, s server) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if s.hidden {
		return sh.unmounter.left(ctx, s.Mountpoint)
	}
	return sh.unmounter.gone(ctx, s.pid)
}

func (s server) who() string {
	if s.hidden {
		return "in another pid namespace"
	}
	return fmt.Sprintf("pid %d", s.pid)
}

// lingering is for a server that was detached while in use. The place of its regions is given up now, so that the next
// mount here does not find them.
func (o umountOptions) lingering(sh *shell, s server) error {
	if !o.keep {
		if err := sh.unmounter.discard(s.Mountpoint); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(sh.out, "%s is detached; its server (%s) ends with the last who holds a region\n",
		printable(s.Mountpoint), s.who())
	return err
}

// lazyTime is how long a lazy unmount waits for a server that nobody holds any more.
const lazyTime = time.Second
