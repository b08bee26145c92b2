//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
)

// eventually waits for a condition.
func eventually(t *testing.T, is func() bool, what string, about func() any) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s within %v: %v", what, patience, about())
		}
	}
}

// Servers die at every step of an end. The next ones leave nothing out: no name in the arena, none that the kernel
// remembers or lists; they end nothing twice, and nothing that somebody has, whatever its name was used for before.
func TestKilledWhileEnding(t *testing.T) {
	needSuccessor(t)
	needRoot(t)
	failing := program(t, ".", "failing", "-tags", "failpoints")
	for _, point := range []failpoint.Point{failpoint.Closing, failpoint.Closed, failpoint.Ending, failpoint.Unlinked,
		failpoint.Told, failpoint.Ended} {
		t.Run(string(point), func(t *testing.T) {
			chance := 3
			if point == failpoint.Ended {
				chance = 1 // once for the names of a directory
			}
			t.Setenv(failpoint.Variable, fmt.Sprintf("%s=%d", point, chance))
			m, _ := mountOf(t, failing, "--crash-loop-deaths=1000")
			e := newEnds(t, m)
			e.kill()
			e.gone(t)
			e.innocent(t)
			if deaths := m.number(t, "restarts_total"); deaths == 0 {
				t.Error("no server died")
			} else {
				t.Logf("%d servers died", deaths)
			}
		})
	}
}

// ends is what dies in these tests, and what must not.
type ends struct {
	m        *mount
	dirs     []string
	made     int
	owner    interface{ kill() }
	mem      []byte // of a region that is mapped only
	kept     []string
	reusable string
}

// group is a process group that can be killed.
type group func()

func (g group) kill() { g() }

const manyEnds = 30

// newEnds has a process make regions in two directories, some of which are listed, looked at, opened by others, or pinned.
func newEnds(t *testing.T, m *mount) *ends {
	t.Helper()
	a := m.setLife(t, "a", "lifetime", "owner,grace=0")
	b := m.setLife(t, "a/b", "lifetime", "owner,grace=10ms")
	pinned := m.setLife(t, "a/pinned", "pin", "true")
	e := &ends{m: m, dirs: []string{a, b}, made: manyEnds, reusable: filepath.Join(a, "1")}
	cmd := maker(t, fmt.Sprintf(`for i in $(seq %d); do echo old > %s/$i; echo old > %s/$i; done
		echo mapped > %s/mapped; echo pinned > %s/x; ls -l %s > /dev/null; ls %s > /dev/null`, manyEnds, a, b, a, pinned, a, b))
	e.owner = group(func() { killGroup(cmd) })
	f, err := os.OpenFile(filepath.Join(a, "mapped"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if e.mem, err = unix.Mmap(int(f.Fd()), 0, 6, unix.PROT_READ, unix.MAP_SHARED); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(e.mem) })
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	e.kept = []string{filepath.Join(a, "mapped"), filepath.Join(pinned, "x")}
	return e
}

func (e *ends) kill() { e.owner.kill() }

// left answers the names that are there of those that must go, by being listed and by being looked up.
func (e *ends) left() []string {
	var all []string
	for _, dir := range e.dirs {
		names, err := os.ReadDir(dir)
		if err != nil {
			return []string{err.Error()}
		}
		for _, n := range names {
			if n.Type().IsRegular() && n.Name() != "mapped" {
				all = append(all, "listed "+filepath.Join(dir, n.Name()))
			}
		}
		for i := range e.made {
			if path := filepath.Join(dir, fmt.Sprint(i+1)); !gone(path) {
				all = append(all, path)
			}
		}
	}
	return all
}

func (e *ends) gone(t *testing.T) {
	t.Helper()
	eventually(t, func() bool { return len(e.left()) == 0 }, "end of all", func() any {
		return fmt.Sprint(e.left(), "; gc has ", e.m.cares(t), "; servers died: ", e.m.number(t, "restarts_total"))
	})
}

// innocent fails if something else was touched, or an end is done once more.
func (e *ends) innocent(t *testing.T) {
	t.Helper()
	newFile(t, e.reusable) // of a process that lives, under a name that was ended
	defer os.Remove(e.reusable)
	keeps(t, e.reusable)
	for _, path := range e.kept {
		if gone(path) {
			t.Errorf("%s is gone", path)
		}
	}
	if got := string(e.mem); got != "mapped" {
		t.Errorf("who has it mapped reads %q", got)
	}
	paths := map[string]int{}
	for _, x := range e.m.events(t) {
		if x.Event == "deleted" {
			paths[x.Path]++
		}
		if x.Event == "end_failed" {
			t.Errorf("told of an end that failed: %+v", x)
		}
	}
	for path, n := range paths {
		if n > 1 {
			t.Errorf("%s ended %d times", path, n)
		}
	}
}

