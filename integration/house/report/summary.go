package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// event is one line of `go test -json` (go doc test2json, and `go help buildjson` for the build's own).
type event struct {
	Action     string
	Package    string
	Test       string
	Output     string
	Elapsed    float64 // seconds
	ImportPath string  // of a build-output
}

// summary collects what is said at the end. Memory holds the output of running tests, and of packages only their last line.
type summary struct {
	out     io.Writer
	outputs map[string][]string // by package and test; dropped when the test passes
	lines   []string            // go test's own line for each package
	skips   []skip
	again   []string // what tests that failed have printed, to be told at the end, where a reader of a long log looks first

	passed, failed int
	blamed         map[string]bool // packages of which a test failed
}

type skip struct{ pkg, test, reason string }

func newSummary(out io.Writer) *summary {
	return &summary{out: out, outputs: map[string][]string{}, blamed: map[string]bool{}}
}

// read takes events until r ends. A line that is no event, as the toolchain prints now and then, is passed on.
func (s *summary) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			s.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading go test's events: %w", err)
		}
	}
}

func (s *summary) line(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		_, _ = s.out.Write(line)
		return
	}
	if e.Test == "" {
		s.pkg(e)
		return
	}
	s.test(e)
}

func (s *summary) test(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		s.outputs[key] = append(s.outputs[key], e.Output)
		return
	case "pass":
		s.passed++
	case "fail":
		s.failed++
		s.blamed[e.Package] = true
		s.tell(s.outputs[key])
	case "skip":
		s.skips = append(s.skips, skip{e.Package, e.Test, reason(s.outputs[key])})
	default:
		return
	}
	delete(s.outputs, key)
}

// pkg takes the events that belong to a package or to its build. The output of a package that failed is shown: a
// panic, a data race or a time-out is printed there and belongs to no test.
func (s *summary) pkg(e event) {
	switch e.Action {
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "output":
		s.outputs[e.Package] = append(s.outputs[e.Package], e.Output)
		if isPackageLine(e.Output) {
			s.lines = append(s.lines, strings.TrimRight(e.Output, "\n"))
		}
	case "pass", "skip":
		fmt.Fprintf(s.out, "done %6.1fs %s\n", e.Elapsed, e.Package)
		delete(s.outputs, e.Package)
	case "fail":
		s.failPackage(e.Package)
	}
}

// failPackage shows the package's own output and that of tests which never ended.
func (s *summary) failPackage(pkg string) {
	if !s.blamed[pkg] {
		s.failed++ // no test of it failed, but the package did: a build, a panic, TestMain
	}
	for _, key := range s.unfinished(pkg) {
		s.tell(s.outputs[key])
		delete(s.outputs, key)
	}
	s.tell(s.outputs[pkg])
	delete(s.outputs, pkg)
}

// longest is how many lines of what failed are told again.
const longest = 40

// tell prints what failed, now and its end once more after all.
func (s *summary) tell(output []string) {
	fmt.Fprint(s.out, strings.Join(output, ""))
	s.again = append(s.again, output[max(0, len(output)-longest):]...)
}

func (s *summary) unfinished(pkg string) []string {
	var keys []string
	for key := range s.outputs {
		if strings.HasPrefix(key, pkg+" ") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// close prints the end of the report.
func (s *summary) close() {
	if len(s.skips) > 0 {
		fmt.Fprintf(s.out, "\nskipped, with the reason each test gave:\n")
	}
	for _, k := range s.skips {
		fmt.Fprintf(s.out, "  %s %s: %s\n", k.pkg, k.test, k.reason)
	}
	fmt.Fprintln(s.out)
	for _, line := range s.lines {
		fmt.Fprintln(s.out, line)
	}
	if len(s.again) > 0 {
		fmt.Fprintf(s.out, "\nfailed, the end of each:\n%s\n", strings.Join(s.again, ""))
	}
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, len(s.skips))
}

func isPackageLine(output string) bool {
	return strings.HasPrefix(output, "ok  \t") || strings.HasPrefix(output, "FAIL\t")
}

// logLine is what t.Skip prints: "    file_test.go:12: the reason". The rest of a longer reason is indented by eight.
var logLine = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)`)

// reason answers the text given to t.Skip: the last thing that the test logged.
func reason(output []string) string {
	text := strings.Join(output, "")
	var found []string
	for line := range strings.Lines(text) {
		if m := logLine.FindStringSubmatch(line); m != nil {
			found = []string{m[1]}
		} else if found != nil && strings.HasPrefix(line, "        ") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	if found == nil {
		return "no reason given"
	}
	return strings.Join(found, " ")
}
