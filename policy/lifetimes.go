package policy

import (
	"fmt"
	"path"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// NoLifetimes is the text of no patterns.
const NoLifetimes = "none"

// DirectoryLifetime is when regions end that are below the directories whose path fits a pattern.
type DirectoryLifetime struct {
	Pattern  string // as path.Match has it, from the root of the mount: jobs/*; . for the root
	Lifetime regions.Lifetime
}

// ParseDirectoryLifetimes reads PATTERN:LIFETIME, with | between several, and semicolons for commas.
func ParseDirectoryLifetimes(s string) ([]DirectoryLifetime, error) {
	if s == NoLifetimes {
		return nil, nil
	}
	var all []DirectoryLifetime
	for one := range strings.SplitSeq(s, "|") {
		i := strings.LastIndexByte(one, ':')
		if i < 0 {
			return nil, fmt.Errorf("%q: want a pattern and a lifetime such as jobs/*:owner", one)
		}
		pattern := strings.Trim(strings.TrimSpace(one[:i]), "/")
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return nil, fmt.Errorf("%q is no pattern of a path: want such as jobs/*, or . for the root", pattern)
		}
		l, err := regions.ParseLifetime(strings.ReplaceAll(one[i+1:], ";", ","))
		if err != nil {
			return nil, err
		}
		all = append(all, DirectoryLifetime{pattern, l})
	}
	return all, nil
}

// FormatDirectoryLifetimes writes what ParseDirectoryLifetimes reads.
func FormatDirectoryLifetimes(all []DirectoryLifetime) string {
	if len(all) == 0 {
		return NoLifetimes
	}
	words := make([]string, len(all))
	for i, d := range all {
		words[i] = d.Pattern + ":" + strings.ReplaceAll(d.Lifetime.String(), ",", ";")
	}
	return strings.Join(words, "|")
}

// LifetimeOf answers the lifetime of the first pattern that a directory's path fits, "" for the root.
func LifetimeOf(all []DirectoryLifetime, at string) (regions.Lifetime, bool) {
	if at == "" {
		at = "."
	}
	for _, d := range all {
		if ok, err := path.Match(d.Pattern, at); ok && err == nil {
			return d.Lifetime, true
		}
	}
	return regions.Lifetime{}, false
}

func setLifetimes(c *Config, s string) error {
	all, err := ParseDirectoryLifetimes(s)
	if err != nil {
		return fmt.Errorf("lifetimes: %w", err)
	}
	c.Lifetimes = FormatDirectoryLifetimes(all)
	return nil
}
