//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The contenders' names, as they stand in tables.
const (
	tmpfs    = "tmpfs"
	loopback = "loopback"
	shmfs    = "shmfs"
)

// contender is a directory to work in, and the processes that serve it.
type contender struct {
	name    string
	dir     string
	pids    []int                          // of the server; none for tmpfs
	control string                         // .ctl of shmfs
	counts  func() (map[string]int, error) // requests by kind, where the server counts
	stop    func() error
}

// starter makes an instance of a contender. Several may exist at once.
type starter func(ctx context.Context, o options) (*contender, error)

func starters() map[string]starter {
	return map[string]starter{tmpfs: startDevShm, loopback: startLoopback, shmfs: startShmfs}
}

// startAll starts those that were asked for. stop ends all that were started, also after an error.
func startAll(ctx context.Context, o options) (all []*contender, stop func() error, err error) {
	stop = func() error {
		var errs []error
		for _, c := range all {
			errs = append(errs, c.stop())
		}
		return errors.Join(errs...)
	}
	for _, name := range o.contenders {
		start, ok := starters()[name]
		if !ok {
			return all, stop, fmt.Errorf("contender %q: want %s, %s or %s", name, tmpfs, loopback, shmfs)
		}
		c, err := start(ctx, o)
		if err != nil {
			return all, stop, fmt.Errorf("starting %s: %w", name, err)
		}
		all = append(all, c)
	}
	return all, stop, nil
}

// startDevShm is a directory below /dev/shm.
func startDevShm(context.Context, options) (*contender, error) {
	dir, err := os.MkdirTemp("/dev/shm", "shmfs-bench-")
	return &contender{name: tmpfs, dir: dir, stop: func() error { return os.RemoveAll(dir) }}, err
}

// startTmpfs is a tmpfs of its own, mounted as /dev/shm is: what is in it can be counted.
func startTmpfs(context.Context, options) (*contender, error) {
	dir, err := os.MkdirTemp("", "shmfs-bench-tmpfs-")
	if err != nil {
		return nil, err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=90%,nr_inodes=0"); err != nil {
		return nil, errors.Join(fmt.Errorf("mounting a tmpfs: %w (root is needed)", err), os.Remove(dir))
	}
	return &contender{name: tmpfs, dir: dir, stop: func() error { return unmount(dir) }}, nil
}

func unmount(dir string) error {
	return errors.Join(unix.Unmount(dir, 0), os.Remove(dir))
}

// startLoopback serves a tmpfs of its own from a process of its own.
func startLoopback(ctx context.Context, o options) (*contender, error) {
	return startLoopbackWith(ctx, o)
}

// startLoopbackWith passes flags to serveLoopback.
func startLoopbackWith(ctx context.Context, o options, flags ...string) (*contender, error) {
	backing, err := startTmpfs(ctx, o)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "shmfs-bench-loopback-")
	if err != nil {
		return nil, errors.Join(err, backing.stop())
	}
	c, err := startServer(dir, append([]string{serveCommand, backing.dir, dir}, flags...))
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir), backing.stop())
	}
	end := c.stop
	c.stop = func() error { return errors.Join(end(), os.Remove(dir), backing.stop()) }
	return c, nil
}

// startServer runs this program a second time, and waits until it serves.
func startServer(dir string, args []string) (*contender, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
	cmd.Stderr = os.Stderr
	// A Ctrl-C on the terminal goes to the whole process group; the server must outlive the client that it serves.
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := json.NewDecoder(stdout)
	var ready string
	if err := lines.Decode(&ready); err != nil || ready != readyLine {
		_ = cmd.Process.Kill()
		return nil, errors.Join(fmt.Errorf("the loopback server did not come up: %q, %w", ready, err), cmd.Wait())
	}
	c := &contender{name: loopback, dir: dir, pids: []int{cmd.Process.Pid}}
	c.stop = func() error { return errors.Join(cmd.Process.Signal(unix.SIGTERM), cmd.Wait()) }
	if slices.Contains(args, countFlag) {
		c.counts = countsOf(cmd.Process, lines)
	}
	return c, nil
}

// startShmfs mounts with the built binary, as a user does.
func startShmfs(ctx context.Context, o options) (*contender, error) { return startShmfsWith(ctx, o) }

// startShmfsWith passes flags to shmfs mount.
func startShmfsWith(ctx context.Context, o options, flags ...string) (*contender, error) {
	dir, err := os.MkdirTemp("", "shmfs-bench-shmfs-")
	if err != nil {
		return nil, err
	}
	args := append([]string{"mount", dir, "--size", "90%"}, flags...)
	if out, err := exec.CommandContext(ctx, o.binary, args...).CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s mount: %w: %s", o.binary, err, out), os.Remove(dir))
	}
	c := &contender{name: shmfs, dir: dir, control: filepath.Join(dir, ".ctl")}
	c.counts = countsInStats(c)
	c.stop = func() error {
		out, err := exec.Command(o.binary, "umount", dir).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s umount %s: %w: %s", o.binary, dir, err, out)
		}
		return os.Remove(dir)
	}
	stats, err := c.stats()
	for key, value := range stats {
		if strings.HasSuffix(key, "_pid") {
			pid, _ := strconv.Atoi(value)
			c.pids = append(c.pids, pid)
		}
	}
	if err != nil || len(c.pids) == 0 {
		return nil, errors.Join(fmt.Errorf("%s/stats names no process: %w", c.control, err), c.stop())
	}
	return c, nil
}

// stats reads .ctl/stats: lines of a key and a value.
func (c *contender) stats() (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(c.control, "stats"))
	stats := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			stats[key] = value
		}
	}
	return stats, err
}
