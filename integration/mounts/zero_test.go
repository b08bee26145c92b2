//go:build linux

package mounts

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/tmpfs"
)

// held is a file of an arena that is held without being used (O_PATH): what becomes of its memory can be read after its
// end.
type held int

func (m *mount) hold(t *testing.T, path string) held {
	t.Helper()
	fd, err := unix.Open(filepath.Join(tmpfs.Place(m.dir, 0), path), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return held(fd)
}

func (h held) read(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", int(h)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (h held) resident(t *testing.T) int64 {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Fstatat(int(h), "", &s, unix.AT_EMPTY_PATH); err != nil {
		t.Fatal(err)
	}
	return s.Blocks * 512
}

// told reports whether an event of a kind was told of a path.
func (m *mount) told(t *testing.T, event, path string) bool {
	t.Helper()
	for _, x := range m.events(t) {
		if x.Event == event && x.Path == path {
			return true
		}
	}
	return false
}

// A region's memory reads as zeros after its end, and is still there when it does: it was written to, and not merely
// given back.
func TestZeroingAtTheEnd(t *testing.T) {
	m := serve(t, "--size=64M")
	if err := os.Mkdir(filepath.Join(m.dir, "d"), 0o777); err != nil {
		t.Fatal(err)
	}
	if r := shmfs(t, "set", filepath.Join(m.dir, "d"), "zero=true"); r.code != exitOK {
		t.Fatalf("set: %+v", r)
	}
	secret := bytes.Repeat([]byte("secret. "), 1<<17)
	for _, x := range []struct {
		name string
		end  func(path string)
	}{
		{"removed", func(path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}},
		{"ended", func(path string) {
			m.allClosed(t)
			if r := shmfs(t, "gc", "--below", path); r.code != exitOK {
				t.Fatalf("gc: %+v", r)
			}
		}},
		{"replaced", func(path string) {
			other := filepath.Join(m.dir, "other")
			if err := os.WriteFile(other, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(other, path); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		path := filepath.Join(m.dir, "d", x.name)
		if err := os.WriteFile(path, secret, 0o600); err != nil {
			t.Fatal(err)
		}
		h := m.hold(t, "d/"+x.name)
		if !bytes.Equal(h.read(t), secret) {
			t.Fatalf("%s: the arena does not hold it", x.name)
		}
		x.end(path)
		m.waitFor(t, "zeros", func() bool { return m.told(t, "zeroed", "d/"+x.name) })
		if b := h.read(t); len(b) != len(secret) || bytes.Count(b, []byte{0}) != len(b) {
			t.Errorf("%s: %d bytes, %d of them zeros", x.name, len(b), bytes.Count(b, []byte{0}))
		}
		if h.resident(t) < int64(len(secret)) {
			t.Errorf("%s: %d bytes are resident", x.name, h.resident(t))
		}
	}
}

// Who still maps a region that is removed reads what is in it. Its end comes with the last mapping, also where another
// server took over meanwhile.
func TestZeroingWaitsForTheLastUser(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M")
	dir := m.setLife(t, "d", "zero", "true")
	path := filepath.Join(dir, "r")
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 8192)), 0o600); err != nil {
		t.Fatal(err)
	}
	h := m.hold(t, "d/r")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	killServer(t, m)
	if _, err := os.ReadDir(dir); err != nil { // the next one serves
		t.Fatal(err)
	}
	copy(mem, "mine")
	if string(mem[:8]) != "minexxxx" || string(h.read(t)[:8]) != "minexxxx" {
		t.Errorf("the user reads %q, the arena %q", mem[:8], h.read(t)[:8])
	}
	if err := unix.Munmap(mem); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "zeros", func() bool { b := h.read(t); return bytes.Count(b, []byte{0}) == len(b) })
}