// Servers die at every other name of a session whose time is over, and nothing of it is left.
func TestSessionsEndThoughServersDie(t *testing.T) {
	needSuccessor(t)
	needRoot(t)
	failing := program(t, ".", "failing", "-tags", "failpoints")
	t.Setenv(failpoint.Variable, string(failpoint.Unlinked)+"=2")
	m, _ := mountOf(t, failing, "--crash-loop-deaths=1000")
	m.setLife(t, "all", "lifetime", "session,ttl=1h")
	s := filepath.Dir(m.setLife(t, "all/s/d", "zero", "false"))
	for i := range manyEnds {
		newFile(t, filepath.Join(s, "d", fmt.Sprint(i)))
	}
	m.setLife(t, "all", "lifetime", "session,ttl=2s") // from now on
	eventually(t, func() bool { return gone(s) }, "end of the session", func() any { return m.cares(t) })
	if deaths := m.number(t, "restarts_total"); deaths < 2 {
		t.Errorf("%d servers died, want some", deaths)
	}
}

// A time to live goes on in the next server: servers die faster than it passes, and the region ends all the same.
func TestTimeToLiveOutlivesTheServer(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M", "--crash-loop-deaths=100000")
	dir := m.setLife(t, "d", "lifetime", "ttl=4s")
	path := filepath.Join(dir, "r")
	begun := time.Now()
	newFile(t, path)
	deaths := 0
	over := func() bool { return gone(path) }
	eventually(t, func() bool {
		if m.killWithinASecond(t, over) {
			deaths++
		}
		return over()
	}, "end", func() any { return m.cares(t) })
	if took := time.Since(begun); took < 4*time.Second {
		t.Errorf("it ended after %v", took)
	}
	t.Logf("it ended after %v and %d servers", time.Since(begun), deaths)
}

// killWithinASecond kills a server a second after it has first answered, unless something is over before, and answers whether
// it did. However long a server takes to begin, that second is its own.
func (m *mount) killWithinASecond(t *testing.T, over func() bool) bool {
	t.Helper()
	pid := m.number(t, "server_pid")
	for end := time.Now().Add(time.Second); time.Now().Before(end) && !over(); time.Sleep(10 * time.Millisecond) {
	}
	return !over() && syscall.Kill(pid, syscall.SIGKILL) == nil
}

// Programs open regions that are just ending, and make them anew: they get the old one or a new one, and no error.
func TestOpenedWhileEnding(t *testing.T) {
	m := serve(t, "--size=64M")
	dir := m.setLife(t, "d", "lifetime", "last-user,grace=0")
	path := filepath.Join(dir, "r")
	const ends = 30
	ended, last := -1, uint64(0)
	pause := 20 * time.Millisecond // twice as long as it takes, and as much longer as this machine is slower
	for end := time.Now().Add(patience); ended < ends; {
		ino, err := openWhileEnding(path, pause)
		if err != nil {
			t.Fatal(err)
		}
		if ino != last {
			ended++
			last = ino
			pause -= pause / 8
		} else {
			pause += pause / 16
		}
		if time.Now().After(end) {
			t.Fatalf("it ended %d times only", ended)
		}
	}
}

// openWhileEnding uses a region, a new one if there is none, and once more within a pause, for as long. It answers its number.
func openWhileEnding(path string, pause time.Duration) (uint64, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 0); err != nil {
		return 0, err
	}
	var st, named unix.Stat_t
	if err := errors.Join(unix.Fstat(int(f.Fd()), &st), unix.Stat(path, &named)); err != nil {
		return 0, err
	}
	if st.Ino != named.Ino || named.Size == 0 {
		return 0, fmt.Errorf("the name is of node %d, what is open of %d", named.Ino, st.Ino)
	}
	f.Close()
	time.Sleep(rand.N(pause))
	again, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return st.Ino, nil
	}
	if err != nil {
		return 0, err
	}
	defer again.Close()
	time.Sleep(rand.N(pause))
	if err := errors.Join(unix.Fstat(int(again.Fd()), &st), unix.Stat(path, &named)); err != nil {
		return 0, fmt.Errorf("it ended while it was open: %w", err)
	}
	if st.Ino != named.Ino {
		return 0, fmt.Errorf("what is open is node %d, and its name of %d", st.Ino, named.Ino)
	}
	return st.Ino, nil
}
