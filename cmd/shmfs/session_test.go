package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/policy"
)

func TestSessionList(t *testing.T) {
	dir := fakeMount(t, policy.Default())
	w := newWorld()
	text := `path=sessions/a node=1.2 state=counting ttl=30m0s deadline=` + testNow().Add(time.Minute).UTC().Format(time.RFC3339Nano) +
		` last_used=2026-03-04T05:06:07Z owner_pid=0 owner_kind=process owner="" owner_gone=false regions=3 in_use=1 promised=1048576 resident=4096 limit=max reason=""
path="sessions/b c" node=1.3 state=owner_alive ttl=max deadline=- last_used=- owner_pid=7 owner_kind=process owner=7 owner_gone=false regions=0 in_use=0 promised=0 resident=0 limit=2147483648 reason=""
`
	if err := os.WriteFile(filepath.Join(dir, ".ctl/sessions"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, stderr := w.run("session", "ls", dir)
	want := `STATE        REGIONS  IN-USE  PROMISED  LIMIT  OWNER  ENDS     PATH
counting     3        1       1.0M      max    -      in 1m0s  sessions/a
owner_alive  0        0       0         2.0G   7      -        sessions/b c
`
	if code != exitOK || out != want {
		t.Errorf("code %d, got\n%swant\n%s%s", code, out, want, stderr)
	}
	_, out, _ = newWorld().run("session", "ls", "--json", dir)
	var all []control.Session
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 2 || all[0].InUse != 1 || all[1].Path != "sessions/b c" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestSessionUsage(t *testing.T) {
	for _, args := range [][]string{{"session"}, {"session", "new"}, {"session", "end"}, {"session", "keep", "a", "b"},
		{"session", "ls", "a", "b"}, {"chown", "/x"}, {"chown", "--owner", "me", "/x"}, {"chown", "--owner", "1"},
		{"chown", "--owner", "1", "--maker", "/x"}, {"chown", "--maker", "--to-directory", "/x"},
		{"chown", "--cgroup", "a", "/x"}, {"chown", "--session", "1", "--process-group", "1", "/x"}} {
		if code, _, stderr := newWorld().run(args...); code != exitUsage || stderr == "" {
			t.Errorf("%q: code %d, %q", args, code, stderr)
		}
	}
	for _, args := range [][]string{{"session", "new", "/nowhere/a"}, {"session", "end", "/nowhere"}, {"session", "ls", "/nowhere"},
		{"chown", "--owner", "1", "/nowhere"}} {
		if code, _, _ := newWorld().run(args...); code == exitOK {
			t.Errorf("%q: done", args)
		}
	}
}
