package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/policy"
	"github.com/shmfs/shmfs/regions"
)

// keyFlags makes a flag of every key of the configuration.
func keyFlags() []cli.Flag {
	initial := policy.Default()
	var flags []cli.Flag
	for _, k := range policy.Keys() {
		help := lower(strings.TrimSuffix(k.Help, "."))
		if k.Kind == policy.Switch {
			flags = append(flags, &cli.BoolFlag{Name: flagOf(k), Usage: help})
			continue
		}
		flags = append(flags, &cli.StringFlag{Name: flagOf(k), DefaultText: initial.Get(k.Name),
			Usage: "`" + strings.ToUpper(k.Name) + "` " + help + ": " + k.Values})
	}
	return flags
}

func flagOf(k policy.Key) string { return strings.ReplaceAll(k.Name, "_", "-") }

// overrides are what was said beside the configuration file. They hold when the file is read again, too.
type overrides struct {
	options string   // of mount(8)
	sets    []string // KEY=VALUE, over the options
}

func (o overrides) apply(c *policy.Config) error {
	if _, err := c.SetOptions(o.options); err != nil {
		return usageError("see shmfs mount --help", "%v", err)
	}
	for _, assignment := range o.sets {
		if err := set(c, assignment); err != nil {
			return err
		}
	}
	return nil
}

// said collects -o, --set and the keys' own flags.
func said(c *cli.Context) overrides {
	o := overrides{options: strings.Join(c.StringSlice("option"), ","), sets: c.StringSlice("set")}
	for _, k := range policy.Keys() {
		switch name := flagOf(k); {
		case !c.IsSet(name):
		case k.Kind == policy.Switch:
			o.sets = append(o.sets, k.Name+"="+strconv.FormatBool(c.Bool(name)))
		default:
			o.sets = append(o.sets, k.Name+"="+c.String(name))
		}
	}
	return o
}

// configure makes the configuration: defaults, file, overrides, each over the one before.
func (o *mountOptions) configure() error {
	scratch := policy.Default()
	rest, err := scratch.SetOptions(o.overrides.options)
	if err != nil {
		return usageError("see shmfs mount --help", "%v", err)
	}
	if err := o.take(rest); err != nil {
		return err
	}
	o.config, err = o.read()
	return err
}

// read reads the configuration file, if there is one.
func (o *mountOptions) read() (policy.Config, error) {
	c := policy.Default()
	if o.configFile != "" {
		var err error
		if c, err = loadConfig(o.configFile); err != nil {
			return c, err
		}
	}
	if err := o.overrides.apply(&c); err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, usageError("see shmfs mount --help", "%v", err)
	}
	return c, nil
}

// take judges the options of mount(8) that are no keys of the configuration.
func (o *mountOptions) take(options []string) error {
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		switch {
		case name == "config":
			o.configFile = value
		case name == "log_file":
			o.logFile = value
		case name == "replace":
			o.replace = true
		case name == "remount":
			o.remount = true
		case name == "noexec":
			o.noexec = true
		case name == "ro":
			return usageError("leave it out", "option ro: nothing could be made on a new mount that is read-only")
		case !generic(name):
			return usageError(didYouMean("", nearest(name, optionNames()), "see shmfs mount --help"), "unknown option %s", name)
		}
	}
	return nil
}

func optionNames() []string {
	names := []string{"config", "log_file", "replace", "remount"}
	for _, k := range policy.Keys() {
		names = append(names, k.Name)
	}
	return names
}

// generic reports whether an option is for mount(8), systemd.mount(5) or the kernel's VFS, and nothing to us. A shmfs
// is nosuid and nodev whatever they say.
func generic(name string) bool {
	switch name {
	case "rw", "defaults", "auto", "noauto", "nofail", "_netdev", "user", "nouser", "users", "owner", "group",
		"exec", "suid", "nosuid", "dev", "nodev", "atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime",
		"strictatime", "nostrictatime", "lazytime", "nolazytime", "sync", "async", "dirsync", "silent", "loud", "mand",
		"nomand", "comment", "fsname", "subtype":
		return true
	case "user_id", "group_id", "default_permissions", "max_read": // a remount repeats what the mount table shows
		return true
	}
	return strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "X-")
}

// set reads "key=value" into a configuration.
func set(c *policy.Config, assignment string) error {
	key, value, found := strings.Cut(assignment, "=")
	if !found {
		return usageError("write KEY=VALUE, such as size=8G", "%s has no value", assignment)
	}
	if err := c.Set(key, value); err != nil {
		remedy := "shmfs config show lists the keys"
		if k, ok := policy.FindKey(key); ok {
			remedy = k.Name + " takes " + k.Values
		}
		return usageError(remedy, "%v", err)
	}
	return nil
}

// loadConfig reads a configuration file; what is wrong with it is told a line each.
func loadConfig(file string) (policy.Config, error) {
	c, err := readConfig(file)
	return c, configFailure(file, err)
}

// readConfig wants a regular file: another may never end, or, as a pipe that nobody writes to, not even open.
func readConfig(file string) (policy.Config, error) {
	info, err := os.Stat(file)
	if err != nil {
		return policy.Config{}, err
	}
	if !info.Mode().IsRegular() {
		return policy.Config{}, fmt.Errorf("%q is not a regular file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return policy.Config{}, err
	}
	defer f.Close()
	return policy.Read(file, f)
}

// configFailure says what an error of a configuration file means.
func configFailure(file string, err error) error {
	var wrong policy.Problems
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return &failure{code: exitConfig, reason: "the configuration file is refused", remedy: wrong.Error()}
	case errors.Is(err, fs.ErrNotExist):
		return &failure{code: exitConfig, reason: "there is no configuration file " + file,
			remedy: "make one: shmfs config show > " + printable(file)}
	}
	return &failure{code: exitConfig, reason: "the configuration file cannot be read", err: err,
		remedy: fmt.Sprintf("name a regular file of %s at most that you may read", regions.FormatSize(policy.MaxBytes))}
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
