package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/regions"
)

func showCommand(sh *shell) *cli.Command {
	var o showOptions
	return &cli.Command{
		Name:      "show",
		Usage:     "tell everything about a region, and which processes hold it",
		ArgsUsage: "PATH",
		Description: describe(`Processes are found in /proc: those that have it mapped, open, or as working directory. An
ordinary user sees his own only. Of a region that is not there any more it tells how it ended, as long as that is
remembered.`,
			"shmfs show /mnt/shm/frames", "shmfs show /mnt/shm/frames --json"),
		Flags: []cli.Flag{jsonFlag(&o.json, "one object, as in .ctl/regions.json, with mount_point, labels, life (as in .ctl/gc; null for none), share_of, sealed, events and holders; of what ended, as in .ctl/history")},
		Action: func(c *cli.Context) error {
			if err := exactlyOne(c, "the path of a region"); err != nil {
				return err
			}
			o.path = c.Args().First()
			return o.run(c.Context, sh)
		},
	}
}

type showOptions struct {
	path string
	json bool
}

// shown is a region with those who hold it.
type shown struct {
	MountPoint string `json:"mount_point"`
	control.Region
	Labels  string   `json:"labels"`             // run=7,worker=3
	ShareOf *string  `json:"share_of,omitempty"` // "" if that is gone; nil if it is no share
	Sealed  bool     `json:"sealed"`
	Holders []holder `json:"holders"`
	// Life is as in `.ctl/gc`; nil if only somebody who removes it ends it.
	Life *control.Care `json:"life"`
	// Events are the last ones that are kept.
	Events []control.Told `json:"events"`
}

func (o showOptions) run(ctx context.Context, sh *shell) error {
	at, err := sh.open(ctx, o.path)
	if err != nil {
		return o.pastBelow(ctx, sh, err)
	}
	x, err := ask(ctx, o.path, func() (shown, error) { return o.look(sh, at) })
	if err != nil {
		_, err := ask(ctx, o.path, func() (struct{}, error) { return struct{}{}, o.past(sh, at, err) })
		return err
	}
	if o.json {
		return sh.printJSON(x)
	}
	return sh.describeRegion(x)
}

func (o showOptions) look(sh *shell, at asked) (shown, error) {
	x := shown{MountPoint: at.Mountpoint, Holders: []holder{}}
	var err error
	if x.Region, err = at.region(); err != nil {
		return x, err
	}
	full := filepath.Join(at.Mountpoint, at.path)
	x.Labels = getAttribute(full, regions.LabelsXattr)
	x.Sealed = getAttribute(full, regions.SealXattr) == "true"
	x.ShareOf = at.shareOf(x.Node)
	if x.Life, err = at.lifeOf(&x.Region); err != nil {
		return x, err
	}
	x.Events = at.eventsOf(x.Node)
	all, err := sh.finder.holders(at.Mountpoint)
	if err != nil {
		return x, err
	}
	x.Holders = append(x.Holders, holdersOf(all, at.path, x.Inode)...)
	return x, nil
}

// lifeOf answers when a region, or the nearest session that it is in, ends by itself, and why; nil if neither does.
func (a asked) lifeOf(r *control.Region) (*control.Care, error) {
	all, err := a.Cares()
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // of a release that knows of no lifetimes
	}
	var session *control.Care
	for i, x := range all {
		switch {
		case x.Node == r.Node:
			return &all[i], nil
		case strings.HasPrefix(x.Lifetime, "session") && strings.HasPrefix(r.Path, x.Path+"/") &&
			(session == nil || len(x.Path) > len(session.Path)):
			session = &all[i]
		}
	}
	return session, err
}

// shareOf answers of which region a node is a read-only share, "" of one that is gone; nil for none.
func (a asked) shareOf(node string) *string {
	all, err := a.Shares()
	if err != nil {
		return nil
	}
	for _, x := range all {
		if x.Node == node {
			return &x.Source
		}
	}
	return nil
}

