//go:build linux

package gofuse

import (
	"os"
	"testing"
)

func TestMemoryCgroup(t *testing.T) {
	for text, want := range map[string]string{
		"0::/system.slice/a b.service\n":                         "/system.slice/a b.service",
		"9:name=systemd:/x\n4:cpu,memory:/jobs/7\n0::/unified\n": "/jobs/7",
		"5:memory_other:/no\n1:cpu:/cpu\n0::/a:b\n":              "/a:b",
		"0::/../outside\n":                                       "/../outside",
		"1:cpu:/x\n":                                             "",
		"":                                                       "",
		"4:memory:relative\n0::/unified":                         "/unified",
		"nonsense":                                               "",
	} {
		if got := memoryCgroup(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzMemoryCgroup(f *testing.F) {
	f.Add("4:cpu,memory:/jobs/7\n0::/unified\n")
	f.Fuzz(func(t *testing.T, text string) {
		if got := memoryCgroup(text); got != "" && got[0] != '/' {
			t.Errorf("%q is the cgroup of %q", got, text)
		}
	})
}

func TestCgroupOf(t *testing.T) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip(err)
	}
	if got, want := CgroupOf(uint32(os.Getpid())), memoryCgroup(string(b)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := CgroupOf(0); got != "" {
		t.Errorf("of nobody: %q", got)
	}
}
