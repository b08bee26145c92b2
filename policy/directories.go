package policy

import (
	"fmt"
	"path"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// PatternLimit is what those may hold whose path, or label, fits a pattern: directories, cgroups, or labels.
type PatternLimit struct {
	Pattern string // as path.Match has it, from the root on: tenants/*
	Limits  regions.Limits
}

// ParsePatterns reads PATTERN:LIMIT, with | between several. Max is none.
func ParsePatterns(s string) ([]PatternLimit, error) {
	if s == NoLimit {
		return nil, nil
	}
	var all []PatternLimit
	for one := range strings.SplitSeq(s, "|") {
		i := strings.LastIndexByte(one, ':')
		if i < 0 {
			return nil, fmt.Errorf("%q: want a pattern and a limit such as tenants/*:2G", one)
		}
		pattern := strings.Trim(strings.TrimSpace(one[:i]), "/")
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return nil, fmt.Errorf("%q is no pattern of a path below the root: want such as tenants/*", pattern)
		}
		l, err := regions.ParseLimits(regions.Limits{}, one[i+1:])
		if err != nil {
			return nil, err
		}
		if l.Reserve != 0 {
			return nil, fmt.Errorf("%q: a reservation is made for one, not for all that fit a pattern", one)
		}
		all = append(all, PatternLimit{pattern, l})
	}
	return all, nil
}

// FormatPatterns writes what ParsePatterns reads.
func FormatPatterns(all []PatternLimit) string {
	if len(all) == 0 {
		return NoLimit
	}
	words := make([]string, len(all))
	for i, d := range all {
		words[i] = d.Pattern + ":" + strings.ReplaceAll(regions.FormatLimits(d.Limits), ",", ";")
	}
	return strings.Join(words, "|")
}

// LimitOf answers the limits of the first pattern that a path fits.
func LimitOf(all []PatternLimit, at string) regions.Limits {
	for _, d := range all {
		if ok, err := path.Match(d.Pattern, strings.TrimPrefix(at, "/")); ok && err == nil {
			return d.Limits
		}
	}
	return regions.Limits{}
}

func setDirectoryLimit(c *Config, s string) error {
	all, err := ParsePatterns(s)
	if err != nil {
		return fmt.Errorf("directory_limit: %w", err)
	}
	c.DirectoryLimit = FormatPatterns(all)
	return nil
}

// setPatterns takes the limits of those that are told by a name and are no directories.
func setPatterns(into *string, key, s string) error {
	all, err := ParsePatterns(s)
	for _, x := range all {
		if x.Limits.Nodes != 0 || x.Limits.Throttle != 0 {
			err = fmt.Errorf("%q: nodes and throttle are for directories", x.Pattern)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	*into = FormatPatterns(all)
	return nil
}
