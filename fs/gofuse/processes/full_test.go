//go:build linux

package processes

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// leave leaves so many descriptors to the process until the test ends.
func leave(t *testing.T, descriptors uint64) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	next, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(next)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next) + descriptors, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
	})
}

// short runs a test with none to three descriptors left.
func short(t *testing.T, test func(*testing.T)) {
	t.Helper()
	for left := range uint64(4) {
		t.Run(fmt.Sprint(left, " left"), func(t *testing.T) {
			leave(t, left)
			test(t)
		})
	}
}

// notGone fails if an owner that lives is taken to be gone. It need not be watched.
func notGone(t *testing.T, what string, cancel func(), err error) {
	t.Helper()
	if err == nil {
		cancel()
	} else if !errors.Is(err, ErrFull) {
		t.Errorf("%s: %v, want %v", what, err, ErrFull)
	}
}

// Where no descriptor is left, nobody is taken to be gone who lives.
func TestNobodyIsGoneForWantOfDescriptors(t *testing.T) {
	w, cmd := groupWatcher(t), sleeper(t, 0)
	id := uint32(cmd.Process.Pid)
	short(t, func(t *testing.T) {
		if !Alive(id, Boot()) {
			t.Error("it is not alive")
		}
		cancel, err := w.Watch(id, Boot(), func() {})
		notGone(t, "the process", cancel, err)
		cancel, err = w.WatchGroup(ProcessGroup, id, Boot(), func() {})
		notGone(t, "its group", cancel, err)
	})
}

func TestNoControlGroupIsGoneForWantOfDescriptors(t *testing.T) {
	_, dir := cgroupHere(t, "cgroup", "memory")
	w, cmd := groupWatcher(t), sleeper(t, 0)
	enter(t, dir, cmd)
	short(t, func(t *testing.T) {
		if found, err := cgroupMembers(dir); err == nil && len(found) != 1 {
			t.Errorf("processes %v", found)
		}
		cancel, err := w.join(groupKey{kind: memoryCgroup, path: dir}, Boot(), 0, func() {})
		notGone(t, dir, cancel, err)
	})
}

// What is said of a control group that cannot be read is no end of it; that it was removed is.
func TestPopulated(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/cgroup.events"
	if lives, err := populated(file); lives || err != nil {
		t.Errorf("removed: %v, %v", lives, err)
	}
	for text, want := range map[string]bool{"populated 1\nfrozen 0\n": true, "populated 0\nfrozen 0\n": false} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if lives, err := populated(file); lives != want || err != nil {
			t.Errorf("%q: %v, %v", text, lives, err)
		}
	}
	if _, err := populated(dir); err == nil {
		t.Error("a directory is read as if it were one that is empty")
	}
	leave(t, 0)
	if lives, err := populated(file); !errors.Is(err, ErrFull) {
		t.Errorf("without a descriptor: %v, %v", lives, err)
	}
}
