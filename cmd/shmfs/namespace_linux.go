package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/shmfs/shmfs/backends/tmpfs"
)

// pidNamespace answers the number of the pid namespace of a process in /proc, or of "self"; 0 if that cannot be told.
func pidNamespace(root fs.FS, pid string) uint64 {
	link, err := fs.ReadLink(root, "proc/"+pid+"/ns/pid")
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(link, "pid:["), "]"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// process looks for it in /proc, which has the processes of all namespaces below the one that it was mounted in.
func (f procFinder) process(pid int, namespace uint64) (int, bool) {
	if pid == 0 {
		return 0, true // there is none
	}
	if here := pidNamespace(f.root, "self"); namespace == 0 || here == 0 || namespace == here {
		return pid, true
	}
	if self, err := fs.ReadLink(f.root, "proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return 0, false // numbers in /proc are not those of this process's namespace
	}
	entries, err := fs.ReadDir(f.root, "proc")
	if err != nil {
		return 0, false
	}
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err == nil && pidNamespace(f.root, e.Name()) == namespace && f.innermost(e.Name()) == pid {
			return n, true
		}
	}
	return 0, false
}

// innermost answers the number that a process has in its own pid namespace (proc_pid_status(5), NSpid); 0 if it is gone.
func (f procFinder) innermost(pid string) int {
	data, err := fs.ReadFile(f.root, "proc/"+pid+"/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if all, ok := strings.CutPrefix(line, "NSpid:"); ok {
			numbers := strings.Fields(all)
			n, _ := strconv.Atoi(numbers[len(numbers)-1])
			return n
		}
	}
	return 0
}

// left waits for the lock of the place: the last process that has it is the keeper, in whichever pid namespace.
func (linuxMounter) left(ctx context.Context, point string) error {
	at := tmpfs.Place(point, os.Geteuid())
	for {
		if _, err := os.Stat(filepath.Dir(at)); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		p, err := tryClaim(at)
		if err != nil {
			return fmt.Errorf("waiting for the server: %w", err)
		}
		if p != nil {
			return p.lock.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollTime):
		}
	}
}
