//go:build linux

package mounts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHistory(t *testing.T) {
	m := serve(t, "--size=16M", "--history=2")
	path := filepath.Join(m.dir, "r")
	for _, text := range []string{"x", "xx", "xxx"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := shmfs(t, "show", path); r.code != exitOK || !strings.Contains(r.stdout, "created") || !strings.Contains(r.stdout, "held by") {
			t.Errorf("while it is there: %+v", r)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	r := shmfs(t, "show", path)
	for _, want := range []string{"r, which is not there any more", "(3 bytes)", "unlinked by pid", "2 regions"} {
		if r.code != exitOK || !strings.Contains(r.stdout, want) {
			t.Errorf("%q is not in %+v", want, r)
		}
	}
	if r := shmfs(t, "show", filepath.Join(m.dir, "never")); r.code == exitOK {
		t.Errorf("what never was: %+v", r)
	}
}