// region finds the region by its path, or else by being the same file as one of several names: only one of them is
// listed.
func (a asked) region() (control.Region, error) {
	full := filepath.Join(a.Mountpoint, a.path)
	for r, err := range a.Regions(a.path) {
		if err != nil || r.Path == a.path {
			return r, err
		}
	}
	wanted, err := os.Stat(full)
	if err != nil {
		return control.Region{}, err
	}
	if !wanted.Mode().IsRegular() {
		return control.Region{}, &failure{code: exitNotFound, reason: full + " is not a region",
			remedy: "what is below it: shmfs ls " + printable(full)}
	}
	for r, err := range a.Regions("") {
		if err != nil {
			return r, err
		}
		if r.Links < 2 {
			continue
		}
		if info, err := os.Stat(filepath.Join(a.Mountpoint, r.Path)); err == nil && os.SameFile(info, wanted) {
			return r, nil
		}
	}
	return control.Region{}, &failure{code: exitNotFound, reason: full + " is not listed as a region",
		remedy: "it may be gone, or a control file: shmfs ls " + printable(a.Mountpoint)}
}

func (sh *shell) describeRegion(x shown) error {
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	o := owners{}
	line("path", "%s", printable(x.Path))
	line("mount point", "%s", printable(x.MountPoint))
	line("id", "%s", printable(orDash(x.ID)))
	line("size", "%s (%d bytes)", regions.FormatSize(x.Size), x.Size)
	line("resident", "%s (%d bytes)", regions.FormatSize(x.Resident), x.Resident)
	line("mode", "%s", x.Mode)
	line("owner", "%s (uid %d, gid %d)", o.name(x.UID), x.UID, x.GID)
	line("names", "%d", x.Links)
	line("labels", "%s", orDash(printable(x.Labels)))
	line("belongs to", "%s", belongsTo(&x.Region))
	line("lifetime", "%s", sh.lifeLine(&x.Region, x.Life))
	switch {
	case x.ShareOf == nil:
	case *x.ShareOf == "":
		line("share of", "a region that has no name any more")
	default:
		line("share of", "%s (read-only)", printable(*x.ShareOf))
	}
	if x.Sealed {
		line("sealed", "yes: nobody may write to it")
	}
	line("created", "%s, by %s", sh.moment(x.Created), creator(x.Region, o))
	line("last used", "%s", sh.moment(x.LastUsed))
	line("in use", "%s, %s, %d of them for writing", yesNo(x.InUse), count(x.Opens, "descriptor"), x.Writers)
	line("node", "%s (inode %d)", x.Node, x.Inode)
	if err := w.Flush(); err != nil {
		return err
	}
	if err := sh.writeTold(x.Events); err != nil {
		return err
	}
	fmt.Fprintln(sh.out, "held by")
	if len(x.Holders) == 0 {
		_, err := fmt.Fprintln(sh.out, "  nobody that can be seen from here")
		return err
	}
	return writeHolders(sh.out, x.Holders)
}

func creator(r control.Region, o owners) string {
	who := "an unknown process"
	if r.CreatorPID != 0 {
		who = fmt.Sprintf("pid %d", r.CreatorPID)
	}
	who += " of " + o.name(r.CreatorUID)
	if r.CreatorCgroup != "" {
		who += " in " + printable(r.CreatorCgroup)
	}
	return who
}

// belongsTo says whose a region is: what it ends with if its lifetime is owner.
func belongsTo(r *control.Region) string {
	if r.Owner == "" {
		return "-"
	}
	return r.OwnerKind + " " + printable(r.Owner)
}

// lifeLine tells a lifetime and how far it has come.
func (sh *shell) lifeLine(r *control.Region, x *control.Care) string {
	if x == nil {
		return "manual: until somebody removes it"
	}
	text := x.Lifetime
	if x.Node != r.Node {
		text += " of " + printable(x.Path)
	}
	text += ": " + strings.ReplaceAll(x.State, "_", " ")
	if !x.Deadline.IsZero() {
		text += ", ends " + sh.deadline(x.Deadline)
	}
	if x.Reason != "" {
		text += " (" + printable(x.Reason) + ")"
	}
	return text
}

// moment is a time with how long it is ago.
func (sh *shell) moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime) + " (" + ago(sh.now(), t) + ")"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
