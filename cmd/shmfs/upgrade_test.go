package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
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

// upgradeWorld has a mount whose stats have these lines too.
func upgradeWorld(t *testing.T, stats string) (*world, string) {
	w := newWorld()
	dir := fakeMount(t, policy.Default())
	w.finder.mounted = []string{dir}
	if err := os.WriteFile(filepath.Join(dir, ".ctl/stats"), []byte(testStats+"keeper_pid 4700\nrestarts_total 2\n"+stats), 0o600); err != nil {
		t.Fatal(err)
	}
	return w, dir
}

func TestUpgradeIsRefused(t *testing.T) {
	w, dir := upgradeWorld(t, "")
	w.mounts.refuse = map[string]error{"renew": os.ErrPermission}
	code, _, stderr := w.run("upgrade", dir)
	if want := []string{"ask /proc/4700/exe", "renew 4700"}; code != exitPermission || !slices.Equal(w.mounts.log, want) {
		t.Errorf("code %d, %s, %v", code, stderr, w.mounts.log)
	}
}

// A program that could not go on from what the server hands on is refused before anything is changed.
func TestUpgradeAsksTheProgramOnDisk(t *testing.T) {
	const stats = "program /usr/bin/shmfs\nledger_version 4\nledger_oldest 3\n"
	for _, x := range []struct {
		stats  string
		next   uint32
		reason string // "" if the server is to be replaced
	}{
		{stats, 4, ""}, {stats, 3, ""}, {stats, 5, ""}, {stats, 2, "layout 2"}, {stats, 6, "layout 6"},
		{"", 0, ""}, {"", 2, ""}, {"", 3, "layout 3"}, // before layout 2, nobody said
	} {
		w, dir := upgradeWorld(t, x.stats)
		w.mounts.onDisk = build{Version: "new", Ledger: x.next}
		w.mounts.refuse = map[string]error{"renew": os.ErrPermission}
		code, _, stderr := w.run("upgrade", dir)
		tried := slices.Contains(w.mounts.log, "renew 4700")
		if tried != (x.reason == "") || !tried && (code != exitFailed || !strings.Contains(stderr, x.reason) ||
			!strings.Contains(stderr, "nothing was changed") || !strings.Contains(stderr, "--keep")) {
			t.Errorf("%q, %d: code %d, %s, %v", x.stats, x.next, code, stderr, w.mounts.log)
		}
	}
	w, dir := upgradeWorld(t, stats)
	w.mounts.refuse = map[string]error{"ask": errors.New("exec format error")}
	if code, _, stderr := w.run("upgrade", dir); code != exitFailed || !strings.Contains(stderr, "/usr/bin/shmfs version") {
		t.Errorf("a program that cannot be run: code %d, %s, %v", code, stderr, w.mounts.log)
	}
}

func TestUpgradeTellsWhoServes(t *testing.T) {
	w := newWorld()
	before := serverState{version: "old", server: 1, program: "/usr/bin/shmfs"}
	after := serverState{version: "new", server: 2}
	if err := before.replaced(w.shell, "/x", after); err != nil || !strings.Contains(w.out.String(), "by shmfs new (pid 2), before by old") {
		t.Errorf("%v, %s", err, w.out.String())
	}
	w.mounts.other = true
	if err := before.replaced(w.shell, "/x", after); err == nil || !strings.Contains(err.Error(), "goes on") {
		t.Errorf("the old program serves: %v", err)
	}
}
