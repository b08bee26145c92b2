//go:build linux

package mounts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func labelsOf(t *testing.T, path string) string {
	t.Helper()
	var b [256]byte
	n, err := unix.Getxattr(path, "user.shmfs.labels", b[:])
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return string(b[:n])
}

// Regions have the labels of who made them, and end by run: by hand, and when another run begins, once nobody of it lives.
func TestLabelsAndRuns(t *testing.T) {
	m := serve(t, "--size=64M", "--labels=run=env:RUN_ID worker=cmdline:worker-([0-9]+)", "--collect-runs=true",
		"--lifetimes=jobs/*:ttl=1h")
	path := func(name string) string { return filepath.Join(m.dir, name) }
	run := func(id, name string) string {
		return fmt.Sprintf("RUN_ID=%s bash -c 'echo > %s; echo ready; exec sleep 600 #worker-3' & while [ ! -e %[2]s ]; do sleep 0.01; done", id, path(name))
	}
	first := maker(t, run("1", "a"))
	second := maker(t, run("2", "b"))
	if got := labelsOf(t, path("a")); got != "run=1,worker=3" {
		t.Errorf("labelled %q", got)
	}
	if r := shmfs(t, "show", path("b")); r.code != exitOK || !strings.Contains(r.stdout, "run=2,worker=3") {
		t.Errorf("show: %+v", r)
	}
	if r := shmfs(t, "gc", m.dir, "--run", "2", "--dry-run"); r.code != exitOK || r.stdout != "b\n" {
		t.Errorf("would end: %+v", r)
	}
	if r := shmfs(t, "gc", m.dir, "--run", "2"); r.code != exitOK || !gone(path("b")) || gone(path("a")) {
		t.Errorf("run 2: %+v", r)
	}
	killGroup(first)
	killGroup(second)
	keeps(t, path("a"))
	m.waitFor(t, "the end of its processes", func() bool {
		r := shmfs(t, "gc", m.dir, "--runs", "--dry-run")
		return r.code == exitOK && r.stdout == "a\n"
	})
	maker(t, run("3", "c"))
	m.waitFor(t, "the end of run 1", func() bool { return gone(path("a")) })
	if gone(path("c")) {
		t.Error("the run that begins ended")
	}
	if err := os.MkdirAll(path("jobs/7"), 0o755); err != nil {
		t.Fatal(err)
	}
	newFile(t, path("jobs/7/x"))
	m.waitFor(t, "its lifetime", func() bool { return strings.Contains(m.cares(t)["jobs/7/x"], "ttl=1h") })
	if err := m.try("config", "lifetimes=none"); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "no lifetime", func() bool { return m.cares(t)["jobs/7/x"] == "" })
}
