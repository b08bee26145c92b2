//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// mount is the mount under test.
type mount struct {
	dir     string
	control string // where fusectl is mounted
	keeper  *exec.Cmd
	stderr  log
	waiting string // file that counts requests in flight
}

// log is what the keeper and its servers say.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// patience is how long what must come may take: a moment, but where the machine is very busy.
const patience = 3 * time.Minute

// begin mounts, and makes the kernel's count of requests readable.
func begin(o Options) (*mount, error) {
	base, err := os.MkdirTemp("", "shmfs-chaos-")
	if err != nil {
		return nil, err
	}
	m := &mount{dir: filepath.Join(base, "mount"), control: filepath.Join(base, "fusectl")}
	for _, dir := range []string{m.dir, m.control} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := unix.Mount("none", m.control, "fusectl", 0, ""); err != nil {
		return nil, fmt.Errorf("fusectl, to see requests in flight: %w", err)
	}
	m.keeper = exec.Command(o.Binary, "mount", "--foreground", "--size=1G", "--io="+o.IO, "--log-level=error",
		"--crash-loop-deaths=1000000", m.dir)
	ready := &log{}
	m.keeper.Stdout, m.keeper.Stderr = ready, &m.stderr
	if o.Failpoint != "" {
		m.keeper.Env = append(os.Environ(), "SHMFS_FAILPOINT="+o.Failpoint)
	}
	if err := m.keeper.Start(); err != nil {
		return nil, errors.Join(err, m.end())
	}
	// Nobody asks before: a first server that dies before its keeper knows that it serves is one that could not begin.
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if strings.Contains(ready.String(), "shmfs on ") {
			return m, m.find()
		}
	}
	return nil, errors.Join(fmt.Errorf("no mount after %v: %s", patience, m.stderr.String()), m.end())
}

// find finds the connection by the mount's device.
func (m *mount) find() error {
	var s unix.Stat_t
	if err := unix.Stat(m.dir, &s); err != nil {
		return err
	}
	m.waiting = filepath.Join(m.control, strconv.Itoa(int(unix.Minor(s.Dev))), "waiting")
	return nil
}

// passthrough answers how data goes.
func (m *mount) passthrough() (bool, error) {
	b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/stats"))
	return bytes.HasPrefix(b, []byte("mode passthrough\n")), err
}

// end unmounts, and looks that nothing is left.
func (m *mount) end() error {
	var err error
	if m.keeper.Process != nil {
		err = m.stop()
	}
	return errors.Join(err, unix.Unmount(m.control, 0), os.Remove(m.control), os.Remove(m.dir), os.Remove(filepath.Dir(m.dir)))
}

func (m *mount) stop() error {
	m.keeper.Process.Signal(syscall.SIGTERM)
	hurry := time.AfterFunc(patience, func() {
		m.keeper.Process.Kill()
		unix.Unmount(m.dir, unix.MNT_DETACH)
	})
	defer hurry.Stop()
	if err := m.keeper.Wait(); err != nil {
		return fmt.Errorf("the keeper: %w\n%s", err, m.stderr.String())
	}
	return nil
}

// said answers the end of the log, without what is said of every kill.
func (m *mount) said() string {
	var lines []string
	for line := range strings.Lines(m.stderr.String()) {
		if !strings.Contains(line, `how="signal: killed"`) {
			lines = append(lines, line)
		}
	}
	refusals, _ := os.ReadFile(filepath.Join(m.dir, ".ctl/errors")) // of the last server only
	return strings.Join(lines[max(0, len(lines)-20):], "") + string(refusals[max(0, len(refusals)-2000):])
}

// server answers the process that serves now, 0 for none.
func (m *mount) server() int {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", m.keeper.Process.Pid))
	if err != nil {
		return 0
	}
	for _, t := range tasks {
		b, _ := os.ReadFile(t)
		for _, f := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil {
				return pid
			}
		}
	}
	return 0
}

