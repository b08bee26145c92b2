package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/policy"
)

func TestUpgradeNeedsAKeeper(t *testing.T) {
	w := newWorld()
	dir := fakeMount(t, policy.Default())
	w.finder.mounted = []string{dir}
	code, _, stderr := w.run("upgrade", dir)
	if code != exitFailed || !strings.Contains(stderr, "no keeper") || len(w.mounts.log) > 0 {
		t.Errorf("code %d, %s, %v", code, stderr, w.mounts.log)
	}
}

func TestUpgradeIsRefused(t *testing.T) {
	w := newWorld()
	dir := fakeMount(t, policy.Default())
	w.finder.mounted = []string{dir}
	stats := filepath.Join(dir, ".ctl/stats")
	if err := os.WriteFile(stats, []byte(testStats+"keeper_pid 4700\nrestarts_total 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.mounts.refuse = map[string]error{"renew": os.ErrPermission}
	code, _, stderr := w.run("upgrade", dir)
	if code != exitPermission || len(w.mounts.log) != 1 || w.mounts.log[0] != "renew 4700" {
		t.Errorf("code %d, %s, %v", code, stderr, w.mounts.log)
	}
}
