package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/policy"
)

const (
	testLimits = `subject=mount name="" bytes=8589934592 regions=max nodes=max largest=max soft_bytes=max soft_regions=max reserve=0 throttle=max writes=inherit overcommit=inherit pages=inherit promised=1048576 reserved=1048576 promised_regions=3 promised_nodes=5 rate=1048576 full_in=7200
subject=directory name="a b" bytes=2147483648 regions=100 nodes=max largest=1073741824 soft_bytes=max soft_regions=max reserve=2097152 throttle=max writes=strict overcommit=inherit pages=inherit promised=1048576 reserved=0 promised_regions=1 promised_nodes=1 rate=0 full_in=max
`
	testCgroups = `name=/job promised=4096 resident=0 unlinked=0 reserved=0 regions=1 nodes=1 peak_promised=8192 peak_regions=2 limit_bytes=max limit_regions=max rate=0 full_in=max memory_used=1048576 memory_limit=2097152 memory_pressure_some_avg10=1.50 memory_pressure_full_avg10=0.25
name=/other promised=0 resident=0 unlinked=0 reserved=0 regions=1 nodes=1 peak_promised=0 peak_regions=1 limit_bytes=max limit_regions=max rate=0 full_in=max
`
	testUsage = `name=1 promised=4096 resident=0 unlinked=0 reserved=0 regions=1 nodes=1 peak_promised=8192 peak_regions=2 limit_bytes=4096 limit_regions=max rate=0 full_in=0
name=4294967294 promised=1048576 resident=4096 unlinked=4096 reserved=0 regions=2 nodes=2 peak_promised=1048576 peak_regions=2 limit_bytes=2097152 limit_regions=9 rate=-1024 full_in=90
`
)

// limitedMount is a fake mount with limits, in which "sub" is a directory.
func limitedMount(t *testing.T) string {
	t.Helper()
	dir := fakeMount(t, policy.Default())
	err := errors.Join(os.MkdirAll(filepath.Join(dir, ".ctl/usage"), 0o700), os.Mkdir(filepath.Join(dir, "sub dir"), 0o700))
	for name, text := range map[string]string{"limits": testLimits, "usage/user": testUsage, "usage/cgroup": testCgroups, "usage/directory": ""} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, ".ctl", name), []byte(text), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLimits(t *testing.T) {
	dir := limitedMount(t)
	code, out, stderr := newWorld().run("limits", dir)
	want := `SUBJECT    PROMISED  BYTES  REGIONS  OF   LARGEST  RESERVE  WRITES  NAME
mount      2.0M      8.0G   3        max  max      -        -       -
directory  1.0M      2.0G   1        100  1.0G     2.0M     strict  a b
`
	if code != exitOK || out != want {
		t.Errorf("code %d, got\n%swant\n%s%s", code, out, want, stderr)
	}
	_, out, _ = newWorld().run("limits", "--json", dir)
	var all []control.Limit
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 2 || all[1].Largest != 1<<30 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestLimitsSet(t *testing.T) {
	dir := limitedMount(t)
	file := filepath.Join(dir, ".ctl/limits")
	for _, x := range []struct {
		args []string
		want string
	}{
		{[]string{dir, "regions=5"}, "mount regions=5\n"},
		{[]string{filepath.Join(dir, "sub dir"), "2G"}, "directory \"sub dir\" 2G\n"},
		{[]string{filepath.Join(dir, "jobs"), "bytes=2G", "regions=7"}, "directory jobs bytes=2G,regions=7\n"},
		{[]string{filepath.Join(dir, "jobs"), "writes=fast"}, "directory jobs writes=fast\n"},
		{[]string{filepath.Join(dir, "jobs"), "reserve=now"}, "directory jobs reserve=now\n"},
		{[]string{"--user", "root", dir, "2G"}, "user 0 2G\n"},
		{[]string{"--group", "12", dir, "2G"}, "group 12 2G\n"},
		{[]string{"--owner", "4711", dir, "2G"}, "owner 4711 2G\n"},
		{[]string{"--cgroup", "/system.slice/a b", dir, "2G"}, "cgroup \"/system.slice/a b\" 2G\n"},
	} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := newWorld().run(append([]string{"limits", "set"}, x.args...)...)
		got, err := os.ReadFile(file)
		if code != exitOK || err != nil || string(got) != x.want {
			t.Errorf("%q: code %d, wrote %q (%v), want %q\n%s", x.args, code, got, err, x.want, stderr)
		}
	}
	for want, args := range map[string][]string{
		"needs a path and a limit":       {dir},
		"no such user: \"no-body-here\"": {"--user", "no-body-here", dir, "1G"},
		"no such process: \"init\"":      {"--owner", "init", dir, "1G"},
		"only one of":                    {"--owner", "1", "--user", "1", dir, "1G"},
	} {
		code, _, stderr := newWorld().run(append([]string{"limits", "set"}, args...)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%q: code %d, %s", args, code, stderr)
		}
	}
	if code, _, stderr := newWorld().run("limits", "set", t.TempDir(), "1G"); code != exitNotFound {
		t.Errorf("no mount: code %d, %s", code, stderr)
	}
}

func TestUsage(t *testing.T) {
	dir := limitedMount(t)
	code, out, stderr := newWorld().run("usage", dir)
	want := `PROMISED  RESIDENT  UNLINKED  PEAK  LIMIT  RATE     FULL IN  REGIONS  NODES  USER
1.0M      4.0K      4.0K      1.0M  2.0M   -1.0K/s  1m30s    2        2      4294967294
4.0K      0         0         8.0K  4.0K   0        full     1        1      ` + (owners{}).name(1) + "\n"
	if code != exitOK || out != want {
		t.Errorf("code %d, got\n%swant\n%s%s", code, out, want, stderr)
	}
	_, out, _ = newWorld().run("usage", "--json", dir)
	var all []control.Usage
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 2 || all[0].Unlinked != 4096 {
		t.Errorf("%v: %s", err, out)
	}
	if code, _, stderr := newWorld().run("usage", "--by", "colour", dir); code != exitUsage || !strings.Contains(stderr, "directory, user") {
		t.Errorf("code %d, %s", code, stderr)
	}
	_, out, _ = newWorld().run("usage", "--by", "cgroup", dir)
	want = `PROMISED  RESIDENT  UNLINKED  PEAK  LIMIT  RATE  FULL IN  REGIONS  NODES  MEMORY  OF    PRESSURE  CGROUP
4.0K      0         0         8.0K  max    0     -        1        1      1.0M    2.0M  1.50%     /job
0         0         0         0     max    0     -        1        1      -       -     -         /other
`
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
	if code, out, _ := newWorld().run("usage", "--by", "directory", dir); code != exitOK || !strings.Contains(out, "DIRECTORY") {
		t.Errorf("code %d, %s", code, out)
	}
}
