//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what figures depend on. Not its name: that is nobody's business.
type machine struct {
	CPU    string
	Cores  int
	Memory int // bytes
	Kernel string
	Go     string
}

func (m machine) String() string {
	return fmt.Sprintf("%d cores (%s), %d GiB, Linux %s, %s", m.Cores, m.CPU, (m.Memory+1<<29)>>30, m.Kernel, m.Go)
}

func describeMachine() machine {
	m := machine{CPU: cpuModel(), Cores: runtime.NumCPU(), Go: runtime.Version()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if kb, err := procValue("/proc/meminfo", "MemTotal:"); err == nil {
		m.Memory = kb << 10
	}
	return m
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // without it the model is unknown
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "model unknown"
}
