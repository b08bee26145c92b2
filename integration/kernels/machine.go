package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"

	"github.com/shmfs/shmfs/integration/kernels/plan"
)

// errNoVerdict: the guest went down before it had judged: a panic, a hang, or out of time.
var errNoVerdict = errors.New("the guest ended without a verdict")

// console follows what a guest prints, and passes it on line by line after the prefix.
type console struct {
	prefix  string
	out     io.Writer
	verbose bool

	ran, failed int
	judged      bool
	current     []string // what the test that runs has printed, from its start on
	failures    []string // what failed tests have printed
}

// boot runs a guest to its end.
//
// The processor is emulated (no KVM): CI's machines are virtual themselves. Two of them, so that races have a chance;
// "max" so that the guest has what current compilers use.
func (c *console) boot(ctx context.Context, image, initramfs string) error {
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64",
		"-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048",
		"-kernel", image, "-initrd", initramfs,
		"-append", "console=ttyS0 loglevel=4 panic=-1 oops=panic random.trust_cpu=on mitigations=off",
		"-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot")
	serial, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: install qemu-system-x86", err)
	}
	c.follow(serial)
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", errNoVerdict, ctx.Err())
	case err != nil:
		return fmt.Errorf("qemu: %w: %s", err, strings.TrimSpace(stderr.String()))
	case !c.judged:
		return errNoVerdict
	}
	return nil
}

// passing matches what `go test -v` prints of tests that start and pass.
var passing = regexp.MustCompile(`^(=== (RUN|PAUSE|CONT|NAME) |\s*--- PASS: Test\S+ \(|\s*--- PASS: Fuzz)`)

// starting and failing match the first and the last line of a test, not those of its parts.
var (
	starting = regexp.MustCompile(`^=== RUN   [^/]+$`)
	failing  = regexp.MustCompile(`^--- FAIL: |^panic: `)
)

// longest is how many lines of a failed test are told again after all.
const longest = 60

// collect keeps what failed tests print, to be told again where a reader of a long log looks first: at its end.
func (c *console) collect(line string) {
	if starting.MatchString(line) {
		c.current = c.current[:0]
	}
	if passing.MatchString(line) {
		return
	}
	c.current = append(c.current, line)
	if len(c.current) > longest {
		c.current = c.current[1:]
	}
	if failing.MatchString(line) {
		c.failures = append(c.failures, c.current...)
		c.current = c.current[:0]
	}
}

// follow reads the serial console until the guest is off. Lines end in CR LF there.
func (c *console) follow(serial io.Reader) {
	lines := bufio.NewScanner(serial)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if ran, failed, ok := plan.ParseVerdict(line); ok {
			c.ran, c.failed, c.judged = ran, failed, true
		}
		if line == "" {
			continue
		}
		c.collect(line)
		if c.verbose || !passing.MatchString(line) {
			fmt.Fprintf(c.out, "%s %s\n", c.prefix, line)
		}
	}
	_, _ = io.Copy(io.Discard, serial) // a line over a megabyte ends the scan; the guest must not block on it
}
