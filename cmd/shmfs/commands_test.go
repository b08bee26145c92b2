package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/shmfs/shmfs/backends/probe"
	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/policy"
	"github.com/shmfs/shmfs/regions"
)

func TestLs(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	w := newWorld()
	code, out, stderr := w.run("ls", dir)
	if code != exitOK {
		t.Fatalf("code %d, %s", code, stderr)
	}
	want := `SIZE  RESIDENT  MODE  OWNER       OPENS  IN USE  CREATED  USED     PATH
3.0G  1.0G      0640  4294967294  2      yes     2h ago   10s ago  big
4.0K  0         0600  root        0      no      2d ago   1d ago   jobs/7/frames
3.0G  1.0G                                                         2 regions
`
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
	_, out, _ = w.run("ls", dir, "--sort", "created", "--reverse", "--filter", "size>=4K")
	if !strings.Contains(out, "jobs/7/frames\n3.0G") {
		t.Errorf("jobs/7/frames does not come first:\n%s", out)
	}
	_, out, _ = w.run("ls", filepath.Join(dir, "jobs"))
	contains(t, out, "1 region\n", "jobs/7/frames")
}

func TestLsJSON(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	_, out, _ := newWorld().run("ls", dir, "--json", "--filter", "in_use=yes")
	var r control.Region
	if err := json.Unmarshal([]byte(out), &r); err != nil || strings.Count(out, "\n") != 1 {
		t.Fatalf("%v: %q", err, out)
	}
	if r.Path != "big" || r.Size != 3<<30 || !r.InUse {
		t.Errorf("got %+v", r)
	}
}

func TestWhichMount(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	w := newWorld()
	w.finder.mounted = []string{dir}
	if code, out, _ := w.run("ls"); code != exitOK || !strings.Contains(out, "2 regions") {
		t.Errorf("the only mount: code %d, %s", code, out)
	}
	w.finder.mounted = append(w.finder.mounted, "/mnt/other")
	if code, _, stderr := w.run("stats"); code != exitUsage || !strings.Contains(stderr, dir+", /mnt/other") {
		t.Errorf("two mounts: code %d, %s", code, stderr)
	}
	w.finder.mounted = nil
	if code, _, stderr := w.run("ls"); code != exitNotFound || !strings.Contains(stderr, "shmfs mount /mnt/shm") {
		t.Errorf("no mount: code %d, %s", code, stderr)
	}
	w.finder.err = errors.New("no /proc")
	if code, _, _ := w.run("ls"); code != exitFailed {
		t.Errorf("no /proc: code %d", code)
	}
	for _, command := range []string{"ls", "stats", "show", "config show"} {
		args := append(strings.Fields(command), t.TempDir())
		if code, _, stderr := w.run(args...); code != exitNotFound || !strings.Contains(stderr, "is not in a shmfs") {
			t.Errorf("%s of a plain directory: code %d, %s", command, code, stderr)
		}
	}
	if code, _, _ := w.run("ls", "/no/such/place"); code != exitNotFound {
		t.Errorf("a path that is not there: code %d", code)
	}
}

// TestWithoutAWorkingDirectory: a relative path means nothing where the directory has been removed.
func TestWithoutAWorkingDirectory(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(gone)
	if err := os.Remove(gone); err != nil {
		t.Skipf("this system removes no working directory: %v", err)
	}
	for _, line := range []string{"mount x", "ls x", "show x", "stats x"} {
		code, _, stderr := newWorld().run(strings.Fields(line)...)
		if code != exitFailed || !strings.Contains(stderr, "the working directory is gone") || !strings.Contains(stderr, "cd /") {
			t.Errorf("%s: code %d, %s", line, code, stderr)
		}
	}
}

func TestShow(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	w := newWorld()
	w.finder.held = []holder{
		{PID: 7, Command: "python3 -c \nimport mmap", Holds: []hold{{How: "mapping", Path: "big"}, {How: "cwd"}}},
		{PID: 8, Command: strings.Repeat("x", 100), Holds: []hold{{"descriptor", "other name", 3}}},
		{PID: 9, Command: "cat", Holds: []hold{{How: "descriptor", Path: "small"}}},
	}
	code, out, stderr := w.run("show", filepath.Join(dir, "big"))
	if code != exitOK {
		t.Fatalf("code %d, %s", code, stderr)
	}
	contains(t, out, "size         3.0G (3221225472 bytes)\n", "owner        4294967294 (uid 4294967294, gid 7)\n",
		"by pid 41 of 4294967294\n", "in use       yes, 2 descriptors, 1 of them for writing\n", "(10s ago)\n",
		"pid 7  python3 -c import mmap", "mapping     /big\n", "pid 8  xxxx", "x…")
	if strings.Contains(out, "cat") || strings.Contains(out, "cwd") {
		t.Errorf("who holds something else is listed:\n%s", out)
	}
	_, out, _ = w.run("show", filepath.Join(dir, "big"), "--json")
	var x shown
	if err := json.Unmarshal([]byte(out), &x); err != nil || x.Path != "big" || x.MountPoint != dir || len(x.Holders) != 2 {
		t.Errorf("%v: %q", err, out)
	}
}

