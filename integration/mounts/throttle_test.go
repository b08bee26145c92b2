//go:build linux

package mounts

import (
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What grows in a directory that is nearly full waits, in each way of growing; and gets all there is.
func TestThrottle(t *testing.T) {
	m := serve(t, "--size=64M")
	dir := m.mkdir(t, "job")
	m.tell(t, "limits", "directory job bytes=16M,throttle=50%")
	for name, grow := range map[string]func(fd int, size int64) error{
		"ftruncate": unix.Ftruncate,
		"fallocate": func(fd int, size int64) error { return unix.Fallocate(fd, 0, 0, size) },
		"write": func(fd int, size int64) error {
			_, err := unix.Pwrite(fd, []byte{1}, size-1)
			return err
		},
	} {
		path := filepath.Join(dir, name)
		if err := growTo(path, 8<<20); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		allowSignals := blockSignals(t) // one ends a wait
		start := time.Now()
		for size := int64(9 << 20); size <= 16<<20; size += 1 << 20 {
			if err := grow(fd, size); err != nil {
				t.Errorf("%s to %d: %v", name, size, err)
			}
		}
		// 1/8, 2/8 ... 8/8 of 50 ms.
		if took, want := time.Since(start), 36*50*time.Millisecond/8; took < want {
			t.Errorf("%s: took %v, want at least %v", name, took, want)
		}
		allowSignals()
		if err := grow(fd, 17<<20); err != unix.EDQUOT {
			t.Errorf("%s past the limit: %v", name, err)
		}
		unix.Close(fd)
		if err := unix.Unlink(path); err != nil {
			t.Fatal(err)
		}
		m.waitFor(t, "room for the next way", func() bool { return m.usage(t, "directory", "job", "promised") == 0 })
	}
	for _, line := range []string{"mount throttle=90%", "user 1 throttle=90%", "directory job throttle=100%"} {
		if err := m.try("limits", line); err == nil {
			t.Errorf("%s was taken", line)
		}
	}
}

// blockSignals keeps signals, which Go's runtime sends to threads of its own, from the calling goroutine's until the answer
// is called.
func blockSignals(t *testing.T) (allow func()) {
	t.Helper()
	runtime.LockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
		t.Fatal(err)
	}
	return func() {
		unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
		runtime.UnlockOSThread()
	}
}
