package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func stateFile(t testing.TB) *os.File {
	t.Helper()
	f, err := memoryFile("state")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A state is written over a longer one, and read as it was written.
func TestState(t *testing.T) {
	f := stateFile(t)
	for _, want := range []state{
		{Asked: "/a/" + strings.Repeat("long", 100), Point: "/b", Said: "size = \"1G\"\n", Restarts: 1 << 40, Keepers: 2, Died: 3},
		{Asked: "/a", Point: "/a"},
		{},
	} {
		if err := want.write(f); err != nil {
			t.Fatal(err)
		}
		if got, err := readState(f); err != nil || got != want {
			t.Errorf("got %+v (%v), want %+v", got, err, want)
		}
	}
}

// A later release may have added to it; whatever it is, reading it ends.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"point":"/m","later":[1,2]}` + "\nrest"))
	f.Add([]byte("{"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		file := stateFile(t)
		if _, err := file.WriteAt(text, 0); err != nil {
			t.Fatal(err)
		}
		got, err := readState(file)
		if err != nil {
			return
		}
		if err := got.write(file); err != nil {
			t.Fatal(err)
		}
		if again, err := readState(file); err != nil || again != got {
			t.Errorf("%+v is read as %+v (%v)", got, again, err)
		}
	})
}

func TestWhenAServerDied(t *testing.T) {
	at := func(ns int64) time.Time {
		if ns == 0 {
			return time.Time{}
		}
		return time.Unix(0, ns)
	}
	for _, x := range []struct{ keeper, server, want int64 }{{5, 0, 5}, {5, 3, 5}, {3, 5, 5}, {0, 5, 5}} {
		if got := (state{Died: x.keeper}).died(at(x.server)); !got.Equal(at(x.want)) {
			t.Errorf("%+v: got %v", x, got)
		}
	}
	if got := (state{}).died(time.Time{}); time.Since(got) > time.Minute {
		t.Errorf("nobody saw it: got %v, want now", got)
	}
}

// Whatever is wrong with what was stored, it is refused and not gone on with.
func TestRestoreRefuses(t *testing.T) {
	all := func() map[string]*os.File {
		files := map[string]*os.File{}
		for _, name := range []string{storedConnection, storedLedger, storedArena, storedState} {
			files[name] = stateFile(t)
		}
		if err := (state{Point: "/m"}).write(files[storedState]); err != nil {
			t.Fatal(err)
		}
		return files
	}
	hungUp := func() *os.File {
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close() })
		out.Close()
		return in
	}
	for name, spoil := range map[string]func(map[string]*os.File){
		"no ledger":            func(f map[string]*os.File) { delete(f, storedLedger) },
		"not all of it":        func(f map[string]*os.File) { delete(f, storedState) },
		"state":                func(f map[string]*os.File) { f[storedState].WriteAt([]byte("no"), 0) },
		"the connection":       func(f map[string]*os.File) { f[storedConnection] = hungUp() },
		"not a ledger":         func(map[string]*os.File) {},
		"ledger is no file":    func(f map[string]*os.File) { f[storedLedger] = hungUp() },
		"state is a directory": func(f map[string]*os.File) { f[storedState], _ = os.Open(filepath.Dir(os.Args[0])) },
	} {
		files := all()
		spoil(files)
		if _, err := restore(files, mountOptions{}); err == nil {
			t.Errorf("%s: it is gone on with", name)
		}
	}
}

func TestRestartableNeedsAManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	w := newWorld()
	if code, _, stderr := w.run("mount", "--restartable", "/m"); code != exitUsage || !strings.Contains(stderr, "--foreground") {
		t.Errorf("in the background: code %d, %s", code, stderr)
	}
	s := &serving{options: mountOptions{foreground: true, restart: true}}
	if err := s.findService(); codeOf(err) != exitUsage || !strings.Contains(err.Error(), "NOTIFY_SOCKET") {
		t.Errorf("without a manager: %v", err)
	}
	t.Setenv("NOTIFY_SOCKET", "relative")
	if err := s.findService(); err == nil || s.service != nil {
		t.Errorf("with a socket that is none: %v", err)
	}
}
