//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program answers the program under test: $SHMFS_BINARY, or one that is built here.
func program(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("SHMFS_BINARY"); given != "" {
		return given
	}
	path := filepath.Join(t.TempDir(), "shmfs")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/shmfs/shmfs/cmd/shmfs").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// The long run is `make chaos`.
func TestShortChaos(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	if testing.Short() {
		t.Skip("mounts are left out with -short")
	}
	for _, io := range []string{"auto", "cached"} {
		t.Run(io, func(t *testing.T) {
			r, err := Run(Options{Binary: program(t), Kills: 25, Seed: 7, Workers: 1, Regions: 50, IO: io})
			if err != nil {
				t.Error(err)
			}
			if r.Kills != 25 || r.Operations < 100 {
				t.Errorf("%v, want 25 kills and clients at work", r)
			}
			t.Log(r)
		})
	}
}

// The checks can fail: a page that is torn, or of another number, is found.
func TestPagesAreChecked(t *testing.T) {
	p := make([]byte, pageSize)
	fillPage(p, 5)
	if err := checkPage(p, 5); err != nil {
		t.Error(err)
	}
	if checkPage(p, 6) == nil {
		t.Error("a page of another number passed")
	}
	p[100]++
	if checkPage(p, 5) == nil {
		t.Error("a torn page passed")
	}
}

// So is a directory that is not what the model says.
func TestModelIsChecked(t *testing.T) {
	w, err := newNames(t.TempDir(), nil, &clock{})
	if err != nil {
		t.Fatal(err)
	}
	n := w.(*names)
	if err := n.create(); err != nil {
		t.Fatal(err)
	}
	if err := n.check(); err != nil {
		t.Error(err)
	}
	n.model["n1"].size = 7
	if n.check() == nil {
		t.Error("a wrong size passed")
	}
	n.model["n1"].size = 0
	n.model["n2"] = &thing{}
	if n.check() == nil {
		t.Error("a name that is not there passed")
	}
}
