//go:build linux

package gofuse

import (
	"os"
	"os/exec"
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

func TestCgroupsOf(t *testing.T) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip(err)
	}
	c := NewCgroups()
	for range 2 {
		if got, want := c.Of(uint32(os.Getpid())), memoryCgroup(string(b)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := c.Of(0); got != "" {
		t.Errorf("of nobody: %q", got)
	}
}

// Of many that come and go the last ones' files are kept; of who is gone nothing is told.
func TestCgroupsOfMany(t *testing.T) {
	c := NewCgroups()
	own := c.Of(uint32(os.Getpid()))
	for range 2 * cgroupFiles {
		cmd := exec.Command("cat")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pid := uint32(cmd.Process.Pid)
		if got := c.Of(pid); got != own {
			t.Errorf("a child's: %q, want %q", got, own)
		}
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		if got := c.Of(pid); got != "" {
			t.Errorf("of who is gone: %q", got)
		}
	}
	if len(c.open) > cgroupFiles {
		t.Errorf("%d files are open, want %d at most", len(c.open), cgroupFiles)
	}
}

func BenchmarkCgroupsOf(b *testing.B) {
	c := NewCgroups()
	for b.Loop() {
		c.Of(uint32(os.Getpid()))
	}
}
