package main

import (
	"fmt"
	"path"
	"strings"
)

// glob matches paths: "*", "?" and "[a-z]" within a name as path.Match has them, "**" for any number of directories.
// A pattern without a slash is matched against the last name of the path.
type glob struct {
	names    []string
	anywhere bool
}

func parseGlob(pattern string) (glob, error) {
	pattern = strings.TrimPrefix(pattern, "/")
	if pattern == "" {
		return glob{}, fmt.Errorf("empty pattern")
	}
	g := glob{names: strings.Split(pattern, "/"), anywhere: !strings.Contains(pattern, "/")}
	for _, n := range g.names {
		if _, err := path.Match(n, ""); err != nil {
			return glob{}, fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	if g.anywhere && pattern == "**" {
		g.anywhere = false
	}
	return g, nil
}

func (g glob) match(p string) bool {
	if g.anywhere {
		return matchName(g.names[0], path.Base(p))
	}
	return matchNames(g.names, strings.Split(p, "/"))
}

// matchNames walks pattern and path once, and goes back to the last "**" when they part: no pattern is slow.
func matchNames(pattern, names []string) bool {
	i, j, star, resume := 0, 0, -1, 0
	for j < len(names) {
		switch {
		case i < len(pattern) && pattern[i] == "**":
			star, resume = i, j
			i++
		case i < len(pattern) && matchName(pattern[i], names[j]):
			i, j = i+1, j+1
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == "**" {
		i++
	}
	return i == len(pattern)
}

func matchName(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil // checked when it was parsed
}
