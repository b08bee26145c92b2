// Command coverage runs all tests against a binary built with -cover, adds up what tests and binary covered, prints it
// by room, and fails where a room is below its floor.
//
// Most of the front end runs in server processes of their own, so `go test -cover` alone would call it untested. Every
// process writes into one directory (go doc runtime/coverage: GOCOVERDIR) and a statement counts if any of them ran it.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	os.Exit(run(os.Stdout, os.Stderr))
}

func run(stdout, stderr io.Writer) int {
	m, err := newMeasurement("coverage", stdout, stderr)
	for _, step := range []func() error{m.prepare, m.build} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "coverage:", err)
		return 1
	}
	testErr := m.test() // the table is worth having all the same
	if err := m.merge(); err != nil {
		fmt.Fprintln(stderr, "coverage:", err)
		return 1
	}
	code := m.judge()
	if testErr != nil {
		fmt.Fprintln(stderr, "coverage:", testErr)
		code = 1
	}
	return code
}

// measurement is one run, with its files below dir.
type measurement struct {
	dir            string // absolute
	stdout, stderr io.Writer
}

// counted is what the rooms' coverage is of: the product, not what tests it.
const counted = "./regions/...,./policy/...,./backends/...,./fs/...,./control/...,./cmd/..."

func newMeasurement(dir string, stdout, stderr io.Writer) (*measurement, error) {
	abs, err := filepath.Abs(dir)
	return &measurement{abs, stdout, stderr}, err
}

func (m *measurement) data() string    { return filepath.Join(m.dir, "data") }
func (m *measurement) binary() string  { return filepath.Join(m.dir, "shmfs") }
func (m *measurement) profile() string { return filepath.Join(m.dir, "profile.txt") }

func (m *measurement) prepare() error {
	if err := os.RemoveAll(m.dir); err != nil {
		return err
	}
	return os.MkdirAll(m.data(), 0o755)
}

func (m *measurement) build() error {
	return m.gotool([]string{"CGO_ENABLED=0"},
		"build", "-cover", "-covermode=atomic", "-coverpkg="+counted, "-o", m.binary(), "./cmd/shmfs")
}

// test runs everything with the instrumented binary in the place of bin/shmfs. go test sets GOCOVERDIR itself, to a
// directory that it removes, so env(1) sets it once more for the tests and what they start.
func (m *measurement) test() error {
	return m.gotool([]string{"SHMFS_BINARY=" + m.binary()},
		"run", "./integration/house/report", "-covermode=atomic", "-coverpkg="+counted, "-timeout", "15m",
		"-exec", "env GOCOVERDIR="+m.data(), "./...", "-args", "-test.gocoverdir="+m.data())
}

func (m *measurement) merge() error {
	return m.gotool(nil, "tool", "covdata", "textfmt", "-i="+m.data(), "-o="+m.profile())
}

func (m *measurement) gotool(env []string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = m.stdout, m.stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// judge prints the table and answers the exit code.
func (m *measurement) judge() int {
	f, err := os.Open(m.profile())
	if err != nil {
		fmt.Fprintln(m.stderr, "coverage:", err)
		return 1
	}
	defer f.Close()
	rooms, err := parseProfile(f)
	if err != nil {
		fmt.Fprintln(m.stderr, "coverage:", err)
		return 1
	}
	if below := printTable(m.stdout, rooms); below > 0 {
		fmt.Fprintf(m.stderr, "coverage: %d rooms are below their floor; see what is missing with "+
			"go tool cover -html=%s\n", below, m.profile())
		return 1
	}
	return 0
}
