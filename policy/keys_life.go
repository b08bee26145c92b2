package policy

import (
	"fmt"
	"strconv"

	"github.com/shmfs/shmfs/regions"
)

// lifeKeys are those that say when and how regions end, where no directory does.
func lifeKeys() []Key {
	return []Key{
		{Name: "zero", Kind: Switch, Live: true, Values: "true, false",
			Help: "Whether the memory of a region is overwritten at its end where no directory says it.",
			get:  func(c *Config) string { return strconv.FormatBool(c.Zero) },
			set:  func(c *Config, s string) error { return setSwitch(&c.Zero, "zero", s) }},
		{Name: "guard", Live: true, Values: "off, user, process",
			Help: "Who may remove or shrink a region, beside what modes say, where no directory says it.",
			get:  func(c *Config) string { return c.Guard.String() },
			set: func(c *Config, s string) (err error) {
				c.Guard, err = regions.ParseGuard(s)
				return err
			}},
		{Name: "lifetimes", Live: true, Values: "none, jobs/*:owner, jobs/*:owner;grace=5s|cache:ttl=1h|sessions:session;ttl=30m",
			Help: "When regions end in directories that say nothing: by patterns of their paths, the first that fits.",
			get:  func(c *Config) string { return c.Lifetimes }, set: setLifetimes},
		{Name: "owners", Live: true, Values: "none, jobs/*:process-group, jobs/*:process-group|pool:cgroup|.:session",
			Help: "What of its maker's owns a region, in directories that say nothing: by patterns of their paths, the first that fits.",
			get:  func(c *Config) string { return c.Owners }, set: setOwners},
		{Name: "end_early", Live: true, Values: "owner;last-user, owner;last-user;ttl, none",
			Help: "Which lifetimes are cut short when a request is about to be refused for want of room, or when memory is short: in " +
				"this order.",
			get: func(c *Config) string { return c.EndEarly }, set: setEndEarly},
		{Name: "pressure", Live: true, Values: "some:10%/2s, full:5%/2s, off",
			Help: "From when on memory is short: when some programs, or all, waited for it for a part of a window.",
			get:  func(c *Config) string { return c.Pressure }, set: setPressure},
		{Name: "history", Kind: Number, Live: true, Values: "100, 10000, 0",
			Help: "How many regions are remembered after their end.",
			get:  func(c *Config) string { return strconv.Itoa(c.History) }, set: setHistory},
		{Name: "labels", Live: true, Values: "none, run=env:RUN_ID, run=env:RUN_ID worker=arg:--worker job=cgroup:/job-([^/]+)",
			Help: "Which labels a region gets from the process that makes it.",
			get:  func(c *Config) string { return c.Labels }, set: setLabels},
		{Name: "collect_runs", Kind: Switch, Live: true, Values: "true, false",
			Help: "Whether what is left of runs whose processes are gone ends when a server begins, and when another run does.",
			get:  func(c *Config) string { return strconv.FormatBool(c.CollectRuns) },
			set:  func(c *Config, s string) error { return setSwitch(&c.CollectRuns, "collect_runs", s) }},
	}
}

func setHistory(c *Config, s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > regions.MostHistory {
		return fmt.Errorf("history %q: want a number from 0 to %d", s, regions.MostHistory)
	}
	c.History = n
	return nil
}
