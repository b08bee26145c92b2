//go:build linux

package processes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrNoCgroups says that no unified hierarchy of control groups is mounted.
var ErrNoCgroups = errors.New("no unified hierarchy of control groups is mounted here (cgroup2)")

// WatchCgroup calls gone once, when no process is left in a control group of the unified hierarchy, or below it, or when
// the group is gone. It answers ErrGone if that is so already. Cancel takes it back. The kernel tells: cgroup.events
// changes, which inotify(7) sees (Linux Documentation/admin-guide/cgroup-v2.rst, "Populated Notification").
func (w *Watcher) WatchCgroup(path string, gone func()) (cancel func(), err error) {
	root, err := unifiedRoot()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(root, path, "cgroup.events")
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, ErrFull
	}
	notices := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, file, unix.IN_MODIFY|unix.IN_DELETE_SELF); err != nil {
		notices.Close()
		if err == unix.ENOENT {
			return nil, ErrGone
		}
		return nil, fmt.Errorf("watch %s: %w", file, err)
	}
	if !populated(file) {
		notices.Close()
		return nil, ErrGone
	}
	var once sync.Once
	go func() {
		defer notices.Close()
		buf := make([]byte, 4096)
		for {
			if _, err := notices.Read(buf); err != nil {
				return // cancelled
			}
			if !populated(file) {
				once.Do(gone)
				return
			}
		}
	}()
	return func() {
		once.Do(func() {})
		notices.Close()
	}, nil
}

// populated reads whether there is a process in a group or below it.
func populated(file string) bool {
	b, err := os.ReadFile(file)
	return err == nil && strings.Contains(string(b), "populated 1")
}

// unifiedRoot finds where the unified hierarchy is mounted (proc_pid_mountinfo(5)).
func unifiedRoot() (string, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		before, after, _ := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if strings.HasPrefix(after, "cgroup2 ") && len(fields) > 4 {
			return fields[4], nil
		}
	}
	return "", ErrNoCgroups
}