func TestShowTellsTheNearestSession(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	w := newWorld()
	line := func(path, node string) string {
		return "path=" + path + " node=" + node + ` lifetime="session,ttl=1h0m0s" state=in_use owner_pid=0 owner_kind="" owner="" ` +
			`owner_gone=false deadline=- tries=0 reason=""` + "\n"
	}
	gc := filepath.Join(dir, ".ctl/gc")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(gc, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(line("jobs/7", "0.8") + line("jobs", "0.9") + line("jobs/70", "0.10"))
	_, out, stderr := w.run("show", filepath.Join(dir, "jobs/other"))
	contains(t, out+stderr, "lifetime     session,ttl=1h0m0s of jobs/7: in use\n")
	_, out, stderr = w.run("show", filepath.Join(dir, "big"))
	contains(t, out+stderr, "lifetime     manual: until somebody removes it\n")
	put("what is this\n")
	if code, out, _ := w.run("show", filepath.Join(dir, "big")); code != exitFailed || strings.Contains(out, "manual") {
		t.Errorf("where lifetimes cannot be read: code %d, %s", code, out)
	}
}

func TestShowOfOtherThings(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	w := newWorld()
	_, out, stderr := w.run("show", filepath.Join(dir, "jobs/other"))
	contains(t, out+stderr, "path         jobs/7/frames\n", "by an unknown process of root", "nobody that can be seen")
	for path, want := range map[string]string{
		"jobs": "is not a region", "jobs/lonely": "is not listed as a region", "jobs/7/f": "there is no",
	} {
		code, _, stderr := w.run("show", filepath.Join(dir, path))
		if code != exitNotFound || !strings.Contains(stderr, want) {
			t.Errorf("%s: code %d, %s; want %q", path, code, stderr, want)
		}
	}
	w.finder.err = errors.New("no /proc")
	if code, _, _ := w.run("show", filepath.Join(dir, "big")); code != exitFailed {
		t.Errorf("without /proc: code %d", code)
	}
}

func TestStats(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	w := newWorld()
	_, out, _ := w.run("stats", filepath.Join(dir, "jobs"))
	contains(t, out, "mode         passthrough (the kernel took a file)\n", "server       pid 4711, up 1m30s\n",
		"regions      2, 0 in use by 2 descriptors\n", "arena        tmpfs, 1.0G of max used\n", "nodes        6 of 1000 used\n",
		"open       12     12.3µs  100µs  1.5s\n", "ENOSPC  3\n")
	if strings.Contains(out, "read") || strings.Contains(out, "EPERM") {
		t.Errorf("what never happened is listed:\n%s", out)
	}
	_, out, _ = w.run("stats", dir, "--json")
	var s map[string]any
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	if s["region_bytes"] != 3221229568.0 || s["uptime_seconds"] != 90.25 || s["arena_size_bytes"] != "max" || s["mode"] != "passthrough" {
		t.Errorf("got %v", s)
	}
}

func TestWithoutAnAnswer(t *testing.T) {
	for err, want := range map[error]exitCode{
		&fs.PathError{Op: "open", Path: "/m", Err: syscall.ENOTCONN}: exitDead,
		&fs.PathError{Op: "open", Path: "/m", Err: syscall.EACCES}:   exitPermission,
		&fs.PathError{Op: "open", Path: "/m", Err: syscall.ENOENT}:   exitNotFound,
		control.ErrNoMount: exitNotFound,
		errors.New("else"): exitFailed,
	} {
		if got := codeOf(explain("/m", err)); got != want {
			t.Errorf("%v: got %d, want %d", err, got, want)
		}
	}
	for errno, want := range map[syscall.Errno]exitCode{syscall.EPERM: exitPermission, syscall.ENOENT: exitNotFound} {
		got := explain("/m", &regions.Refusal{Code: regions.NotPermitted, Reason: "it is no session", Remedy: "make one", Err: errno})
		if codeOf(got) != want || !strings.Contains(got.Error(), "it is no session") || remedyOf(got) != "make one" {
			t.Errorf("%v: what the server said is lost: code %d, %v, %q", errno, codeOf(got), got, remedyOf(got))
		}
	}
	ctx, cancel := contextOf(t, time.Millisecond)
	defer cancel()
	_, err := ask(ctx, "/m", func() (int, error) { select {} })
	if got := codeOf(err); got != exitNoAnswer {
		t.Errorf("a server that is silent: %d, %v", got, err)
	}
}

func TestDoctor(t *testing.T) {
	w := newWorld()
	w.root["proc/sys/kernel/osrelease"] = &fstest.MapFile{Data: []byte("6.18.1\n")}
	code, out, _ := w.run("doctor")
	if code != exitOK {
		t.Errorf("code %d", code)
	}
	contains(t, out, "ok    kernel            Linux 6.18.1\n", "less  mount_helper", "why: mount -t shmfs", "try: ln -s")
	w.trials.fuse = fs.ErrNotExist
	code, out, stderr := w.run("doctor", "--json")
	var f probe.Fact
	first, _, _ := strings.Cut(out, "\n")
	if err := json.Unmarshal([]byte(first), &f); err != nil || code != exitMissing || f.Name != "mode" || f.State != probe.Missing {
		t.Errorf("code %d, %v: %s", code, err, first)
	}
	contains(t, stderr, "shmfs cannot mount here", "without /dev/fuse")
}

func TestConfigCheck(t *testing.T) {
	w := newWorld()
	file := filepath.Join(t.TempDir(), "c.toml")
	for text, want := range map[string]struct {
		code exitCode
		said string
	}{
		"size = \"8G\"\n":            {exitOK, "c.toml: good\n"},
		"size = \"64G\"\n":           {exitOK, "warning: size 64G is more than the memory"},
		"siez = 1\nhuge = \"big\"\n": {exitConfig, ":1:1: unknown key \"siez\""},
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, stderr := w.run("config", "check", file)
		if code != want.code || !strings.Contains(out+stderr, want.said) {
			t.Errorf("%q: code %d, %s%s; want %d and %q", text, code, out, stderr, want.code, want.said)
		}
		code, out, _ = w.run("config", "check", file, "--json")
		var v verdict
		if err := json.Unmarshal([]byte(out), &v); err != nil || v.Good != (code == exitOK) || code != want.code {
			t.Errorf("%q as JSON: code %d, %v, %s", text, code, err, out)
		}
	}
	_, out, _ := w.run("config", "check", "/no/such", "--json")
	contains(t, out, `"good":false`, "there is no configuration file /no/such")
	if code, _, stderr := w.run("config", "check", t.TempDir()); code != exitConfig || !strings.Contains(stderr, "cannot be read") {
		t.Errorf("a directory: code %d, %s", code, stderr)
	}
	if code, _, stderr := w.run("config", "check", os.DevNull); code != exitConfig || !strings.Contains(stderr, "not a regular file") {
		t.Errorf("a device: code %d, %s", code, stderr)
	}
	w.in = strings.NewReader("siez = 1\n")
	_, out, _ = w.run("config", "check", "-", "--json")
	contains(t, out, `"file":"-"`, `unknown key \"siez\"`)
}

func TestConfigShow(t *testing.T) {
	w := newWorld()
	_, out, _ := w.run("config", "show")
	if c, err := policy.Parse("shown", []byte(out)); err != nil || c != policy.Default() {
		t.Errorf("the defaults: %v, %+v", err, c)
	}
	c := policy.Default()
	c.Size = policy.Size{Bytes: 3 << 30}
	_, out, _ = w.run("config", "show", fakeMount(t, c), "--json")
	var all map[string]string
	if err := json.Unmarshal([]byte(out), &all); err != nil || all["size"] != "3G" || len(all) != len(policy.Keys()) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestForPeople(t *testing.T) {
	now := testNow()
	for d, want := range map[time.Duration]string{
		0: "now", -time.Hour: "now", 1500 * time.Millisecond: "1s ago", 61 * time.Minute: "1h ago", 50 * time.Hour: "2d ago",
	} {
		if got := ago(now, now.Add(-d)); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
	if ago(now, time.Time{}) != "-" || newWorld().moment(time.Time{}) != "-" {
		t.Error("a time that is not known is not a dash")
	}
	if got, want := printable("a\xffb"), `"a\xffb"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := printable("a\nb"), `"a\nb"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m := mounted{Point: "/m", Mode: "cached", Reason: "asked for", Size: regions.Unlimited, Regions: 2}
	if got, want := m.String(), "shmfs on /m: unlimited, cached (asked for), 2 regions adopted"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
