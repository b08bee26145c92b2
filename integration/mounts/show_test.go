//go:build linux

package mounts

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a region's end depends on is told by one command.
func TestShowTellsTheLife(t *testing.T) {
	needPassthrough(t)
	m := serve(t, "--size=64M", "--io=passthrough")
	path := func(name string) string { return filepath.Join(m.dir, name) }
	newFile(t, path("plain"))
	newFile(t, m.setLife(t, "hour", "lifetime", "ttl=1h")+"/r")
	newFile(t, path("hour/pinned"))
	owner := maker(t, "echo > "+m.setLife(t, "owner", "lifetime", "owner,grace=1h")+"/r")
	m.setLife(t, "all", "lifetime", "session,ttl=1h")
	newFile(t, m.setLife(t, "all/s/d", "zero", "false")+"/r")
	m.allClosed(t)
	for _, args := range [][]string{{"share", "--read-only", path("plain"), path("share")}, {"seal", path("plain")},
		{"set", path("hour/pinned"), "pin=true"}} {
		if r := shmfs(t, args...); r.code != exitOK {
			t.Fatalf("%v: %+v", args, r)
		}
	}
	shows := func(name, want string) {
		t.Helper()
		lines := regexp.MustCompile(`(?m)^` + want + `$`)
		m.waitFor(t, name+": "+want, func() bool { return lines.MatchString(shmfs(t, "show", path(name)).stdout) })
	}
	shows("plain", "lifetime     manual: until somebody removes it")
	shows("plain", "sealed       yes: nobody may write to it")
	shows("share", `share of     plain \(read-only\)`)
	if err := os.Link(path("share"), path("hour/another name")); err != nil {
		t.Fatal(err)
	}
	shows("share", `share of     plain \(read-only\)`)
	shows("hour/another name", `share of     plain \(read-only\)`)
	if err := os.Remove(path("plain")); err != nil {
		t.Fatal(err)
	}
	shows("share", `share of     a region that has no name any more`)
	if r := shmfs(t, "show", path("share"), "--json"); !strings.Contains(r.stdout, `"share_of":"",`) {
		t.Errorf("as JSON: %+v", r)
	}
	shows("hour/r", `lifetime     ttl=1h0m0s: counting, ends in (1h0m0s|5\dm.*s)`)
	shows("hour/pinned", "lifetime     ttl=1h0m0s: pinned")
	shows("owner/r", "lifetime     owner,grace=1h0m0s: owner alive")
	shows("all/s/d/r", `lifetime     session,ttl=1h0m0s of all/s: counting, ends in (1h0m0s|5\dm.*s)`)
	killGroup(owner)
	shows("owner/r", `lifetime     owner,grace=1h0m0s: counting, ends in (1h0m0s|5\dm.*s)`)
	if r := shmfs(t, "show", path("all/s/d/r"), "--json"); !strings.Contains(r.stdout, `"sealed":false,`) ||
		!strings.Contains(r.stdout, `"life":{"path":"all/s",`) {
		t.Errorf("as JSON: %+v", r)
	}
}

// What would do nothing is refused, or told.
func TestNothingIsDoneInSilence(t *testing.T) {
	needPassthrough(t)
	m := serve(t, "--size=64M", "--io=passthrough")
	region, share := filepath.Join(m.dir, "r"), filepath.Join(m.dir, "share")
	newFile(t, region)
	if r := shmfs(t, "share", "--read-only", region, share); r.code != exitOK {
		t.Fatalf("share: %+v", r)
	}
	if r := shmfs(t, "seal", share); r.code == exitOK || !strings.Contains(r.stderr, "read-only share") {
		t.Errorf("the seal of a share: %+v", r)
	}
	if r := shmfs(t, "seal", "--undo", share); r.code != exitOK {
		t.Errorf("no seal of a share: %+v", r)
	}
	if r := shmfs(t, "set", region, "lifetime=session"); r.code == exitOK || !strings.Contains(r.stderr, "is for directories") {
		t.Errorf("a region with the lifetime of a session: %+v", r)
	}
	ctl := filepath.Join(m.dir, ".ctl")
	if r := shmfs(t, "set", ctl, "pin=true"); r.code == exitOK || !strings.Contains(r.stderr, "set it on a region or a directory") {
		t.Errorf("a setting of control files: %+v", r)
	}
	if r := shmfs(t, "gc", "--below", ctl, "--dry-run"); r.code == exitOK || !strings.Contains(r.stderr, "there is no "+ctl) {
		t.Errorf("what would end of control files: %+v", r)
	}
	if r := shmfs(t, "gc", m.dir, "--run", "999"); r.code != exitOK || !strings.Contains(r.stderr, "nothing on "+m.dir) {
		t.Errorf("a run that nobody has: %+v", r)
	}
}
