package policy

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	File         string // "" if it comes from no file
	Line, Column int    // from 1 on, in bytes; 0 if that is not known
	Key          string // "" if the message names it
	Message      string
}

func (p Problem) Error() string {
	switch {
	case p.File == "":
		return p.Message
	case p.Line == 0:
		return fmt.Sprintf("%s: %s", p.File, p.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Problems are all that is wrong with a configuration, at least one.
type Problems []Problem

// Error writes a line each.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, x := range p {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// unknownKey says so, and which key was probably meant: one that takes at most a change for each three bytes.
func unknownKey(name string) error {
	for _, k := range Keys() {
		if 3*distance(name, k.Name) <= len(name) && name != "" {
			return fmt.Errorf("unknown key %q, did you mean %s?", name, k.Name)
		}
	}
	return fmt.Errorf("unknown key %q", name)
}

// distance counts the bytes to insert, delete or change to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
