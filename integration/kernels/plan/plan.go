// Package plan is what host and guest agree on: what to run, and how the guest tells its verdict.
package plan

import (
	"fmt"
	"strings"
	"time"
)

// Path is where the guest finds its plan, in JSON.
const Path = "/plan.json"

// Plan is one guest's work.
type Plan struct {
	Modules []string // to load before anything else, in order
	Steps   []Step
}

// Step is one command; exit code 0 is a pass.
type Step struct {
	Name  string
	Argv  []string
	Dir   string
	Env   []string
	Limit time.Duration
}

// verdict begins the guest's last line. A kernel's own messages share the serial line, so it is searched for.
const verdict = "guest verdict: "

// Verdict is the guest's last line: how many steps ran and how many of those failed.
func Verdict(ran, failed int) string { return fmt.Sprintf("%s%d ran, %d failed", verdict, ran, failed) }

// ParseVerdict finds a verdict in a line of the serial console.
func ParseVerdict(line string) (ran, failed int, ok bool) {
	_, rest, ok := strings.Cut(line, verdict)
	if !ok {
		return 0, 0, false
	}
	n, err := fmt.Sscanf(rest, "%d ran, %d failed", &ran, &failed)
	return ran, failed, n == 2 && err == nil && failed >= 0 && failed <= ran
}
