package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/shmfs/shmfs/policy"
)

// TestMain lets the test binary be the server that start runs: the role is in the environment.
func TestMain(m *testing.M) {
	if role := os.Getenv("SHMFS_TEST_SERVER"); role != "" {
		os.Exit(pretendServer(role))
	}
	os.Exit(m.Run())
}

// testNow is the time of every test.
func testNow() time.Time { return time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC) }

// world is a shell with all that is around it.
type world struct {
	*shell
	out, err bytes.Buffer
	root     fstest.MapFS
	finder   *fakeFinder
	mounts   *fakeMounter
	trials   *fakeTrials
	checks   *fakeChecker
}

func newWorld() *world {
	w := &world{
		root: fstest.MapFS{
			"proc/meminfo": {Data: []byte("MemTotal:       16777216 kB\nMemAvailable:   12582912 kB\n")},
		},
		finder: &fakeFinder{}, mounts: &fakeMounter{}, trials: &fakeTrials{},
		checks: &fakeChecker{},
	}
	w.shell = &shell{
		in: strings.NewReader(""), out: &w.out, err: &w.err, goos: "linux", root: w.root, now: testNow,
		finder: w.finder, mounter: w.mounts, unmounter: w.mounts, trials: w.trials, checker: w.checks, programs: w.mounts,
	}
	return w
}

// run runs a command line, "shmfs" in front, and answers what came of it.
func (w *world) run(args ...string) (code exitCode, stdout, stderr string) {
	w.out.Reset()
	w.err.Reset()
	code = exitCode(run(context.Background(), w.shell, append([]string{"shmfs"}, args...)))
	return code, w.out.String(), w.err.String()
}

// fakeFinder knows what a test says.
type fakeFinder struct {
	mounted []string
	held    []holder
	nested  []string
	before  []holder   // through earlier mounts
	other   []sighting // of the same file system
	hidden  bool       // whether servers cannot be seen
	err     error
}

func (f *fakeFinder) earlier([]string) ([]holder, error) { return f.before, f.err }

func (f *fakeFinder) device(string) (uint64, error) { return 1, f.err }

func (f *fakeFinder) elsewhere(uint64) ([]sighting, error) { return f.other, f.err }

func (f *fakeFinder) process(pid int, _ uint64) (int, bool) { return pid, !f.hidden }

func (f *fakeFinder) points() ([]string, error) { return f.mounted, f.err }

func (f *fakeFinder) point(path string) (string, error) {
	for _, p := range f.mounted {
		if p == path {
			return p, nil
		}
	}
	return "", noMount(f, path)
}

func (f *fakeFinder) holders(string) ([]holder, error) { return f.held, f.err }

func (f *fakeFinder) below(point string) ([]string, error) { return f.nested, f.err }

// fakeMounter writes down what it is asked for.
type fakeMounter struct {
	log     []string
	started mountOptions
	answer  mounted
	err     error            // of start and serve
	refuse  map[string]error // of the rest, by name
	used    []string         // what is in use of what a dead mount left
	onDisk  build            // what the program on disk says of itself
	other   bool             // whether processes run another one
	away    func()           // called when something is unmounted; nil for nothing
}

func (f *fakeMounter) ask(_ context.Context, program string) (build, error) {
	f.log = append(f.log, "ask "+program)
	return f.onDisk, f.refuse["ask"]
}

func (f *fakeMounter) runs(int, string) (bool, error) { return !f.other, nil }

func (f *fakeMounter) programOf(pid int) (string, error) {
	return fmt.Sprint("/proc/", pid, "/exe"), f.refuse["programOf"]
}

func (f *fakeMounter) start(_ context.Context, o mountOptions) (mounted, error) {
	f.started = o
	return f.answer, f.err
}

func (f *fakeMounter) serve(_ context.Context, _ *shell, o mountOptions, ready func(mounted) error) error {
	f.started = o
	if f.err != nil {
		return f.err
	}
	return ready(f.answer)
}

func (f *fakeMounter) serveBehind(_ context.Context, _ *shell, o mountOptions) error {
	f.started = o
	f.log = append(f.log, fmt.Sprint("behind ", o.readyFD))
	return f.err
}

func (f *fakeMounter) renew(keeper int) error {
	f.log = append(f.log, fmt.Sprint("renew ", keeper))
	return f.refuse["renew"]
}

func (f *fakeMounter) unmount(point string, lazy bool) error {
	f.log = append(f.log, fmt.Sprint("unmount ", filepath.Base(point), " ", lazy))
	if f.away != nil {
		f.away()
	}
	return f.refuse["unmount"]
}

