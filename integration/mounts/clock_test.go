//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
	"github.com/shmfs/shmfs/integration/kernels/plan"
)

// The clock is set forth and back by an hour, some hundred times a second, while names are made and servers are killed in
// the middle of it. This is for a machine of its own:
//
//	go build -tags failpoints -o bin/shmfs-failpoints ./cmd/shmfs
//	go run ./integration/kernels -series 6.12 -binary bin/shmfs-failpoints -run TestClockSteps ./integration/mounts
func TestClockStepsAreNotNoticed(t *testing.T) {
	if _, err := os.Stat(plan.Path); err != nil {
		t.Skip("sets the machine's clock: run it in a guest of integration/kernels")
	}
	needSuccessor(t)
	t.Setenv(failpoint.Variable, "any=100") // if the program has them
	m := serve(t, "--size=64M", "--crash-loop-deaths=1000")
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Add(1)
	go func() {
		defer all.Done()
		stepClock(t, stop)
	}()
	for i := range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			makeNames(t, filepath.Join(m.dir, fmt.Sprint("d", i)), stop)
		}()
	}
	const enough = 30
	kills := 0
	for end := time.Now().Add(3 * patience); kills < enough && time.Now().Before(end) && !t.Failed(); time.Sleep(50 * time.Millisecond) {
		pid := m.number(t, "server_pid")
		if syscall.Kill(pid, syscall.SIGKILL) == nil { // or a failpoint was faster
			kills++
		}
	}
	close(stop)
	all.Wait()
	t.Logf("%d kills, %s restarts", kills, m.stat(t, "restarts_total"))
	if kills < enough {
		t.Errorf("%d kills, want %d", kills, enough)
	}
}

// stepClock sets the clock until it is told to stop, and leaves it where it would be.
func stepClock(t *testing.T, stop <-chan struct{}) {
	step := time.Hour
	for {
		select {
		case <-stop:
			if step > 0 {
				return
			}
		case <-time.After(2 * time.Millisecond):
		}
		tv := unix.NsecToTimeval(time.Now().Round(0).Add(step).UnixNano())
		if err := unix.Settimeofday(&tv); err != nil {
			t.Errorf("settimeofday: %v", err)
			return
		}
		step = -step
	}
}

// makeNames makes and removes what must not be there, and must be there.
func makeNames(t *testing.T, path string, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err == nil {
			err = errors.Join(f.Close(), os.Remove(path))
		}
		err = errors.Join(err, os.Mkdir(path, 0o700), os.Remove(path), os.Symlink("target", path), os.Remove(path))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
	}
}

// Lives go by a clock that nobody sets: nothing ends early, and nothing late, while the clock is set forth and back, and a
// server is replaced.
func TestClockStepsEndNothing(t *testing.T) {
	if _, err := os.Stat(plan.Path); err != nil {
		t.Skip("sets the machine's clock: run it in a guest of integration/kernels")
	}
	needSuccessor(t)
	m := serve(t, "--size=64M")
	long := m.setLife(t, "long", "lifetime", "ttl=30m")
	owned := m.setLife(t, "owned", "lifetime", "owner,grace=0")
	waiting := m.setLife(t, "waiting", "lifetime", "last-user,grace=10m")
	short := m.setLife(t, "short", "lifetime", "ttl=5s")
	newFile(t, filepath.Join(long, "r"))
	newFile(t, filepath.Join(owned, "mine"))
	newFile(t, filepath.Join(waiting, "closed"))
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Add(1)
	go func() {
		defer all.Done()
		stepClock(t, stop)
	}()
	defer all.Wait()
	defer close(stop)
	begun := monotonic()
	newFile(t, filepath.Join(short, "r"))
	killServer(t, m)
	for !gone(filepath.Join(short, "r")) {
		if monotonic()-begun > patience {
			t.Fatal("what has a short life is there")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if took := monotonic() - begun; took < 5*time.Second {
		t.Errorf("it ended after %v", took)
	}
	for _, path := range []string{filepath.Join(long, "r"), filepath.Join(owned, "mine"), filepath.Join(waiting, "closed")} {
		if gone(path) {
			t.Errorf("%s is gone", path)
		}
	}
}

func monotonic() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano())
}
