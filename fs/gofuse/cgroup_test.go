//go:build linux

package gofuse

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs"
)

func TestCgroupsIn(t *testing.T) {
	for text, want := range map[string][2]string{
		"0::/system.slice/a b.service\n":                         {"/system.slice/a b.service", "/system.slice/a b.service"},
		"9:name=systemd:/x\n4:cpu,memory:/jobs/7\n0::/unified\n": {"/jobs/7", "/unified"},
		"5:memory_other:/no\n1:cpu:/cpu\n0::/a:b\n":              {"/a:b", "/a:b"},
		"0::/../outside\n":                                       {"/../outside", "/../outside"},
		"1:cpu:/x\n":                                             {"", ""},
		"3:memory:/x\n":                                          {"/x", ""},
		"":                                                       {"", ""},
		"4:memory:relative\n0::/unified":                         {"/unified", "/unified"},
		"nonsense":                                               {"", ""},
	} {
		if memory, unified := cgroupsIn(text); memory != want[0] || unified != want[1] {
			t.Errorf("%q: got %q and %q, want %q", text, memory, unified, want)
		}
	}
}

func FuzzCgroupsIn(f *testing.F) {
	f.Add("4:cpu,memory:/jobs/7\n0::/unified\n")
	f.Fuzz(func(t *testing.T, text string) {
		memory, unified := cgroupsIn(text)
		for _, got := range []string{memory, unified} {
			if got != "" && got[0] != '/' {
				t.Errorf("%q is a cgroup of %q", got, text)
			}
		}
	})
}

func TestGroupsOf(t *testing.T) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip(err)
	}
	sid, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCgroups()
	want := fs.Groups{Group: uint32(unix.Getpgrp()), Session: uint32(sid)}
	want.Cgroup, want.Unified = cgroupsIn(string(b))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	done := make(chan fs.Groups)
	go func() {
		runtime.LockOSThread() // not the group's leader: the test's goroutine, or main, has that thread
		defer runtime.UnlockOSThread()
		done <- c.Groups(uint32(unix.Gettid()))
	}()
	if got := <-done; got != want {
		t.Errorf("of a thread: %+v, want %+v", got, want)
	}
	for range 2 {
		if got := c.Groups(uint32(os.Getpid())); got != want {
			t.Errorf("of the leader: %+v, want %+v", got, want)
		}
	}
	if got := c.Of(uint32(os.Getpid())); got != want.Cgroup {
		t.Errorf("the cgroup is %q, want %q", got, want.Cgroup)
	}
	for _, nobody := range []uint32{0, endedProcess(t)} {
		if got := c.Groups(nobody); got != (fs.Groups{}) {
			t.Errorf("of nobody: %+v", got)
		}
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
