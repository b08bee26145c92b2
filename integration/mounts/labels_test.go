//go:build linux

package mounts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	m.allClosed(t)
	if got := labelsOf(t, path("a")); got != "run=1,worker=3" {
		t.Errorf("labelled %q", got)
	}
	if r := shmfs(t, "show", path("b")); r.code != exitOK || !strings.Contains(r.stdout, "run=2,worker=3") {
		t.Errorf("show: %+v", r)
	}
	for run, want := range map[string]string{"2": `[{"path":"b"}]`, "none": "[]"} {
		if r := shmfs(t, "gc", m.dir, "--run", run, "--dry-run", "--json"); r.code != exitOK || r.stdout != want+"\n" {
			t.Errorf("what run %s would leave, as JSON: %+v", run, r)
		}
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

// What runs make counts for their labels, also by the next server, and the limits of these hold.
func TestLimitsOfLabels(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M", "--huge=never", "--labels=run=env:RUN_ID worker=env:WORKER")
	if r := shmfs(t, "limits", "set", "--label", "run=1", m.dir, "bytes=4M,regions=3"); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	m.tell(t, "config", "label_limit=worker=*:bytes=3M")
	at := func(name string) string { return filepath.Join(m.dir, name) }
	grow := func(what, id, worker, name string, size int64) {
		t.Helper()
		cmd := exec.Command("truncate", "-s", fmt.Sprint(size), at(name))
		cmd.Env = append(os.Environ(), "RUN_ID="+id, "WORKER="+worker)
		r := run(t, cmd)
		if want := strings.HasPrefix(what, "refused"); (r.code != 0) != want || want && !strings.Contains(r.stderr, "quota") {
			t.Errorf("%s: exit %d: %s", what, r.code, r.stderr)
		}
	}
	grow("run 1", "1", "a", "a", 3<<20)
	for i := range 2 {
		grow("refused by the run", "1", "b", "b", 1<<20+1)
		if want := "of label run=1 are promised"; !strings.Contains(m.lastError(t), want) {
			t.Errorf("got %s, want %q", m.lastError(t), want)
		}
		grow("refused by the worker", "2", "a", "c", 1)
		grow("another worker of run 1", "1", "b", "b", 1<<20)
		grow("nobody's", "", "", "else", 20<<20)
		for label, want := range map[string]int64{"run=1": 4 << 20, "run=2": 0, "worker=a": 3 << 20, "worker=b": 1 << 20} {
			if got := m.usage(t, "label", strconv.Quote(label), "promised"); got != want {
				t.Errorf("server %d: %s holds %d, want %d", i, label, got, want)
			}
		}
		killServer(t, m)
	}
	if r := shmfs(t, "usage", "--by", "label", m.dir); r.code != 0 || !strings.Contains(r.stdout, "4.0M") || !strings.Contains(r.stdout, "run=1") {
		t.Errorf("shmfs usage: %+v", r)
	}
	if r := shmfs(t, "set", at("c"), "labels=run=1"); r.code != 0 {
		t.Errorf("shmfs set: %+v", r)
	}
	grow("refused: a fourth region", "1", "", "d", 0)
	m.tell(t, "limits", "label run=1 bytes=max,regions=max")
	grow("without a limit", "1", "", "d", 10<<20)
	m.tell(t, "limits", "label run=3 bytes=1M")
	grow("all that a run has", "3", "", "only", 1<<20)
	f, err := os.Open(at("only"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(at("only")); err != nil {
		t.Fatal(err)
	}
	grow("refused beside what is in use without a name", "3", "", "more", 1)
	m.tell(t, "config", "label_limit=max")
	grow("no limit of workers", "", "", "a", 10<<20)
}
