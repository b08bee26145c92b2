//go:build linux

package mounts

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestServerSeesNoData proves the point of passthrough: megabytes through read(2), write(2) and a mapping, and the
// server is asked for none of them.
func TestServerSeesNoData(t *testing.T) {
	m := serve(t, "--size=256M", "--writes=fast") // with auto, write-only descriptors ask before they grow
	if got := m.stat(t, "mode"); got != "passthrough" {
		t.Skipf("no passthrough here: %s", m.stat(t, "mode_reason"))
	}
	path := filepath.Join(m.dir, "region")
	moveData(t, path)
	for _, key := range []string{"operations_read_total", "operations_write_total"} {
		// Reading .ctl/stats is a read itself: the counters are those of before.
		if got := m.data(t, key); got != 0 {
			t.Errorf("%s: %d requests for a region's data, want 0", key, got)
		}
	}
}

// The same movement through the cached way does reach the server: the test above can fail.
func TestServerSeesDataInTheCachedWay(t *testing.T) {
	m := serve(t, "--size=256M", "--io=cached")
	moveData(t, filepath.Join(m.dir, "region"))
	if got := m.data(t, "operations_write_total"); got == 0 {
		t.Error("the server saw no write")
	}
}

// data answers a counter of READ or WRITE without the requests for control files, of which there is one READ for each
// reading of stats before, and one for its end.
func (m *mount) data(t *testing.T, key string) int {
	t.Helper()
	first := m.number(t, key)
	return first - (m.number(t, key) - first) // what one reading of stats costs
}

func moveData(t *testing.T, path string) {
	t.Helper()
	const size = 8 << 20
	want := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read back %d bytes, %v", len(got), err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mem, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	for i := range mem {
		mem[i]++
	}
	if err := unix.Msync(mem, unix.MS_SYNC); err != nil {
		t.Fatal(err)
	}
	one := make([]byte, 1)
	if _, err := f.ReadAt(one, size-1); err != nil || one[0] != 'f'+1 {
		t.Errorf("the last byte is %q (%v), want %q", one, err, "g")
	}
}

// Whether data can be passed through is not a matter of how full the arena is.
func TestPassthroughWithoutAFreeInode(t *testing.T) {
	roomy, full := serve(t, "--size=16M"), serve(t, "--size=16M", "--inodes=1")
	if got, want := full.stat(t, "mode"), roomy.stat(t, "mode"); got != want {
		t.Errorf("mode %s (%s), with room %s", got, full.stat(t, "mode_reason"), want)
	}
}

// A writer's growth past the server's eyes is in the size of the region, in its sums and in the listing.
func TestGrowthPastTheServerIsSeen(t *testing.T) {
	m := serve(t, "--size=256M", "--huge=never")
	f, err := os.Create(filepath.Join(m.dir, "grows"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 99999); err != nil {
		t.Fatal(err)
	}
	if s, err := f.Stat(); err != nil || s.Size() != 100000 {
		t.Errorf("size %d (%v), want 100000", s.Size(), err)
	}
	if got := m.number(t, "region_bytes"); got != 100000 {
		t.Errorf("region_bytes %d, want 100000", got)
	}
	f.Close()
	if got := m.number(t, "region_bytes"); got != 100000 {
		t.Errorf("region_bytes after close %d, want 100000", got)
	}
	if got := m.number(t, "resident_bytes"); got != 4096 {
		t.Errorf("resident_bytes %d, want 4096", got)
	}
}

// In use is open or mapped, whatever was closed.
func TestInUse(t *testing.T) {
	m := serve(t, "--size=64M")
	path := filepath.Join(m.dir, "r")
	if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	want := func(when, inUse, opens string) {
		t.Helper()
		if got := m.stat(t, "regions_in_use"); got != inUse {
			t.Errorf("%s: regions_in_use %s, want %s", when, got, inUse)
		}
		// The reader's own descriptor of stats is no region's.
		if got := m.stat(t, "open_descriptors"); got != opens {
			t.Errorf("%s: open_descriptors %s, want %s", when, got, opens)
		}
	}
	m.waitFor(t, "the release of who made it", func() bool {
		return m.stat(t, "regions_in_use") == "0" && m.stat(t, "open_descriptors") == "0"
	})
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	want("open", "1", "1")
	mem, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	opens := "0"
	if m.stat(t, "mode") == "cached" {
		opens = "1" // the kernel keeps the file open until munmap, and releases it then
	}
	m.waitFor(t, "the release", func() bool { return m.stat(t, "open_descriptors") == opens })
	want("mapped", "1", opens)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	want("mapped and unlinked", "1", opens)
	if err := unix.Munmap(mem); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "the end of its use", func() bool { return m.stat(t, "regions_in_use") == "0" })
}
