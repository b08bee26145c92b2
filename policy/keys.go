package policy

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// Key is one thing that can be set.
type Key struct {
	Name   string // in the file and for -o; the flag has '-' for '_'
	Kind   Kind
	Values string // what it takes, for help
	Live   bool   // can change while mounted
	Help   string // one line, without the values
	tmpfs  string // tmpfs's own name for it, also understood; "" if it has none

	get func(*Config) string
	set func(*Config, string) error
}

// Kind is how a key's value looks in a file.
type Kind uint8

const (
	Text   Kind = iota // quoted
	Number             // bare where it is one
	Switch             // bare true or false; as an option of mount, the name alone means true
)

// Keys lists the keys in the order in which they are shown.
func Keys() []Key {
	return append([]Key{
		{Name: "memory_max", Kind: Number, Live: true, Values: "90%, 64G, max",
			Help: "How much size may be at most; a percentage is of the machine's memory.",
			get:  func(c *Config) string { return c.MemoryMax.String() }, set: setMemoryMax},
		{Name: "size", Kind: Number, Live: true, Values: "512M, 8G, 50%, max",
			Help: "How much memory all regions together may take; a percentage is of the machine's memory.",
			get:  func(c *Config) string { return c.Size.String() }, set: setSize},
		{Name: "inodes", tmpfs: "nr_inodes", Kind: Number, Live: true, Values: "auto, 100000, 1M, max",
			Help: "How many regions, directories and other nodes there may be.",
			get:  func(c *Config) string { return formatInodes(c.Inodes) }, set: setInodes},
		{Name: "huge", Values: "never, within_size, advise, always", Help: "When a region gets huge pages.",
			get: func(c *Config) string { return string(c.Huge) },
			set: func(c *Config, s string) error {
				return choose(&c.Huge, "huge", s, HugeNever, HugeWithinSize, HugeAdvise, HugeAlways)
			}},
		{Name: "numa", tmpfs: "mpol", Values: "default, local, prefer:1, bind:0-1, interleave, interleave:0,2",
			Help: "From which NUMA nodes regions get their memory.",
			get:  func(c *Config) string { return c.NUMA }, set: setNUMA},
		{Name: "io", Values: "auto, passthrough, cached",
			Help: "How bytes travel: past the server (passthrough) or through the page cache of the mount (cached).",
			get:  func(c *Config) string { return string(c.IO) },
			set: func(c *Config, s string) error {
				return choose(&c.IO, "io", s, IOAuto, IOPassthrough, IOCached)
			}},
		{Name: "allow_other", Kind: Switch, Values: "auto, true, false",
			Help: "Whether other users have access, as modes and ACLs say; auto is true when root mounts.",
			get:  func(c *Config) string { return string(c.AllowOther) },
			set: func(c *Config, s string) error {
				return choose(&c.AllowOther, "allow_other", s, Auto, Yes, No)
			}},
		{Name: "writes", Live: true, Values: "auto, strict, fast",
			Help: "How a write past the end of a region is met where no directory says it: it asks first, or is noticed afterwards.",
			get:  func(c *Config) string { return string(c.Writes) },
			set: func(c *Config, s string) error {
				return choose(&c.Writes, "writes", s, WritesAuto, WritesStrict, WritesFast)
			}},
		{Name: "overcommit", Kind: Switch, Live: true, Values: "true, false",
			Help: "Whether holes of regions count nothing, as in tmpfs: a full mount then ends programs with SIGBUS.",
			get:  func(c *Config) string { return strconv.FormatBool(c.Overcommit) },
			set:  func(c *Config, s string) error { return setSwitch(&c.Overcommit, "overcommit", s) }},
		limitKey("user", func(c *Config) *string { return &c.UserLimit }),
		limitKey("group", func(c *Config) *string { return &c.GroupLimit }),
		limitKey("owner", func(c *Config) *string { return &c.OwnerLimit }),
		patternKey("cgroup", "max, system.slice/*:2G, kubepods/*:bytes=10G;regions=100|jobs/*:2G",
			"What cgroups may hold, by who was in them when making it, that have no limits of their own: by patterns of their paths.",
			func(c *Config) *string { return &c.CgroupLimit }),
		patternKey("label", "max, run=*:2G, run=*:bytes=10G;regions=100|worker=*:2G",
			"What may be held by each label that has no limits of its own: by patterns of key=value, the first that fits.",
			func(c *Config) *string { return &c.LabelLimit }),
		{Name: "directory_limit", Live: true, Values: "max, tenants/*:2G, models:bytes=10G;regions=100|tenants/*:2G",
			Help: "What directories may hold that have no limits of their own: by patterns of their paths, the first that fits.",
			get:  func(c *Config) string { return c.DirectoryLimit }, set: setDirectoryLimit},
		{Name: "ephemeral", Kind: Switch, Values: "true, false",
			Help: "Whether the memory is returned as soon as the server ends, however it ends.",
			get:  func(c *Config) string { return strconv.FormatBool(c.Ephemeral) },
			set:  func(c *Config, s string) error { return setSwitch(&c.Ephemeral, "ephemeral", s) }},
		{Name: "keep", Kind: Switch, Live: true, Values: "true, false",
			Help: "Whether unmounting leaves the regions for the next mount at the same place.",
			get:  func(c *Config) string { return strconv.FormatBool(c.Keep) },
			set:  func(c *Config, s string) error { return setSwitch(&c.Keep, "keep", s) }},
		{Name: "mode", Values: "1777, 0700", Help: "Permissions of the root directory, in octal digits.",
			get: func(c *Config) string { return fmt.Sprintf("%04o", c.Mode) }, set: setMode},
		{Name: "log_level", Live: true, Values: "debug, info, warn, error", Help: "The least severe messages that are logged.",
			get: func(c *Config) string { return strings.ToLower(c.LogLevel.String()) }, set: setLogLevel},
		{Name: "log_format", Values: "text, json", Help: "How a line of the log is written.",
			get: func(c *Config) string { return string(c.LogFormat) },
			set: func(c *Config, s string) error {
				return choose(&c.LogFormat, "log_format", s, LogText, LogJSON)
			}},
		{Name: "on_crash_loop", Values: "eio, abort",
			Help: "What happens to requests while servers die one after the other: they fail (eio), or the mount is given up (abort).",
			get:  func(c *Config) string { return string(c.OnCrashLoop) },
			set: func(c *Config, s string) error {
				return choose(&c.OnCrashLoop, "on_crash_loop", s, CrashLoopEIO, CrashLoopAbort)
			}},
	}, lifeKeys()...)
}

