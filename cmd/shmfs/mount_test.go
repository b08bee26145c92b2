package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/policy"
)

func contextOf(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func TestMountTellsWhatItDid(t *testing.T) {
	w := newWorld()
	w.mounts.answer = mounted{Point: "/m", Mode: "passthrough", Size: 8 << 30, PID: 9, Warnings: []string{"less of it"}}
	code, out, stderr := w.run("mount", "/m", "--size", "32G")
	if code != exitOK || out != "shmfs on /m: 8.0G, passthrough\n" {
		t.Errorf("code %d, %q", code, out)
	}
	contains(t, stderr, "warning: size 32G is more than the memory of this machine (16G)", "warning: less of it\n")
	_, out, _ = w.run("mount", "/m", "--json", "--foreground")
	var m mounted
	if err := json.Unmarshal([]byte(out), &m); err != nil || m.PID != 9 || m.Size != 8<<30 {
		t.Errorf("%v: %s", err, out)
	}
	w.mounts.err = &failure{code: exitNoFUSE, reason: "no FUSE"}
	for _, args := range [][]string{{"mount", "/m"}, {"mount", "/m", "-f"}, {"mount", "/m", "--ready-fd=5"}} {
		if code, out, stderr := w.run(args...); code != exitNoFUSE || out != "" || !strings.Contains(stderr, "shmfs: no FUSE\n") {
			t.Errorf("%v: code %d, %q, %q", args, code, out, stderr)
		}
	}
	if got, want := w.mounts.log, []string{"behind 5"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestWhatOverridesWhat: defaults, file, -o, --set, flags.
func TestWhatOverridesWhat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(file, []byte("size = \"1G\"\ninodes = 1000\nhuge = \"never\"\nio = \"cached\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	w.run("mount", "m", "--config", file, "-o", "rw,size=2G,inodes=2000,huge=always,x-a=b", "--set", "size=3G",
		"--set", "inodes=3000", "--size", "4G", "--keep")
	c := w.mounts.started.config
	for key, want := range map[string]string{"size": "4G", "inodes": "3000", "huge": "always", "io": "cached", "keep": "true", "numa": "default"} {
		if got := c.Get(key); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
	if p := w.mounts.started.point; !filepath.IsAbs(p) {
		t.Errorf("the mount point %s is not absolute", p)
	}
}

// TestArgumentsSayTheSame runs the command line of the background server and compares its options.
func TestArgumentsSayTheSame(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(file, []byte("inodes = 1000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	w.run("mount", "/m n", "-o", "size=2G,noexec,numa=bind:0,1", "--config", file, "--replace", "--log-file", "/l", "--ephemeral")
	first := w.mounts.started
	w.run(first.arguments(readyFlag, 7)...)
	second := w.mounts.started
	if second.readyFD != 7 || second.config != first.config || second.point != first.point || second.logFile != "/l" ||
		!second.replace || !second.noexec || second.configFile != file {
		t.Errorf("got %+v\nwant %+v", second, first)
	}
}

func TestOptionsOfMount8(t *testing.T) {
	w := newWorld()
	code, _, stderr := w.run("mount", "/m", "-o", "defaults,nofail,user,noexec,config=/no/such,log_file=/l,replace")
	if code != exitConfig || !strings.Contains(stderr, "there is no configuration file /no/such") {
		t.Errorf("config=: code %d, %s", code, stderr)
	}
	w.run("mount", "/m", "-o", "_netdev,log_file=/l,replace,X-b")
	if o := w.mounts.started; o.logFile != "/l" || !o.replace || o.noexec {
		t.Errorf("got %+v", o)
	}
}

// TestEveryKeyHasAFlag: a key of the configuration can be said on the command line, with its default in the help.
func TestEveryKeyHasAFlag(t *testing.T) {
	flags := keyFlags()
	for i, k := range policy.Keys() {
		_, isBool := flags[i].(*cli.BoolFlag)
		if got, want := flags[i].Names()[0], strings.ReplaceAll(k.Name, "_", "-"); got != want || isBool != (k.Kind == policy.Switch) {
			t.Errorf("%s: flag %s", k.Name, got)
		}
	}
}

func TestHelperCalls(t *testing.T) {
	for line, want := range map[string]helperCall{
		"none /m":                         {point: "/m"},
		"none /m -o size=8G -o keep":      {point: "/m", options: "size=8G,keep"},
		"none /m -sfnv -t shmfs -o rw":    {point: "/m", options: "rw", dry: true, verbose: true},
		"-N 12 none /m -n":                {point: "/m"},
		"none /m -o size=8G,x-y=z -s -vf": {point: "/m", options: "size=8G,x-y=z", dry: true, verbose: true},
	} {
		got, err := parseHelper(append([]string{"mount.shmfs"}, strings.Fields(line)...))
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", line, got, err, want)
		}
	}
	for _, line := range []string{"", "none", "none /m extra", "none /m -o", "none /m -q"} {
		if _, err := parseHelper(append([]string{"mount.shmfs"}, strings.Fields(line)...)); codeOf(err) != exitUsage {
			t.Errorf("%q: got %v", line, err)
		}
	}
}

func FuzzHelper(f *testing.F) {
	f.Add("none /m -o size=8G,keep -sfnv")
	f.Add("-o\x00-o -N")
	f.Fuzz(func(t *testing.T, line string) {
		h, err := parseHelper(append([]string{"mount.shmfs"}, strings.Fields(line)...))
		if err == nil && h.point == "" {
			t.Errorf("%q: accepted without a mount point", line)
		}
	})
}

func TestHelper(t *testing.T) {
	w := newWorld()
	helper := func(args ...string) exitCode {
		w.out.Reset()
		w.err.Reset()
		return exitCode(run(t.Context(), w.shell, append([]string{"/sbin/mount.shmfs"}, args...)))
	}
	if code := helper("none", "/m", "-o", "size=8G,nofail"); code != 0 || w.out.Len() > 0 || w.mounts.started.config.Get("size") != "8G" {
		t.Errorf("code %d, %q, %+v", code, w.out.String(), w.mounts.started)
	}
	w.mounts.started = mountOptions{}
	if code := helper("none", "/m", "-f"); code != 0 || w.mounts.started.point != "" {
		t.Errorf("-f: code %d, and it mounted", code)
	}
	if code := helper("none", "/m", "-v"); code != 0 || w.out.Len() == 0 {
		t.Errorf("-v: code %d, %q", code, w.out.String())
	}
	for _, args := range [][]string{{"none"}, {"none", "/m", "-o", "sise=8"}, {"none", "/m", "-o", "size=0"}} {
		if code := helper(args...); code != 1 {
			t.Errorf("%v: code %d, mount(8) wants 1", args, code)
		}
	}
	w.mounts.err = &failure{code: exitNoFUSE, reason: "no FUSE"}
	if code := helper("none", "/m"); code != 32 {
		t.Errorf("code %d, mount(8) wants 32", code)
	}
}

func TestRemount(t *testing.T) {
	c := policy.Default()
	c.Size = policy.Size{Bytes: 1 << 30}
	dir := fakeMount(t, c)
	w := newWorld()
	w.finder.mounted = []string{dir}
	remount := func(options string) error {
		return mountHelper(t.Context(), w.shell, []string{"mount.shmfs", "none", dir, "-o", "remount," + options})
	}
	if err := remount("rw,user_id=0,max_read=1048576,allow_other,size=2G"); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(dir, ".ctl/config"))
	if err != nil || !strings.HasPrefix(string(written), "size=2G\n") {
		t.Errorf("%v, written %.40q", err, written)
	}
	if err := os.WriteFile(filepath.Join(dir, ".ctl/config"), c.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	for options, want := range map[string]exitCode{"huge=never": exitUsage, "size=x": exitUsage, "sise=1": exitUsage} {
		if got := codeOf(remount(options)); got != want {
			t.Errorf("%s: got %d, want %d", options, got, want)
		}
	}
	w.finder.mounted = nil
	if got := codeOf(remount("size=2G")); got != exitNotFound {
		t.Errorf("nothing mounted: got %d", got)
	}
}

func TestUmount(t *testing.T) {
	late := context.DeadlineExceeded
	for _, c := range []struct {
		args   string
		refuse map[string]error
		code   exitCode
		log    string
		said   string
	}{
		{args: "", log: "unmount M false, gone 4711"},
		{args: "--lazy", log: "unmount M true, gone 4711"},
		{args: "--lazy", refuse: map[string]error{"gone": late}, log: "unmount M true, gone 4711, discard M", said: "(pid 4711) ends with the last"},
		{args: "--lazy --keep", refuse: map[string]error{"gone": late}, log: "unmount M true, gone 4711", said: "is detached"},
		{args: "", refuse: map[string]error{"gone": late}, code: exitNoAnswer, log: "unmount M false, gone 4711, gone 4711", said: "has not ended"},
		{args: "", refuse: map[string]error{"unmount": syscall.EBUSY}, code: exitBusy, log: "unmount M false", said: "pid 7  cat  descriptor  /big"},
		{args: "--keep", refuse: map[string]error{"unmount": syscall.EBUSY}, code: exitBusy, log: "unmount M false", said: "is busy"},
		{args: "", refuse: map[string]error{"unmount": syscall.EPERM}, code: exitPermission, log: "unmount M false", said: "as root"},
		{args: "--lazy", refuse: map[string]error{"gone": late, "discard": syscall.EIO}, code: exitFailed, log: "unmount M true, gone 4711, discard M"},
	} {
		dir := fakeMount(t, policy.Default())
		w := newWorld()
		w.finder.mounted, w.mounts.refuse = []string{dir}, c.refuse
		w.finder.held = []holder{{PID: 7, Command: "cat", Holds: []hold{{How: "descriptor", Path: "big"}}}}
		code, out, stderr := w.run(append([]string{"umount", dir}, strings.Fields(c.args)...)...)
		log := strings.ReplaceAll(strings.Join(w.mounts.log, ", "), filepath.Base(dir), "M")
		if code != c.code || log != c.log || !strings.Contains(out+stderr, c.said) {
			t.Errorf("%q, %v: code %d, log %q, said %q; want %d, %q, %q", c.args, c.refuse, code, log, out+stderr, c.code, c.log, c.said)
		}
	}
}

// TestNamesDoNotCommandTheTerminal: a name may be any bytes, and 0x9b alone is an escape to some terminals.
func TestNamesDoNotCommandTheTerminal(t *testing.T) {
	const evil = "a\x1b[2Jb\x9b2Jc\u0085\nd\u202e"
	dir := fakeMount(t, policy.Default())
	w := newWorld()
	w.finder.mounted, w.finder.nested = []string{dir}, []string{dir + "/" + evil}
	w.finder.held = []holder{{PID: 7, Command: evil, Holds: []hold{{How: "cwd", Path: evil}}}}
	w.mounts.refuse = map[string]error{"unmount": syscall.EBUSY}
	for _, line := range [][]string{
		{"umount", dir}, {"umount", evil}, {"show", dir + "/big"}, {"ls", evil}, {"config", "check", evil},
		{"mount", "--config", evil, dir}, {"stats", evil}, {evil}, {"mount", "--" + evil},
	} {
		w.mounts.err = dead(dir + evil)
		_, stdout, stderr := w.run(line...)
		for _, text := range strings.Split(stdout+stderr, "\n") {
			if escaped(text) != text {
				t.Errorf("%q: %q reaches the terminal", line, text)
			}
		}
		if rest, _, _ := strings.Cut(stderr, "\nd"); rest != stderr {
			t.Errorf("%q: a name breaks the line: %q", line, stderr)
		}
	}
	for s, want := range map[string]string{
		"plain \tä €": "plain \tä €", "\x9b": `\x9b`, "x\x1b\n": `x\x1b\n`, "\ufffd": "\ufffd", "it's\x07": `it's\a`,
	} {
		if got := escaped(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestBusyTellsOfMountsBelow(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	w := newWorld()
	w.finder.mounted, w.finder.nested = []string{dir}, []string{dir + "/x"}
	w.mounts.refuse = map[string]error{"unmount": syscall.EBUSY}
	_, _, stderr := w.run("umount", dir)
	contains(t, stderr, "is busy\n", "mounted below it: "+dir+"/x\n", "shmfs umount --lazy "+dir)
	w.finder.nested = nil
	_, _, stderr = w.run("umount", dir)
	contains(t, stderr, "cannot be seen from here")
}

// A server that goes on because of another mount of its file system is not waited for.
func TestUmountTellsOfOtherMounts(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	for _, args := range []string{"", "--keep"} {
		w := newWorld()
		w.finder.mounted, w.finder.other = []string{dir}, []sighting{{12, "sh", "/bound\n"}}
		w.mounts.refuse = map[string]error{"gone": context.DeadlineExceeded}
		code, _, stderr := w.run(append([]string{"umount", dir}, strings.Fields(args)...)...)
		log := strings.Join(w.mounts.log, ", ")
		if code != exitBusy || strings.Count(log, "gone") != 1 || !strings.Contains(stderr, `mounted at "/bound\n" for pid 12 (sh)`) {
			t.Errorf("%q: code %d, log %s, said %q", args, code, log, stderr)
		}
	}
}

// A region that is held through an earlier mount does not keep the kernel from unmounting this one, but it would end.
func TestUmountLooksForEarlierHolders(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	stats := strings.Replace(testStats, "regions_in_use 0", "regions_in_use 1", 1)
	if err := os.WriteFile(filepath.Join(dir, ".ctl/stats"), []byte(stats), 0o600); err != nil {
		t.Fatal(err)
	}
	cat := []holder{{PID: 7, Command: "cat", Holds: []hold{{How: "mapping", Path: "big"}}}}
	for _, c := range []struct {
		args         string
		held, before []holder
		code         exitCode
		said         string
	}{
		{held: cat, code: exitBusy, said: "pid 7  cat  mapping  /big"},
		{before: cat, code: exitBusy, said: "pid 7  cat  mapping  /big\n  they are held through an earlier mount"},
		{code: exitBusy, said: "1 region in use\n    in use: /big\n  they are held through an earlier mount"},
		{args: "--lazy"}, {args: "--keep"},
	} {
		w := newWorld()
		w.finder.mounted, w.finder.held, w.finder.before = []string{dir}, c.held, c.before
		code, _, stderr := w.run(append([]string{"umount", dir}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(stderr, c.said) || (code != exitOK) != (len(w.mounts.log) == 0) {
			t.Errorf("%+v: code %d, log %v, said %q", c, code, w.mounts.log, stderr)
		}
	}
}

// The dead are not buried while somebody holds what they left.
func TestUmountOfTheDeadLooksForHolders(t *testing.T) {
	w := newWorld()
	w.mounts.used = []string{"big"}
	if err := (umountOptions{}).bury(t.Context(), w.shell, "/m"); codeOf(err) != exitBusy || len(w.mounts.log) > 0 {
		t.Errorf("got %v, log %v", err, w.mounts.log)
	}
	for _, o := range []umountOptions{{lazy: true}, {keep: true}} {
		w.mounts.log = nil
		if err := o.bury(t.Context(), w.shell, "/m"); err != nil || len(w.mounts.log) == 0 {
			t.Errorf("%+v: got %v, log %v", o, err, w.mounts.log)
		}
	}
}

func TestUmountKeeps(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	w := newWorld()
	w.finder.mounted = []string{dir}
	if code, _, stderr := w.run("umount", dir, "--keep"); code != exitOK {
		t.Fatalf("code %d, %s", code, stderr)
	}
	written, err := os.ReadFile(filepath.Join(dir, ".ctl/config"))
	if err != nil || !strings.HasPrefix(string(written), "keep=true\n") {
		t.Errorf("%v, written %.40q", err, written)
	}
}

func TestUmountOfWhatCannotAnswer(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	w := newWorld()
	w.finder.mounted = []string{dir}
	if err := os.Rename(filepath.Join(dir, ".ctl/stats"), filepath.Join(dir, ".ctl/gone")); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := w.run("umount", dir); code != exitNotFound || len(w.mounts.log) > 0 {
		t.Errorf("code %d, log %v", code, w.mounts.log)
	}
	if code, _, _ := w.run("umount", dir, "--lazy"); code != exitOK || len(w.mounts.log) != 1 {
		t.Errorf("--lazy: code %d, log %v", code, w.mounts.log)
	}
	if code, _, stderr := w.run("umount", "/elsewhere"); code != exitNotFound || !strings.Contains(stderr, dir) {
		t.Errorf("no mount: code %d, %s", code, stderr)
	}
}

func TestUmountBuriesTheDead(t *testing.T) {
	w := newWorld()
	for keep, want := range map[bool]string{false: "unmount m true, discard m", true: "unmount m true"} {
		w.mounts.log = nil
		if err := (umountOptions{keep: keep}).bury(t.Context(), w.shell, "/m"); err != nil {
			t.Error(err)
		}
		if got := strings.Join(w.mounts.log, ", "); got != want {
			t.Errorf("keep %v: got %q, want %q", keep, got, want)
		}
	}
	if err := errors.Unwrap(dead("/m")); err != nil {
		t.Errorf("the kernel's words add nothing: %v", err)
	}
}
