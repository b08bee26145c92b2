//go:build linux

package mounts

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// forNobody is a copy of a program that an ordinary user can run.
type forNobody struct{ dir, path string }

// copyForNobody copies a program to where every user can reach it: the directories of a test are closed.
func copyForNobody(t *testing.T, program string) forNobody {
	t.Helper()
	dir, err := os.MkdirTemp("", "shmfs-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	in, err := os.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	path := filepath.Join(dir, filepath.Base(program))
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return forNobody{dir, path}
}

// makeReachable opens the directories above a test's own for everybody to pass.
func makeReachable(t *testing.T, dir string) {
	t.Helper()
	for d := filepath.Dir(dir); d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
}