// limitKey is the limit of each user, group or owner (the process that made a region) that has none of its own.
func limitKey(who string, of func(*Config) *string) Key {
	return Key{Name: who + "_limit", Live: true, Values: "2G, bytes=2G;regions=100, max",
		Help: "What each " + who + " may hold, where nothing else is set.",
		get:  func(c *Config) string { return *of(c) },
		set: func(c *Config, s string) error {
			l, err := ParseLimit(s)
			if err != nil {
				return fmt.Errorf("%s_limit: %w", who, err)
			}
			*of(c) = FormatLimit(l)
			return nil
		}}
}

// patternKey is the limit of those that are told by a name, by patterns of it.
func patternKey(who, values, help string, of func(*Config) *string) Key {
	return Key{Name: who + "_limit", Live: true, Values: values, Help: help,
		get: func(c *Config) string { return *of(c) },
		set: func(c *Config, s string) error { return setPatterns(of(c), who+"_limit", s) }}
}

// ParseLimit reads a limit of a user, a group or an owner. Max is none.
func ParseLimit(s string) (regions.Limits, error) {
	l, err := regions.ParseLimits(regions.Limits{}, s)
	if err == nil && (l.Reserve != 0 || l.Nodes != 0 || l.Throttle != 0) {
		err = fmt.Errorf("limit %q: reserve, nodes and throttle are for directories", s)
	}
	return l, err
}

