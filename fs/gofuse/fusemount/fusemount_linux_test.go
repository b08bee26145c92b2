package fusemount

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// helper puts a fusermount3 in front of the real one.
func helper(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(dir, "fusermount3"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

func TestMountWhereNothingIs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	_, err := Mount(Options{Point: filepath.Join(t.TempDir(), "nothing"), Source: "test"})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("mount = %v, want ENOENT", err)
	}
}

func TestHelper(t *testing.T) {
	for _, x := range []struct{ what, script, mount, unmount string }{
		{"none", "", "not installed", "not installed"},
		{"one that refuses", "echo 'user has no write access' >&2; exit 1", "user has no write access", "user has no write access"},
		{"one that sends nothing", "exit 0", "sent no descriptor", ""},
	} {
		t.Run(x.what, func(t *testing.T) {
			helper(t, x.script)
			_, err := MountUnprivileged(Options{Point: t.TempDir(), Source: "a,b", AllowOther: true})
			if err == nil || !strings.Contains(err.Error(), x.mount) {
				t.Errorf("mount = %v, want %q", err, x.mount)
			}
			for _, lazy := range []bool{false, true} {
				err := unmountUnprivileged("/nothing", lazy)
				if x.unmount == "" && err == nil || x.unmount != "" && err != nil && strings.Contains(err.Error(), x.unmount) {
					continue
				}
				t.Errorf("unmount = %v, want %q", err, x.unmount)
			}
		})
	}
}

func TestHelperSaysBusy(t *testing.T) {
	helper(t, "echo 'fusermount3: failed to unmount /x: Device or resource busy' >&2; exit 1")
	if err := unmountUnprivileged("/x", false); !errors.Is(err, unix.EBUSY) {
		t.Errorf("unmount = %v, want EBUSY", err)
	}
}

// The helper's mount options are a list with commas: none may come from a name.
func TestSourceIsEscaped(t *testing.T) {
	if got, want := escape(`a,b\c`), `a\,b\\c`; got != want {
		t.Errorf("escape = %q, want %q", got, want)
	}
}
