package main

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/shmfs/shmfs/policy"
)

// Programs that wait while much memory is available wait for something else.
func TestMemoryIsScarce(t *testing.T) {
	for text, want := range map[string]bool{
		"MemAvailable: 1025 kB\n": false, "MemAvailable: 1024 kB\n": false, "MemAvailable: 1023 kB\n": true, "": true,
	} {
		s := &serving{sh: &shell{root: fstest.MapFS{"proc/meminfo": {Data: []byte(text)}}}, ram: 4 << 20}
		if available, is := s.isScarce(); is != want {
			t.Errorf("%q: %d available is scarce: %v, want %v", text, available, is, want)
		}
	}
}

// The control group of the server tells beside the machine, unless it is the root of them all, which has no events.
func TestPressureFiles(t *testing.T) {
	root := fstest.MapFS{}
	for name, text := range map[string]string{
		"proc/self/mountinfo":               "30 24 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		"proc/self/cgroup":                  "0::/\n",
		"sys/fs/cgroup/memory.pressure":     "",
		"sys/fs/cgroup/job/cgroup.events":   "",
		"sys/fs/cgroup/job/memory.pressure": "",
		"sys/fs/cgroup/bare/cgroup.events":  "",
	} {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for group, want := range map[string]string{"/": "", "/job": "/sys/fs/cgroup/job/memory.pressure", "/bare": "", "/none": ""} {
		root["proc/self/cgroup"] = &fstest.MapFile{Data: []byte("0::" + group + "\n")}
		s := &serving{sh: &shell{root: fs.FS(root)}}
		all := s.pressureFiles(policy.Pressure{})
		got := ""
		if len(all) > 1 {
			got = all[1].Path
		}
		if all[0].Path != "/proc/pressure/memory" || got != want {
			t.Errorf("in %s: %+v, want %q beside the machine's", group, all, want)
		}
	}
}