func (f *fakeMounter) gone(_ context.Context, pid int) error {
	f.log = append(f.log, fmt.Sprint("gone ", pid))
	return f.refuse["gone"]
}

func (f *fakeMounter) left(_ context.Context, point string) error {
	f.log = append(f.log, fmt.Sprint("left ", filepath.Base(point)))
	return f.refuse["left"]
}

func (f *fakeMounter) inUse(context.Context, string) ([]string, error) {
	return f.used, f.refuse["inUse"]
}

func (f *fakeMounter) discard(point string) error {
	f.log = append(f.log, fmt.Sprint("discard ", filepath.Base(point)))
	return f.refuse["discard"]
}

// fakeTrials refuses what a test says.
type fakeTrials struct{ fuse, passthrough error }

func (f *fakeTrials) OpenFUSE() error    { return f.fuse }
func (f *fakeTrials) Passthrough() error { return f.passthrough }
func (f *fakeTrials) Tmpfs(string) error { return nil }
func (f *fakeTrials) UserXattr() error   { return nil }
func (f *fakeTrials) Pressure() error    { return nil }

// fakeMount makes a directory that looks like a mount: with control files, and files where the regions are.
func fakeMount(t *testing.T, config policy.Config) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	all := `{"id":"00000000000000a1","path":"big","node":"0.3","inode":3,"size":3221225472,"resident":1073741824,"mode":"0640","uid":4294967294,"gid":7,"links":1,"opens":2,"writers":1,"in_use":true,"created":"2030-01-31T10:00:00Z","last_used":"2030-01-31T11:59:50Z","creator_pid":41,"creator_uid":4294967294}
{"id":"00000000000000a2","path":"jobs/7/frames","node":"0.5","inode":5,"size":4096,"resident":0,"mode":"0600","uid":0,"gid":0,"links":2,"opens":0,"writers":0,"in_use":false,"created":"2030-01-29T12:00:00Z","last_used":"2030-01-30T12:00:00Z","creator_pid":0,"creator_uid":0}
`
	files := map[string]string{
		".ctl/version":                           "version 1.2.3\ncontrol 1\n",
		".ctl/stats":                             testStats,
		".ctl/config":                            string(config.Encode()),
		".ctl/errors":                            "",
		".ctl/regions.json":                      all,
		".ctl/regions.json?prefix=jobs":          all[strings.Index(all, "\n")+1:],
		".ctl/regions.json?prefix=jobs%2F7%2Ff":  "",
		".ctl/regions.json?prefix=big":           all[:strings.Index(all, "\n")+1],
		".ctl/regions.json?prefix=jobs%2Fother":  "",
		".ctl/regions.json?prefix=jobs%2Flonely": "",
		"big":                                    "",
		"jobs/7/frames":                          "",
		"jobs/lonely":                            "",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(dir, "jobs/7/frames"), filepath.Join(dir, "jobs/other")); err != nil {
		t.Fatal(err)
	}
	return dir
}

const testStats = `mode passthrough
mode_reason the kernel took a file
server_pid 4711
uptime_seconds 90.25
regions 2
directories 2
other_nodes 1
region_bytes 3221229568
resident_bytes 1073741824
regions_in_use 0
open_descriptors 2
arena_kind tmpfs
arena_size_bytes max
arena_used_bytes 1073741824
arena_nodes 1000
arena_nodes_used 6
operations_open_total 12
operations_open_p50_seconds 0.00001234
operations_open_p99_seconds 0.0001
operations_open_max_seconds 1.5
operations_read_total 0
errors_ENOSPC_total 3
errors_EPERM_total 0
`

// contains fails for each text that is not there.
func contains(t *testing.T, got string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(got, w) {
			t.Errorf("no %q in\n%s", w, got)
		}
	}
}

func TestVersion(t *testing.T) {
	w := newWorld()
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if code, out, _ := w.run(args...); code != exitOK || !strings.HasPrefix(out, "shmfs ") {
			t.Errorf("%v: code %d, %q", args, code, out)
		}
	}
	_, out, _ := w.run("version", "--json")
	var b build
	if err := json.Unmarshal([]byte(out), &b); err != nil || b.Version == "" || b.Go == "" {
		t.Errorf("%q: %v, %+v", out, err, b)
	}
	if got, want := versionOf(nil, false).Version, "unknown"; got != want {
		t.Errorf("without build information: got %q, want %q", got, want)
	}
}