// FormatLimit writes a limit as an option of mount can have it: without commas.
func FormatLimit(l regions.Limits) string {
	if l == (regions.Limits{}) {
		return NoLimit
	}
	return strings.ReplaceAll(regions.FormatLimits(l), ",", ";")
}

// FindKey finds a key by its name, or by the name that tmpfs has for it.
func FindKey(name string) (Key, bool) {
	for _, k := range Keys() {
		if name == k.Name || name == k.tmpfs && name != "" {
			return k, true
		}
	}
	return Key{}, false
}

// Set sets one key from its text.
func (c *Config) Set(key, value string) error {
	k, ok := FindKey(key)
	if !ok {
		return unknownKey(key)
	}
	return k.set(c, strings.TrimSpace(value))
}

// Get answers a key's text, which Set reads as the same value; "" for what is no key.
func (c *Config) Get(key string) string {
	k, ok := FindKey(key)
	if !ok {
		return ""
	}
	return k.get(c)
}

func setEndEarly(c *Config, s string) error {
	order, err := regions.ParseOrder(s)
	if err != nil {
		return fmt.Errorf("end_early: %w", err)
	}
	c.EndEarly = regions.FormatOrder(order)
	return nil
}

func setSize(c *Config, s string) error {
	size, err := ParseSize(s)
	if err == nil {
		c.Size = size
	}
	return err
}

func setMemoryMax(c *Config, s string) error {
	most, err := ParseSize(s)
	if err != nil {
		return fmt.Errorf("memory_max: %w", err)
	}
	c.MemoryMax = most
	return nil
}

func formatInodes(n int64) string {
	switch n {
	case InodesAuto:
		return "auto"
	case regions.Unlimited:
		return "max"
	}
	return strconv.FormatInt(n, 10)
}

// setInodes takes a number with the units of a size, but no bytes and no fractions.
func setInodes(c *Config, s string) error {
	if s == "auto" {
		c.Inodes = InodesAuto
		return nil
	}
	n, err := regions.ParseSize(s)
	if err != nil || s != "max" && strings.ContainsAny(s, "bBiI.") {
		return fmt.Errorf("inodes %q: want a number greater than zero such as 100000 or 1M, max for no limit, or auto", s)
	}
	c.Inodes = n
	return nil
}

func setNUMA(c *Config, s string) error {
	if err := checkNUMA(s); err != nil {
		return err
	}
	c.NUMA = s
	return nil
}

// setMode reads octal digits, also as TOML writes an octal number (0o1777).
func setMode(c *Config, s string) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "0o"), 8, 32)
	if err != nil || uint32(n)&^regions.ModePerm != 0 {
		return fmt.Errorf("mode %q: want octal digits from 0000 to 7777, such as 1777", s)
	}
	c.Mode = uint32(n)
	return nil
}

func setLogLevel(c *Config, s string) error {
	levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	for _, l := range levels {
		if s == strings.ToLower(l.String()) {
			c.LogLevel = l
			return nil
		}
	}
	return fmt.Errorf("log_level %q: want debug, info, warn or error", s)
}

func setSwitch(b *bool, name, s string) error {
	if s != "true" && s != "false" {
		return fmt.Errorf("%s %q: want true or false", name, s)
	}
	*b = s == "true"
	return nil
}

// choose sets *v to the one of the values that s names.
func choose[T ~string](v *T, name, s string, values ...T) error {
	if !slices.Contains(values, T(s)) {
		var names []string
		for _, x := range values {
			names = append(names, string(x))
		}
		last := len(names) - 1
		return fmt.Errorf("%s %q: want %s or %s", name, s, strings.Join(names[:last], ", "), names[last])
	}
	*v = T(s)
	return nil
}
