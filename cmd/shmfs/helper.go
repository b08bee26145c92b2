package main

import (
	"context"
	"path/filepath"
	"strings"
)

// isMountHelper reports whether the program was called by mount(8), which runs /sbin/mount.TYPE.
func isMountHelper(name string) bool {
	base := filepath.Base(name)
	return base == "mount.shmfs" || base == "mount.fuse.shmfs"
}

// helperStatus translates an exit code to those of mount(8), which passes them on.
func helperStatus(c exitCode) exitCode {
	switch c {
	case exitOK:
		return 0
	case exitUsage, exitPermission:
		return 1 // incorrect invocation or permissions
	}
	return 32 // mount failure
}

// helperCall is how mount(8) calls a helper: mount.shmfs SOURCE MOUNTPOINT [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE].
type helperCall struct {
	point   string
	options string
	dry     bool // -f: all but the mount
	verbose bool
}

func parseHelper(args []string) (helperCall, error) {
	var h helperCall
	var positional, options []string
	for i := 1; i < len(args); i++ {
		arg := args[i]
		switch {
		case !strings.HasPrefix(arg, "-") || arg == "-":
			positional = append(positional, arg)
			continue
		case arg == "-o" || arg == "-t" || arg == "-N":
			if i++; i == len(args) {
				return h, usageError("see mount(8)", "%s needs a value", arg)
			}
			if arg == "-o" {
				options = append(options, args[i])
			}
			continue
		}
		if err := h.letters(arg); err != nil {
			return h, err
		}
	}
	if len(positional) != 2 {
		return h, usageError("mount.shmfs SOURCE MOUNTPOINT [-o OPTIONS]", "want a source and a mount point")
	}
	h.point, h.options = positional[1], strings.Join(options, ",")
	return h, nil
}

// letters reads flags such as -fv. Tolerance of unknown options (-s) and mount tables (-n) are nothing to us.
func (h *helperCall) letters(arg string) error {
	for _, c := range arg[1:] {
		switch c {
		case 'f':
			h.dry = true
		case 'v':
			h.verbose = true
		case 's', 'n':
		default:
			return usageError("see mount(8)", "unknown option -%c", c)
		}
	}
	return nil
}

// mountHelper mounts as mount(8) and fstab(5) ask for it.
func mountHelper(ctx context.Context, sh *shell, args []string) error {
	h, err := parseHelper(args)
	if err != nil {
		return err
	}
	o := mountOptions{overrides: overrides{options: h.options}, quiet: !h.verbose}
	if err := o.configure(); err != nil {
		return err
	}
	if err := o.absolute(h.point); err != nil {
		return err
	}
	switch {
	case o.remount:
		return o.change(ctx, sh)
	case h.dry:
		return nil
	}
	return o.run(ctx, sh)
}
