package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/shmfs/shmfs/integration/kernels/plan"
)

// errNoVerdict: the guest went down before it had judged: a panic, a hang, or out of time.
var errNoVerdict = errors.New("the guest ended without a verdict")

// boot runs a guest to its end, passing on what it prints, line by line after the prefix.
//
// The processor is emulated (no KVM): CI's machines are virtual themselves. Two of them, so that races have a chance;
// "max" so that the guest has what current compilers use.
func boot(ctx context.Context, image, initramfs, prefix string, out io.Writer) (ran, failed int, err error) {
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64",
		"-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048",
		"-kernel", image, "-initrd", initramfs,
		"-append", "console=ttyS0 loglevel=4 panic=-1 oops=panic random.trust_cpu=on mitigations=off",
		"-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot")
	serial, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return 0, 0, fmt.Errorf("%w: install qemu-system-x86", err)
	}
	ran, failed, judged := follow(serial, prefix, out)
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return ran, failed, fmt.Errorf("%w: out of time", errNoVerdict)
	case err != nil:
		return ran, failed, fmt.Errorf("qemu: %w: %s", err, strings.TrimSpace(stderr.String()))
	case !judged:
		return ran, failed, errNoVerdict
	}
	return ran, failed, nil
}

// follow copies the serial console until the guest is off. Lines end in CR LF there.
func follow(serial io.Reader, prefix string, out io.Writer) (ran, failed int, judged bool) {
	lines := bufio.NewScanner(serial)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if r, f, ok := plan.ParseVerdict(line); ok {
			ran, failed, judged = r, f, true
		}
		if line != "" {
			fmt.Fprintf(out, "%s %s\n", prefix, line)
		}
	}
	_, _ = io.Copy(io.Discard, serial) // a line over a megabyte ends the scan; the guest must not block on it
	return ran, failed, judged
}
