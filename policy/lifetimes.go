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
		pattern, text, err := cutPattern(one, "a lifetime such as jobs/*:owner")
		if err != nil {
			return nil, err
		}
		l, err := regions.ParseLifetime(strings.ReplaceAll(text, ";", ","))
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
