package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

func TestNames(t *testing.T) {
	s := newStage(t)
	want := []string{"version", "stats", "regions", "regions.json", "health", "errors", "events", "limits", "gc", "sessions", "shares", "history", "config", "usage"}
	if n, ok := s.files.Find("usage"); !ok || n.Dir == nil || !slices.Equal(n.Dir.Names(), []string{"directory", "user", "group", "owner", "cgroup", "label", "session"}) {
		t.Errorf("usage: got %+v, %v", n, ok)
	}
	if got := s.files.Names(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, name := range want[:len(want)-1] {
		n, ok := s.files.Find(name)
		if !ok || n.File == nil || n.Dir != nil {
			t.Errorf("%s: got %+v, %v", name, n, ok)
		}
		if _, writable := n.File.(fs.VirtualWriter); writable != slices.Contains([]string{"config", "limits", "gc", "shares"}, name) {
			t.Errorf("%s: writable %v", name, writable)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	s := newStage(t)
	for _, name := range []string{
		"", "nothing", "stats?prefix=a", "regions?", "regions?path=a", "regions?prefix=a&prefix=b", "regions?prefix=a&x=1",
		"regions?prefix=%zz", "regions.json?", "nothing?prefix=a", "config?prefix=",
	} {
		if _, ok := s.files.Find(name); ok {
			t.Errorf("%q was found", name)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, name := range []string{"regions?prefix=models%2Fa", "regions.json?prefix=", "stats", "regions?a;b"} {
		f.Add(name)
	}
	s := newStage(f)
	f.Fuzz(func(t *testing.T, name string) {
		n, ok := s.files.Find(name)
		if ok != (n.File != nil) {
			t.Errorf("%q: found %v, file %v", name, ok, n.File)
		}
		if ok {
			if _, err := n.File.Snapshot(t.Context()); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}

func TestConfig(t *testing.T) {
	s := newStage(t)
	if got, want := s.read(t, "config"), "size = \"1G\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	config := configFile{s.files.(*directory)}
	for _, command := range []string{"size=8G", "size 8G\n", "size = \"8G\"\n", "  size\t8G  ", "size=a=b", `size="`, "size="} {
		if err := config.Write(t.Context(), fs.Caller{}, []byte(command)); err != nil {
			t.Errorf("%q: %v", command, err)
		}
	}
	want := []string{"size=8G", "size=8G", "size=8G", "size=8G", "size=a=b", `size="`, "size="}
	if !slices.Equal(s.config.set, want) {
		t.Errorf("got %q, want %q", s.config.set, want)
	}
}

func TestConfigRefuses(t *testing.T) {
	s := newStage(t)
	config := configFile{s.files.(*directory)}
	for _, command := range []string{"", "\n", "size", "=8G", "size=8G\ninodes=5\n", "size=8\x00"} {
		err := config.Write(t.Context(), fs.Caller{}, []byte(command))
		var r *regions.Refusal
		if !errors.As(err, &r) || r.Code != regions.Invalid || r.Reason == "" || !strings.Contains(r.Remedy, "size=8G") {
			t.Errorf("%q: got %#v", command, err)
		}
	}
	if len(s.config.set) != 0 {
		t.Errorf("was set: %q", s.config.set)
	}
	s.config.err = fmt.Errorf("arena: %w", regions.NoSpace)
	var r *regions.Refusal
	if err := config.Write(t.Context(), fs.Caller{}, []byte("size=1")); !errors.As(err, &r) || r.Code != regions.NoSpace || r.Reason != "size=1: arena: no space left on device" {
		t.Errorf("got %#v", err)
	}
	own := &regions.Refusal{Code: regions.Busy, Reason: "because"}
	s.config.err = own
	if err := config.Write(t.Context(), fs.Caller{}, []byte("size=1")); err != own {
		t.Errorf("got %v, want the very refusal of the configuration", err)
	}
}

func FuzzSetting(f *testing.F) {
	for _, command := range []string{"size=8G", "size 8G\n", "a = \"b\"", "=", "\"", "x\t=\ty"} {
		f.Add(command)
	}
	f.Fuzz(func(t *testing.T, command string) {
		key, value, err := parseSetting(command)
		if err != nil {
			return
		}
		if key == "" || strings.ContainsAny(key, "= \t\n") || strings.ContainsAny(value, "\n\r\x00") {
			t.Errorf("%q: key %q, value %q", command, key, value)
		}
	})
}