func TestCommandLinesThatCannotBeRead(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	for line, want := range map[string]string{
		"mout":                         "did you mean shmfs mount?",
		"zzzzzz":                       "see shmfs --help",
		"config chek":                  "did you mean shmfs config check?",
		"config":                       "needs one of: check, show",
		"mount --sise 8G /x":           "did you mean --size?",
		"mount -q /x":                  "unknown option -q",
		"mount /x --size":              "--size needs a value",
		"mount":                        "needs a mount point",
		"mount /x /y":                  `unexpected argument "/y"`,
		"mount /x --size 0":            "greater than zero",
		"mount /x --size -5G":          "greater than zero",
		"mount /x --huge big":          "want never, within_size, advise or always",
		"mount /x --set huge":          "write KEY=VALUE",
		"mount /x --set hug=1":         "did you mean huge?",
		"mount /x -o sise=8G":          "did you mean size?",
		"mount /x -o ro":               "leave it out",
		"mount /x -o size=x":           "want a number of bytes",
		"mount /x -o size":             "option size wants a value",
		"mount /x -o remount":          "for mount(8) only",
		"mount /x --keep=maybe":        "invalid boolean value",
		"mount /x --keep -o ephemeral": "contradict each other",
		"umount":                       "needs a mount point",
		"upgrade":                      "needs a mount point",
		"ls a b":                       `unexpected argument "b"`,
		"ls --sort owner " + dir:       "cannot sort by \"owner\"",
		"ls --filter siz>1 " + dir:     "did you mean size?",
		"show":                         "needs the path of a region",
		"show a b":                     "unexpected argument",
		"stats a b":                    "unexpected argument",
		"doctor a":                     "unexpected argument",
		"version a":                    "unexpected argument",
		"man a":                        "unexpected argument",
		"config check":                 "needs a configuration file",
		"config show a b":              "unexpected argument",
		"completion":                   "needs the name of a shell",
		"completion csh":               `no completion for "csh"`,
		"completion bash zsh":          "unexpected argument",
		"help mout":                    `unknown command "mout"`,
	} {
		code, out, stderr := newWorld().run(strings.Fields(line)...)
		if code != exitUsage || out != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: code %d, stdout %q, stderr %q; want code %d and %q", line, code, out, stderr, exitUsage, want)
		}
		if reason, _, _ := strings.Cut(stderr, "\n  "); strings.Count(reason, "\n") > 0 {
			t.Errorf("%s: the reason is not one line with a remedy below: %q", line, stderr)
		}
	}
}

func TestFlagsMayFollowArguments(t *testing.T) {
	app := newApp(newWorld().shell)
	for line, want := range map[string]string{
		"shmfs mount /m --size 8G -f":             "shmfs mount --size 8G -f -- /m",
		"shmfs mount --size=8G /m --keep":         "shmfs mount --size=8G --keep -- /m",
		"shmfs mount -- --size":                   "shmfs mount -- --size",
		"shmfs umount /m -l":                      "shmfs umount -l -- /m",
		"shmfs config check f --json":             "shmfs config check --json -- f",
		"shmfs mount -o size=8G,keep /m -o uid=3": "shmfs mount -o size=8G,keep -o uid=3 -- /m",
		"shmfs ls -":                              "shmfs ls -- -",
		"shmfs --version":                         "shmfs --version",
	} {
		a, err := arrange(app, strings.Fields(line))
		if got := strings.Join(a.args, " "); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", line, got, err, want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"size", "inodes", "foreground", "log-level"}
	for word, want := range map[string]string{
		"sise": "size", "isze": "size", "inode": "inodes", "forground": "foreground", "loglevel": "log-level",
		"zebra": "", "": "", "siz": "size", "s": "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	seen := map[string]bool{}
	for code, meaning := range exitMeanings {
		if meaning == "" || seen[meaning] {
			t.Errorf("exit code %d has no meaning of its own", code)
		}
		seen[meaning] = true
	}
	for _, c := range []struct {
		err  error
		want exitCode
	}{
		{nil, exitOK}, {errors.New("x"), exitFailed}, {fmt.Errorf("x: %w", errors.ErrUnsupported), exitUnsupported},
		{fmt.Errorf("x: %w", &failure{code: exitBusy}), exitBusy}, {notHere(), exitUnsupported},
	} {
		if got := codeOf(c.err); got != c.want {
			t.Errorf("%v: got %d, want %d", c.err, got, c.want)
		}
	}
}

func TestReportKeepsTheReasonOnOneLine(t *testing.T) {
	w := newWorld()
	code := w.report(&failure{code: exitBusy, reason: "a\nb", remedy: "c\nd", err: errors.New("e")})
	if got, want := w.err.String(), "shmfs: a\\nb: e\n  c\n  d\n"; code != exitBusy || got != want {
		t.Errorf("code %d, got %q, want %q", code, got, want)
	}
}
