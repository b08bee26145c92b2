//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// program answers the program under test: $SHMFS_BINARY, or one that is built here.
func program(t *testing.T, tags string) string {
	t.Helper()
	if given := os.Getenv("SHMFS_BINARY"); given != "" && tags == "" {
		return given
	}
	path := filepath.Join(t.TempDir(), "shmfs")
	if out, err := exec.Command("go", "build", "-tags", tags, "-o", path, "github.com/shmfs/shmfs/cmd/shmfs").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	if testing.Short() {
		t.Skip("mounts are left out with -short")
	}
}

// The long run is `make chaos`.
func TestShortChaos(t *testing.T) {
	needRoot(t)
	for _, io := range []string{"auto", "cached"} {
		t.Run(io, func(t *testing.T) {
			r, err := Run(Options{Binary: program(t, ""), Kills: 25, Seed: 7, Workers: 1, Regions: 50, IO: io})
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

// Servers that kill themselves between any two steps of a request.
func TestFailpoints(t *testing.T) {
	needRoot(t)
	binary := program(t, "failpoints")
	for _, x := range []string{"read=50", "slot=10", "made=10", "entered=10", "registered=3", "backed=3", "closing=3", "closed=3",
		"answering=50", "forgetting=5", "any=200"} {
		t.Run(x, func(t *testing.T) {
			r, err := Run(Options{Binary: binary, Kills: 8, Seed: 7, Workers: 1, Regions: 10, IO: "auto", Failpoint: x})
			if err != nil {
				t.Error(err)
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

// Every test that docs/reliability.md names as proof is there.
func TestDocumentedProofs(t *testing.T) {
	text, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	var code []byte
	for _, pattern := range []string{"*_test.go", "../mounts/*_test.go", "../../fs/gofuse/keeper/*_test.go", "../../fs/gofuse/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			code = append(code, b...)
		}
	}
	names := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(text, -1)
	if len(names) < 10 {
		t.Errorf("%d tests are named", len(names))
	}
	for _, m := range names {
		if !bytes.Contains(code, append([]byte("func "), append(m[1], '(')...)) {
			t.Errorf("%s is named as a proof, and is no test", m[1])
		}
	}
}
