package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// fakeChecker finds what a test says.
type fakeChecker struct {
	path   string
	repair bool
	found  []checked
	err    error
}

func (f *fakeChecker) check(_ context.Context, _ *shell, path string, repair bool, report func(checked) error) error {
	f.path, f.repair = path, repair
	for _, c := range f.found {
		if err := report(c); err != nil {
			return err
		}
	}
	return f.err
}

func TestFsckEndsAsFsckDoes(t *testing.T) {
	note, found := finding{State: stateNote}, finding{Kind: "no-record", Path: "a\nb", Found: "it has none", Mend: "write one", State: stateFound}
	mended, left := finding{Mend: "write one", State: stateMended}, finding{Advice: "look", State: stateLeft}
	for _, x := range []struct {
		findings []finding
		err      error
		args     []string
		want     exitCode
	}{
		{nil, nil, []string{"/x"}, 0},
		{[]finding{note}, nil, nil, 0},
		{[]finding{found}, nil, nil, 4},
		{[]finding{found, left}, nil, nil, 4},
		{[]finding{mended, mended}, nil, []string{"--repair"}, 1},
		{[]finding{mended, left}, nil, []string{"/x", "-y"}, 4},
		{nil, notHere(), nil, 8},
		{nil, &failure{code: exitMounted, reason: "served"}, nil, 8},
		{nil, nil, []string{"/x", "/y"}, 16},
		{nil, nil, []string{"--none"}, 16},
	} {
		w := newWorld()
		w.checks.found = []checked{{Arena: "/run/a", State: "dead", Findings: x.findings}}
		w.checks.err = x.err
		code, out, stderr := w.run(append([]string{"fsck"}, x.args...)...)
		if code != x.want || (code == 0) != (stderr == "") {
			t.Errorf("%v %v %v: code %d, want %d; %q %q", x.findings, x.err, x.args, code, x.want, out, stderr)
		}
		if want := strings.Contains(strings.Join(x.args, " "), "-y") || strings.Contains(strings.Join(x.args, " "), "--repair"); w.checks.repair != want {
			t.Errorf("%v: repair %v", x.args, w.checks.repair)
		}
	}
}

func TestFsckTellsWhatItFound(t *testing.T) {
	w := newWorld()
	w.checks.found = []checked{{Arena: "/run/a", MountPoint: "/mnt/x", State: "dead", Regions: 2, Bytes: 4096, Directories: 1, Nameless: 8192,
		Findings: []finding{
			{Kind: "no-record", Path: "a\nb", Found: "it has none", Mend: "write one", State: stateFound},
			{Kind: "foreign-entry", Path: "z", Found: "who knows", Advice: "look", State: stateLeft},
		}}}
	_, out, stderr := w.run("fsck", "/mnt/x")
	contains(t, out, "/mnt/x (dead): 2 regions of 4.0K, 1 directory, 0 other nodes; 8.0K without a name",
		`found	"a\nb": it has none; would write one`, "left	z: who knows; look")
	contains(t, stderr, "1 thing to be mended, 1 that nothing here can mend", "shmfs fsck --repair /mnt/x")
	_, out, _ = w.run("fsck", "--json")
	var c checked
	if err := json.Unmarshal([]byte(out), &c); err != nil || len(c.Findings) != 2 || c.Findings[0].Path != "a\nb" {
		t.Errorf("%v: %s", err, out)
	}
}
