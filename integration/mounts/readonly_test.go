//go:build linux

package mounts

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A share shows what the producer writes, and nobody writes through it: not root, not by mprotect(2), not by truncate(2);
// also when another server has taken over.
func TestReadOnlyShares(t *testing.T) {
	needSuccessor(t)
	needPassthrough(t)
	m := serve(t, "--size=64M", "--io=passthrough")
	source, public := filepath.Join(m.dir, "frames"), filepath.Join(m.dir, "public dir")
	if err := os.Mkdir(public, 0o755); err != nil {
		t.Fatal(err)
	}
	share := filepath.Join(public, "frames")
	producer, err := os.Create(source)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if err := producer.Truncate(8192); err != nil {
		t.Fatal(err)
	}
	written, err := unix.Mmap(int(producer.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(written)
	if _, err := os.Stat(share); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("before it is made: %v", err)
	}
	if r := shmfs(t, "share", "--read-only", source, share); r.code != exitOK {
		t.Fatalf("share: %+v", r)
	}
	reader, err := os.Open(share)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	shown, err := unix.Mmap(int(reader.Fd()), 0, 8192, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(shown)
	for _, server := range []string{"first", "second"} {
		copy(written, server)
		if got := string(shown[:len(server)]); got != server {
			t.Errorf("%s server: mapped, it shows %q", server, got)
		}
		if b, err := os.ReadFile(share); err != nil || !bytes.Equal(b, written) {
			t.Errorf("%s server: read, it shows %.10q (%v)", server, b, err)
		}
		for what, err := range map[string]error{
			"opened":    second(os.OpenFile(share, os.O_RDWR, 0)),
			"truncated": os.Truncate(share, 1),
			"emptied":   second(os.OpenFile(share, os.O_WRONLY|os.O_TRUNC, 0)),
		} {
			if !errors.Is(err, unix.EROFS) {
				t.Errorf("%s server: %s: %v, want EROFS", server, what, err)
			}
		}
		if err := unix.Mprotect(shown, unix.PROT_READ|unix.PROT_WRITE); err != unix.EACCES {
			t.Errorf("%s server: made writable: %v", server, err)
		}
		if server == "first" {
			killServer(t, m)
		}
	}
	if err := producer.Truncate(12288); err != nil {
		t.Fatal(err)
	}
	var st, from unix.Stat_t
	if err := errors.Join(unix.Stat(share, &st), unix.Stat(source, &from)); err != nil || st.Size != 12288 || st.Ino == from.Ino || st.Blocks != 0 {
		t.Errorf("%d bytes in %d blocks, inode %d, the region's is %d (%v)", st.Size, st.Blocks, st.Ino, from.Ino, err)
	}
	if n := m.number(t, "regions"); n != 1 {
		t.Errorf("%d regions are counted", n)
	}
	if r := shmfs(t, "share", m.dir); !strings.Contains(r.stdout, "read-only  frames  public dir/frames") {
		t.Errorf("listed: %+v", r)
	}
	if r := shmfs(t, "share", "--read-only", source, share); r.code == exitOK {
		t.Errorf("a name that is taken: %+v", r)
	}
}

func second(_ *os.File, err error) error { return err }

// A share does not keep its region. Who has it mapped keeps what he has.
func TestReadOnlySharesEndWithTheirRegion(t *testing.T) {
	needPassthrough(t)
	m := serve(t, "--size=64M", "--io=passthrough")
	source, share := filepath.Join(m.dir, "r"), filepath.Join(m.dir, "share")
	if err := os.WriteFile(source, bytes.Repeat([]byte("x"), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := shmfs(t, "share", "--read-only", source, share); r.code != exitOK {
		t.Fatalf("share: %+v", r)
	}
	f, err := os.Open(share)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if r := shmfs(t, "gc", "--below", source); r.code != exitOK || gone(source) {
		t.Errorf("what is mapped through a share is ended: %+v", r)
	}
	if err := os.Remove(source); err != nil {
		t.Fatal(err)
	}
	if shown[4095] != 'x' {
		t.Errorf("mapped, it shows %q", shown[4095])
	}
	if err := unix.Munmap(shown); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "the end", func() bool {
		f, err := os.Open(share)
		if err == nil {
			f.Close() // who has it open uses the region
		}
		return errors.Is(err, unix.ESTALE)
	})
	if err := os.Remove(share); err != nil {
		t.Error(err)
	}
}

// A lifetime ends a share: not while somebody has the region, and also when that is gone already.
func TestReadOnlySharesHaveLifetimes(t *testing.T) {
	needPassthrough(t)
	m := serve(t, "--size=64M", "--io=passthrough")
	source, dir := filepath.Join(m.dir, "r"), filepath.Join(m.dir, "public")
	share := filepath.Join(dir, "share")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(source, make([]byte, 4096), 0o600)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	set := shmfs(t, "set", dir, "lifetime=last-user,grace=0")
	made := shmfs(t, "share", "--read-only", source, share)
	if set.code != exitOK || made.code != exitOK {
		t.Fatalf("set: %+v, share: %+v", set, made)
	}
	m.waitFor(t, "the deadline", func() bool { return strings.Contains(shmfs(t, "gc", m.dir).stdout, "in_use") })
	if gone(share) {
		t.Error("it ended while the region is open")
	}
	if err := errors.Join(os.Remove(source), f.Close()); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "the end", func() bool { return gone(share) })
}

// Whoever uses a share uses the region: its time begins anew.
func TestReadOnlySharesAreUses(t *testing.T) {
	needPassthrough(t)
	m := serve(t, "--size=64M", "--io=passthrough")
	source, share := filepath.Join(m.dir, "r"), filepath.Join(m.dir, "share")
	if err := os.WriteFile(source, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	made := shmfs(t, "share", "--read-only", source, share)
	set := shmfs(t, "set", source, "lifetime=ttl=1h")
	if set.code != exitOK || made.code != exitOK {
		t.Fatalf("set: %+v, share: %+v", set, made)
	}
	deadline := func() time.Time {
		_, rest, _ := strings.Cut(m.cares(t)["r"], "deadline=")
		text, _, _ := strings.Cut(rest, " ")
		at, _ := time.Parse(time.RFC3339Nano, text) // the zero time while there is none
		return at
	}
	m.waitFor(t, "a deadline", func() bool { return !deadline().IsZero() })
	first := deadline()
	m.waitFor(t, "a later one", func() bool {
		if _, err := os.ReadFile(share); err != nil {
			t.Fatal(err)
		}
		return deadline().After(first.Add(2 * time.Second)) // a use is kept in whole seconds
	})
}

// A region that its owner had open when he died waits for its end, and is let go of. Who maps a share of it then has it.
func TestReadOnlySharesKeepWhatWaitsForItsEnd(t *testing.T) {
	needPassthrough(t)
	m := serve(t, "--size=64M", "--io=passthrough")
	source, share := filepath.Join(m.setLife(t, "jobs", "lifetime", "owner,grace=1h"), "r"), filepath.Join(m.dir, "share")
	owner := maker(t, "exec 3<>"+source+"; head -c 4096 /dev/zero >&3")
	if r := shmfs(t, "share", "--read-only", source, share); r.code != exitOK {
		t.Fatalf("share: %+v", r)
	}
	killGroup(owner)
	m.waitFor(t, "the grace period", func() bool { return strings.Contains(shmfs(t, "gc", m.dir).stdout, "counting") })
	f, err := os.Open(share)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if r := shmfs(t, "gc", m.dir, "--now"); r.code != exitOK || gone(source) {
		t.Errorf("what is mapped through a share ended: %+v", r)
	}
	if err := unix.Munmap(shown); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "the end", func() bool { return shmfs(t, "gc", m.dir, "--now").code == exitOK && gone(source) })
}
