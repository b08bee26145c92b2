package policy

import (
	"fmt"
	"path"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// DirectoryLimit is what the directories may hold whose path fits a pattern.
type DirectoryLimit struct {
	Pattern string // as path.Match has it, from the root of the mount: tenants/*
	Limits  regions.Limits
}

// ParseDirectoryLimits reads PATTERN:LIMIT, with | between several. Max is none.
func ParseDirectoryLimits(s string) ([]DirectoryLimit, error) {
	if s == NoLimit {
		return nil, nil
	}
	var all []DirectoryLimit
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
			return nil, fmt.Errorf("%q: a reservation is made for one directory, not for all that fit a pattern", one)
		}
		all = append(all, DirectoryLimit{pattern, l})
	}
	return all, nil
}

// FormatDirectoryLimits writes what ParseDirectoryLimits reads.
func FormatDirectoryLimits(all []DirectoryLimit) string {
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
func LimitOf(all []DirectoryLimit, at string) regions.Limits {
	for _, d := range all {
		if ok, err := path.Match(d.Pattern, at); ok && err == nil {
			return d.Limits
		}
	}
	return regions.Limits{}
}

func setDirectoryLimit(c *Config, s string) error {
	all, err := ParseDirectoryLimits(s)
	if err != nil {
		return fmt.Errorf("directory_limit: %w", err)
	}
	c.DirectoryLimit = FormatDirectoryLimits(all)
	return nil
}