// inFlight answers how many requests the kernel waits for.
func (m *mount) inFlight() (int, error) {
	b, err := os.ReadFile(m.waiting)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// killAll kills one server after the other.
func (m *mount) killAll(o Options, c *clock, failed <-chan error) (r Report, err error) {
	random := rand.New(rand.NewPCG(o.Seed, 1<<63))
	last := 0
	for r.Kills < int64(o.Kills) {
		select {
		case err := <-failed:
			return r, err
		case <-time.After(time.Duration(random.IntN(60_000)) * time.Microsecond):
		}
		pid, err := m.next(o, random, last)
		if err != nil {
			return r, err
		}
		last = pid
		r.Kills++
		if r.Kills > 1 {
			r.Waits = append(r.Waits, time.Duration(c.longest.Swap(0)))
		}
		if o.Progress != nil && r.Kills%10 == 0 {
			fmt.Fprintf(o.Progress, "\r%d of %d kills, %d operations ", r.Kills, o.Kills, c.operations.Load())
		}
	}
	return r, nil
}

// next waits for the next server to die, or kills it.
func (m *mount) next(o Options, random *rand.Rand, last int) (int, error) {
	if o.Failpoint == "" {
		return m.kill(random, last)
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if pid := m.server(); pid != 0 && pid != last {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no server killed itself for %v: is the program built with -tags failpoints? %s", patience, m.said())
}

// kill kills the server at a moment when a request is in flight. It waits for one that is not last, which was killed
// before, and lets it live for a random time: while it starts, takes over, and serves.
func (m *mount) kill(random *rand.Rand, last int) (int, error) {
	const longest = 40 * time.Millisecond
	lives, seen := time.Duration(random.Int64N(int64(longest))), 0
	for end := time.Now().Add(patience); time.Now().Before(end); {
		pid := m.server()
		if pid == 0 || pid == last {
			time.Sleep(100 * time.Microsecond)
			continue
		}
		if pid != seen {
			seen = pid
			time.Sleep(lives)
		}
		n, err := m.inFlight()
		if err != nil {
			return 0, err
		}
		if n > 0 {
			return pid, syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(time.Duration(random.IntN(500)) * time.Microsecond)
	}
	return 0, fmt.Errorf("nobody served, or nobody asked, for %v: %s", patience, m.stderr.String())
}

func region(i int) string { return fmt.Sprintf("all/%04d", i) }

// fill makes regions that are there all the time.
func (m *mount) fill(n int) error {
	if err := os.Mkdir(filepath.Join(m.dir, "all"), 0o755); err != nil {
		return err
	}
	for i := range n {
		if err := os.WriteFile(filepath.Join(m.dir, region(i)), []byte(region(i)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (m *mount) checkFill(n int) error {
	for i := range n {
		b, err := os.ReadFile(filepath.Join(m.dir, region(i)))
		if err != nil || string(b) != region(i) {
			return fmt.Errorf("%s reads %q (%v)", region(i), b, err)
		}
	}
	return nil
}

// blockSize is what st_blocks counts (stat(2)).
const blockSize = 512

// checkStats compares what the server counts with what is there.
func (m *mount) checkStats(o Options, kills int64) error {
	want := map[string]int64{"regions": 0, "directories": 0, "open_descriptors": 0}
	if o.Failpoint == "" { // else servers have gone on dying while this was checked
		want["restarts_total"] = kills
	}
	err := filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".ctl":
			return fs.SkipDir
		case path == m.dir:
		case d.IsDir():
			want["directories"]++
		case d.Type().IsRegular():
			s, err := os.Lstat(path)
			if err != nil {
				return err
			}
			if s.Sys().(*syscall.Stat_t).Nlink > 1 {
				return fmt.Errorf("%s has two names left", path)
			}
			want["regions"]++
			want["resident_bytes"] += s.Sys().(*syscall.Stat_t).Blocks * blockSize
		}
		return nil
	})
	if err != nil {
		return err
	}
	// The last closes arrive, and what servers that died had to forget is found, a moment later.
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if err = m.compareStats(want); err == nil || time.Now().After(end) {
			return err
		}
	}
}

func (m *mount) compareStats(want map[string]int64) error {
	b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/stats"))
	if err != nil {
		return err
	}
	var all []error
	for key, n := range want {
		if !bytes.Contains(b, fmt.Appendf(nil, "\n%s %d\n", key, n)) {
			all = append(all, fmt.Errorf("%s is not %d in stats:\n%.700s", key, n, b))
		}
	}
	return errors.Join(all...)
}
