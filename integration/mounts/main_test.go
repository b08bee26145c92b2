//go:build linux

package mounts

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/tmpfs"
	"github.com/shmfs/shmfs/fs/fstest"
	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
)

// TestMain has processes with the race detector end at once: it waits a second for the reports of other goroutines, at
// the end of every command.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", "atexit_sleep_ms=50 "+os.Getenv("GORACE"))
	code := fstest.Main(m)
	if built != "" {
		os.RemoveAll(filepath.Dir(built))
	}
	os.Exit(code)
}

// built is the binary that was built here, "" for none. Set once, by binary.
var built string

// binary answers the path of the binary under test.
var binary = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("SHMFS_BINARY"); given != "" {
		return filepath.Abs(given)
	}
	dir, err := os.MkdirTemp("", "shmfs-binary-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	built = filepath.Join(dir, "shmfs")
	args := []string{"build", "-o", built}
	if raceDetector {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "github.com/shmfs/shmfs/cmd/shmfs")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return built, nil
})

// ran is what a command did.
type ran struct {
	stdout, stderr string
	code           int
}

// shmfs runs the binary with arguments and waits for its end.
func shmfs(t *testing.T, args ...string) ran {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return run(t, exec.Command(path, args...))
}

func run(t *testing.T, cmd *exec.Cmd) ran {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q: %v", cmd.Args, err)
	}
	return ran{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// mount is a mount that another process serves in the foreground.
type mount struct {
	dir    string
	cmd    *exec.Cmd
	stderr *lockedBuffer
	ended  chan struct{} // closed when the server has gone
}

// lockedBuffer is what a process writes while a test reads it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// needRoot skips where mounts of root's cannot be made.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	if testing.Short() {
		t.Skip("mounts are left out with -short")
	}
}

// serve mounts on a new directory with further arguments. At its end the mount must go without complaint, and leave
// nothing: no mount, no process, no arena.
func serve(t *testing.T, args ...string) *mount {
	t.Helper()
	needRoot(t)
	return serveAt(t, t.TempDir(), nil, args...)
}

// serveAt mounts on dir, the command prefixed by another one.
func serveAt(t *testing.T, dir string, prefix []string, args ...string) *mount {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	line := append(append(prefix[:len(prefix):len(prefix)], path, "mount", "--foreground", dir), undisturbed(args)...)
	m := &mount{dir: dir, cmd: exec.Command(line[0], line[1:]...), stderr: &lockedBuffer{}, ended: make(chan struct{})}
	said := &lockedBuffer{}
	m.cmd.Stdout, m.cmd.Stderr = said, m.stderr
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(m.ended)
		m.cmd.Wait()
	}()
	t.Cleanup(func() { m.finish(t) })
	// Requests are answered a moment before the keeper knows: a first server that dies then is one that could not begin.
	m.waitFor(t, "the mount", func() bool { return strings.Contains(said.String(), "shmfs on ") })
	return m
}

// undisturbed has a mount end nothing before its time because other programs of this machine need memory, unless a test
// says when it should.
func undisturbed(args []string) []string {
	for _, a := range args {
		if strings.HasPrefix(a, "--pressure=") {
			return args
		}
	}
	return append(args[:len(args):len(args)], "--pressure=off")
}

// patience is how long a test waits for what must come: a moment, but where the machine is very busy.
const patience = 3 * time.Minute

// waitFor waits for a condition, for as long as the server lives and not without end.
func (m *mount) waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-m.ended:
			if !is() {
				t.Fatalf("the server ended before %s: %v", what, m.stderr)
			}
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("still waiting for %s: %v", what, m.stderr)
		}
	}
}

// allClosed waits until the server has heard of every close(2): the kernel tells it a moment later, and keeps nobody waiting
// for that. Until then a region is in use.
func (m *mount) allClosed(t *testing.T) {
	t.Helper()
	m.waitFor(t, "the last closes", func() bool { return m.number(t, "open_descriptors") == 0 })
}

// finish ends a mount that is still there, as an operator would, and looks at what is left.
func (m *mount) finish(t *testing.T) {
	t.Helper()
	select {
	case <-m.ended:
	default:
		if !m.leaves() {
			fusemount.Unmount(m.dir, true)
			m.cmd.Process.Kill()
			<-m.ended
			t.Errorf("the server did not end within %v of SIGTERM: %s", patience, m.stderr)
		}
	}
	if strings.Contains(m.stderr.String(), "DATA RACE") || strings.Contains(m.stderr.String(), "panic:") {
		t.Errorf("the server complained:\n%s", m.stderr)
	}
	if mounted(t, m.dir) {
		t.Errorf("%s is still mounted", m.dir)
		fusemount.Unmount(m.dir, true)
	}
}

// leaves asks for the end, and again if a process that was killed still had something: not so soon that this would detach.
func (m *mount) leaves() bool {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		m.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-m.ended:
			return true
		case <-time.After(10 * time.Second):
		}
	}
	return false
}

// leftArena fails if an arena for dir is there, and takes it away.
func leftArena(t *testing.T, dir string, uid int) {
	t.Helper()
	place := tmpfs.Place(dir, uid)
	if _, err := os.Lstat(filepath.Dir(place)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an arena is left at %s (%v)", place, err)
		tmpfs.End(place)
	}
}

func mounted(t *testing.T, dir string) bool {
	t.Helper()
	table, err := fusemount.Table()
	if err != nil {
		t.Fatal(err)
	}
	e, ok := fusemount.At(table, dir)
	return ok && e.Type == fusemount.Type
}

// stat reads a key of .ctl/stats.
func (m *mount) stat(t *testing.T, key string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/stats"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok && k == key {
			return v
		}
	}
	t.Fatalf("no %s in stats:\n%s", key, b)
	return ""
}

// number reads a count from .ctl/stats.
func (m *mount) number(t *testing.T, key string) int {
	t.Helper()
	n, err := strconv.Atoi(m.stat(t, key))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
