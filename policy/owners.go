package policy

import (
	"fmt"
	"path"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// DirectoryOwner is what of its maker's owns a region that is below the directories whose path fits a pattern.
type DirectoryOwner struct {
	Pattern string // as path.Match has it, from the root of the mount: jobs/*; . for the root
	Kind    regions.OwnerKind
}

// ParseDirectoryOwners reads PATTERN:KIND, with | between several.
func ParseDirectoryOwners(s string) ([]DirectoryOwner, error) {
	if s == NoLifetimes {
		return nil, nil
	}
	var all []DirectoryOwner
	for one := range strings.SplitSeq(s, "|") {
		pattern, word, err := cutPattern(one, "an owner such as jobs/*:process-group")
		if err != nil {
			return nil, err
		}
		kind, err := regions.ParseOwnerKind(strings.TrimSpace(word))
		if err != nil {
			return nil, err
		}
		all = append(all, DirectoryOwner{pattern, kind})
	}
	return all, nil
}

// FormatDirectoryOwners writes what ParseDirectoryOwners reads.
func FormatDirectoryOwners(all []DirectoryOwner) string {
	if len(all) == 0 {
		return NoLifetimes
	}
	words := make([]string, len(all))
	for i, d := range all {
		words[i] = d.Pattern + ":" + d.Kind.String()
	}
	return strings.Join(words, "|")
}

// OwnerKindOf answers the kind of the first pattern that a directory's path fits, "" for the root.
func OwnerKindOf(all []DirectoryOwner, at string) (regions.OwnerKind, bool) {
	if at == "" {
		at = "."
	}
	for _, d := range all {
		if ok, err := path.Match(d.Pattern, at); ok && err == nil {
			return d.Kind, true
		}
	}
	return regions.OwnerProcess, false
}

func setOwners(c *Config, s string) error {
	all, err := ParseDirectoryOwners(s)
	if err != nil {
		return fmt.Errorf("owners: %w", err)
	}
	c.Owners = FormatDirectoryOwners(all)
	return nil
}

// cutPattern cuts a pattern of directories from what is said of them.
func cutPattern(s, want string) (pattern, rest string, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", fmt.Errorf("%q: want a pattern and %s", s, want)
	}
	pattern = strings.Trim(strings.TrimSpace(s[:i]), "/")
	if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
		return "", "", fmt.Errorf("%q is no pattern of a path: want such as jobs/*, or . for the root", pattern)
	}
	return pattern, s[i+1:], nil
}
