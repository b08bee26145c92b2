package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/shmfs/shmfs/policy"
)

// What ExecStop= runs unmounts for a unit that is stopped, and for no other reason.
func TestUmountForAUnit(t *testing.T) {
	for _, c := range []struct {
		name, job string
		err       error
		mounted   bool
		busy      bool
		code      exitCode
		tries     int
		says      string
	}{
		{"stopped", "stop", nil, true, false, exitOK, 1, ""},
		{"stopped, and refused twice", "stop", nil, true, true, exitBusy, 2, "pid 7"},
		{"stopped, unmounted before", "stop", nil, false, false, exitOK, 0, ""},
		{"restarted", "restart", nil, true, false, exitOK, 0, "u.service is not stopped for good"},
		{"ended by itself", "", nil, true, false, exitOK, 0, "u.service is not stopped for good"},
		{"systemd is silent", "", errors.New("no bus"), true, false, exitNoAnswer, 0, "the mount stays"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := fakeMount(t, policy.Default())
			w := newWorld()
			if c.mounted {
				w.finder.mounted = []string{dir}
			}
			if c.busy {
				w.mounts.refuse = map[string]error{"unmount": syscall.EBUSY}
				w.finder.held = []holder{{PID: 7, Command: "cat", Holds: []hold{{How: "mapping", Path: "/big"}}}}
			}
			w.shell.job = func(_ context.Context, unit string) (string, error) {
				if unit != "u.service" {
					t.Errorf("asked for %s", unit)
				}
				return c.job, c.err
			}
			code, out, stderr := w.run("umount", "--unit=u.service", dir)
			if code != c.code || !strings.Contains(out+stderr, c.says) {
				t.Errorf("code %d, %s%s; want %d and %q", code, out, stderr, c.code, c.says)
			}
			var tries []string // whether they were lazy
			for _, l := range w.mounts.log {
				if f := strings.Fields(l); f[0] == "unmount" {
					tries = append(tries, f[2])
				}
			}
			if want := []string{"false", "true"}[:c.tries]; !slices.Equal(tries, want) {
				t.Errorf("unmounted lazily %q, want %q", tries, want)
			}
		})
	}
}

func TestJobType(t *testing.T) {
	const jobs = "12  other.service        start   waiting\n345 shmfs@a\\x2db.service restart running\n"
	for id, want := range map[string]string{"345": "restart", "12": "start", "34": "", "": "", "0": ""} {
		if got := jobType(jobs, id); got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}
