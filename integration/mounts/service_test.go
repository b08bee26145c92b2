//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// exitLeft is what a keeper ends with that leaves its mount to the next one (shmfs help).
const exitLeft = 14

// all that a service manager keeps of a mount.
var storedNames = []string{"arena", "connection", "ledger", "place", "state"}

// client works on a mount until it is stopped: names, bytes through a descriptor that stays open, and a mapping. No call
// may fail.
type client struct {
	dir     string
	stop    atomic.Bool
	done    sync.WaitGroup
	rounds  atomic.Int64
	longest atomic.Int64 // ns that a round took

	file *os.File
	mem  []byte
	next uint64 // what is stored next

	mu    sync.Mutex // guards wrong
	wrong []error
}

// work starts a client on a manager's mount, which ends it.
func (m *manager) work(t *testing.T) *client {
	t.Helper()
	c := &client{dir: m.dir}
	var err error
	if c.file, err = os.OpenFile(filepath.Join(m.dir, "held"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.file.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	if c.mem, err = unix.Mmap(int(c.file.Fd()), 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		t.Fatal(err)
	}
	m.busy = c
	c.done.Add(2)
	go c.loop(c.names)
	go c.loop(c.bytes)
	return c
}

func (c *client) loop(round func(i int) error) {
	defer c.done.Done()
	for i := 0; !c.stop.Load(); i++ {
		begun := time.Now()
		if err := round(i); err != nil {
			c.mu.Lock()
			c.wrong = append(c.wrong, fmt.Errorf("round %d: %w", i, err))
			c.mu.Unlock()
		}
		if took := time.Since(begun).Nanoseconds(); took > c.longest.Load() {
			c.longest.Store(took)
		}
		c.rounds.Add(1)
	}
}

// names makes, moves and removes, each of which must be done once.
func (c *client) names(i int) error {
	a, b := filepath.Join(c.dir, fmt.Sprint("a", i)), filepath.Join(c.dir, fmt.Sprint("b", i))
	if err := os.Mkdir(a, 0o700); err != nil {
		return err
	}
	if err := os.Rename(a, b); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(b, "f"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(4096), f.Close(), os.Remove(filepath.Join(b, "f"))); err != nil {
		return err
	}
	return os.Remove(b)
}

// bytes counts up in the mapping and reads the count through the descriptor.
func (c *client) bytes(int) error {
	c.next++
	c.mem[c.next%(1<<19)] = byte(c.next)
	got := make([]byte, 1)
	if _, err := c.file.ReadAt(got, int64(c.next%(1<<19))); err != nil {
		return err
	}
	if got[0] != byte(c.next) {
		return fmt.Errorf("byte %d is read as %d", c.next, got[0])
	}
	_, err := c.file.WriteAt(got, 1<<19+int64(c.next%(1<<19)))
	return err
}

// leave ends the client.
func (c *client) leave() {
	c.end()
	unix.Munmap(c.mem)
	c.file.Close()
}

// end stops the work and answers what failed.
func (c *client) end() []error {
	c.stop.Store(true)
	c.done.Wait()
	return c.wrong
}

// A keeper that is killed takes its server with it; the next one goes on with what the service manager kept, and no
// program notices. Once the server is stopped, so that it cannot see its keeper's end.
func TestKilledKeeperIsNotNoticed(t *testing.T) {
	m := manage(t)
	m.run(t, "--size=64M")
	if got := m.names(); !slices.Equal(got, storedNames) {
		t.Fatalf("stored are %q, want %q", got, storedNames)
	}
	c := m.work(t)
	const kills = 6
	server := 0
	for i := range kills {
		server = m.number(t, "server_pid")
		if i == kills-1 {
			if err := syscall.Kill(server, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		m.signal(t, syscall.SIGKILL)
		m.wait(t)
		m.run(t, "--size=64M")
		if got := m.number(t, "keeper_pid"); got != m.cmd.Process.Pid {
			t.Errorf("keeper_pid %d, want %d", got, m.cmd.Process.Pid)
		}
	}
	m.waitFor(t, "the end of the server that was stopped", func() bool {
		return errors.Is(syscall.Kill(server, 0), unix.ESRCH)
	})
	if wrong := c.end(); len(wrong) > 0 || c.rounds.Load() < 100 {
		t.Errorf("after %d rounds: %v", c.rounds.Load(), wrong)
	}
	m.waitFor(t, "the last closes", func() bool { return m.number(t, "open_descriptors") == 1 })
	for key, want := range map[string]int{"restarts_total": kills, "keeper_restarts_total": kills, "regions": 1,
		"regions_in_use": 1, "directories": 0} {
		if got := m.number(t, key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
	gap, err := time.ParseDuration(m.stat(t, "last_gap_seconds") + "s")
	if err != nil || gap <= 0 || gap > patience {
		t.Errorf("the last gap was %v (%v)", gap, err)
	}
	if got := m.names(); !slices.Equal(got, storedNames) {
		t.Errorf("stored are %q, want %q", got, storedNames)
	}
	t.Logf("%d rounds, the longest took %v, the last gap %v", c.rounds.Load(), time.Duration(c.longest.Load()), gap)
}

// SIGTERM, as for `systemctl restart`, leaves the mount to the next start.
func TestRestartedKeeperIsNotNoticed(t *testing.T) {
	m := manage(t)
	m.run(t, "--size=64M")
	c := m.work(t)
	for range 3 {
		server, before := m.number(t, "server_pid"), len(m.lines())
		m.signal(t, syscall.SIGTERM)
		if got := m.wait(t); got != exitLeft {
			t.Errorf("exit code %d, want %d: %s", got, exitLeft, m.stderr)
		}
		if err := syscall.Kill(server, 0); !errors.Is(err, unix.ESRCH) {
			t.Errorf("the server outlives its keeper (%v)", err)
		}
		m.waitFor(t, "STOPPING=1", func() bool { return m.heard(before, "STOPPING=1") })
		m.run(t, "--size=64M")
	}
	if wrong := c.end(); len(wrong) > 0 {
		t.Error(wrong)
	}
	if got := m.number(t, "keeper_restarts_total"); got != 3 {
		t.Errorf("keeper_restarts_total %d, want 3", got)
	}
}

// What is asked for in the next start holds from then on; what was set while mounted holds if nothing else is asked for.
func TestNextKeeperTakesWhatIsAskedFor(t *testing.T) {
	m := manage(t)
	m.run(t, "--size=64M")
	restart := func(args ...string) {
		t.Helper()
		m.signal(t, syscall.SIGTERM)
		m.wait(t)
		m.run(t, args...)
	}
	config := filepath.Join(m.dir, ".ctl/config")
	if err := os.WriteFile(config, []byte("size=80M\n"), 0); err != nil {
		t.Fatal(err)
	}
	restart("--size=64M")
	if got := m.number(t, "arena_size_bytes"); got != 80<<20 {
		t.Errorf("arena_size_bytes %d, want what was set: %d", got, 80<<20)
	}
	restart("--size=96M")
	if got := m.number(t, "arena_size_bytes"); got != 96<<20 {
		t.Errorf("arena_size_bytes %d, want what is asked for: %d", got, 96<<20)
	}
	if b, err := os.ReadFile(config); err != nil || !strings.Contains(string(b), "size = \"96M\"") {
		t.Errorf(".ctl/config (%v):\n%s", err, b)
	}
}

// The end of a mount takes back what was stored, so that the next start begins anew.
func TestOrderlyEndEmptiesTheStore(t *testing.T) {
	m := manage(t)
	m.run(t, "--size=64M")
	if r := shmfs(t, "umount", m.dir); r.code != exitOK {
		t.Fatalf("umount: %+v", r)
	}
	if got := m.wait(t); got != exitOK {
		t.Errorf("exit code %d, want 0: %s", got, m.stderr)
	}
	m.emptied(t)
	if !m.heard(0, "STOPPING=1") {
		t.Error("STOPPING=1 was not said")
	}
	leftArena(t, m.dir, 0)
	m.run(t, "--size=64M")
	if got := m.number(t, "restarts_total"); got != 0 {
		t.Errorf("restarts_total %d, want 0: it is another mount", got)
	}
}

// A keeper that was killed while it stored leaves what nobody can go on with: the mount is replaced, and the regions
// are found.
func TestIncompleteStoreIsReplaced(t *testing.T) {
	for _, missing := range storedNames {
		if missing == "place" { // it is not of every mount
			continue
		}
		t.Run(missing, func(t *testing.T) {
			m := manage(t)
			m.run(t, "--size=64M")
			if err := os.WriteFile(filepath.Join(m.dir, "r"), []byte("bytes"), 0o600); err != nil {
				t.Fatal(err)
			}
			server := m.number(t, "server_pid")
			m.mu.Lock()
			m.drop(missing)
			m.mu.Unlock()
			m.signal(t, syscall.SIGKILL)
			m.wait(t)
			waitGone(t, server) // a service manager starts nothing before all is gone that was
			m.run(t, "--size=64M")
			if b, err := os.ReadFile(filepath.Join(m.dir, "r")); err != nil || string(b) != "bytes" {
				t.Errorf("the region reads %q (%v)", b, err)
			}
			if got := m.number(t, "restarts_total"); got != 0 {
				t.Errorf("restarts_total %d, want 0: it is another mount", got)
			}
			if got := m.names(); !slices.Equal(got, storedNames) {
				t.Errorf("stored are %q, want %q", got, storedNames)
			}
		})
	}
}

// A mount that is given up in a crash loop is mounted anew by the next start, with its regions.
func TestCrashLoopUnderAManager(t *testing.T) {
	m := manage(t)
	args := []string{"--size=64M", "--crash-loop-deaths=2", "--crash-loop-within=1h", "--on-crash-loop=abort"}
	m.run(t, args...)
	if err := os.WriteFile(filepath.Join(m.dir, "r"), []byte("bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		killServer(t, &m.mount)
	}
	if got := m.wait(t); got != 1 {
		t.Errorf("exit code %d, want 1: %s", got, m.stderr)
	}
	m.emptied(t)
	m.run(t, args...)
	if b, err := os.ReadFile(filepath.Join(m.dir, "r")); err != nil || string(b) != "bytes" {
		t.Errorf("the region reads %q (%v)", b, err)
	}
}

// Without --restartable nothing is stored, and SIGTERM unmounts.
func TestNothingIsStoredUnasked(t *testing.T) {
	m := manage(t)
	m.run(t, "--size=64M", "--restartable=false")
	if got := m.names(); len(got) != 0 {
		t.Errorf("stored are %q", got)
	}
	m.signal(t, syscall.SIGTERM)
	if got := m.wait(t); got != exitOK || mounted(t, m.dir) {
		t.Errorf("exit code %d, mounted %v, want 0 and not", got, mounted(t, m.dir))
	}
}
