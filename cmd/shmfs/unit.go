package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// forUnit unmounts for a unit of systemd that is stopped, which nothing can refuse. One that is restarted, or ended by
// itself, keeps its mount: systemd runs ExecStop= then, too.
func (o umountOptions) forUnit(ctx context.Context, sh *shell) error {
	job, err := sh.job(ctx, o.unit)
	if err != nil {
		return &failure{code: exitNoAnswer, reason: "the mount stays: systemd does not say why " + o.unit + " stops", err: err,
			remedy: "to take it away: shmfs umount " + printable(o.path)}
	}
	if job != "stop" {
		_, err := fmt.Fprintf(sh.out, "%s is not stopped for good: %s stays\n", o.unit, printable(o.path))
		return err
	}
	if _, err := sh.finder.point(o.path); codeOf(err) == exitNotFound {
		return nil
	}
	o.unit = ""
	err = o.run(ctx, sh)
	if err == nil || o.lazy {
		return err
	}
	sh.report(err)
	o.lazy = true
	return o.run(ctx, sh)
}

// jobOf asks systemd what it is doing with a unit: "stop", "restart", ..., "" for nothing.
func jobOf(ctx context.Context, unit string) (string, error) {
	id, err := exec.CommandContext(ctx, "systemctl", "show", "--property=Job", "--value", "--", unit).Output()
	if err != nil {
		return "", fmt.Errorf("systemctl show: %w", err)
	}
	jobs, err := exec.CommandContext(ctx, "systemctl", "list-jobs", "--no-legend", "--no-pager", "--full").Output()
	if err != nil {
		return "", fmt.Errorf("systemctl list-jobs: %w", err)
	}
	return jobType(string(jobs), strings.TrimSpace(string(id))), nil
}

// jobType finds a job in what systemctl lists: number, unit, type, state.
func jobType(jobs, id string) string {
	for line := range strings.Lines(jobs) {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == id {
			return f[2]
		}
	}
	return ""
}
