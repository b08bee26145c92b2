//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// firstLayout is the last commit whose servers hand on in layout 1. (Earlier ones read requests into ordinary memory: an
// upgrade that kills one of those inside the kernel costs a request an EIO, see docs/reliability.md.)
const firstLayout = "609fe9a878cd317292beea99ce4866ee675acbf9"

// program builds shmfs in a directory's sources, and answers the file.
func program(t *testing.T, sources, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs Go, to build other releases")
	}
	file := filepath.Join(t.TempDir(), name)
	build := append([]string{"build", "-ldflags", "-X main.version=" + name, "-o", file}, args...)
	cmd := exec.Command("go", append(build, "github.com/shmfs/shmfs/cmd/shmfs")...)
	cmd.Dir = sources
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return file
}

// earlier answers a program that hands on in layout 1, built from the history of this repository.
func earlier(t *testing.T) string {
	t.Helper()
	sources := t.TempDir()
	archive := exec.Command("git", "archive", firstLayout)
	archive.Dir = "../.."
	unpack := exec.Command("tar", "-x", "-C", sources)
	var err error
	if unpack.Stdin, err = archive.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := unpack.Start(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(archive.Run(), unpack.Wait()); err != nil {
		t.Skipf("needs commit %s: the history is not here (%v)", firstLayout, err)
	}
	return program(t, sources, "earlier")
}

// guest is a program that keeps a file, a mapping, a lock and an unlinked region through all upgrades.
type guest struct {
	m          *mount
	file, gone *os.File
	mem        []byte
	upgrades   byte
}

func newGuest(t *testing.T, m *mount) *guest {
	t.Helper()
	g := &guest{m: m}
	open := func(name string) *os.File {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(m.dir, name), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		if err := f.Truncate(1 << 20); err != nil {
			t.Fatal(err)
		}
		return f
	}
	g.file, g.gone = open("file"), open("gone")
	if err := os.Remove(g.gone.Name()); err != nil {
		t.Fatal(err)
	}
	var err error
	if g.mem, err = unix.Mmap(int(g.file.Fd()), 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(g.mem) })
	if err := unix.Flock(int(g.file.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return g
}

// check uses all of it after an upgrade.
func (g *guest) check(t *testing.T, after string) {
	t.Helper()
	g.upgrades++
	g.mem[g.upgrades] = g.upgrades
	b := make([]byte, g.upgrades)
	if _, err := g.file.ReadAt(b, 1); err != nil || b[g.upgrades-1] != g.upgrades || b[0] != 1 {
		t.Errorf("%s: the file reads %d (%v)", after, b, err)
	}
	if err := g.file.Truncate(1<<20 + int64(g.upgrades)); err != nil {
		t.Errorf("%s: truncate: %v", after, err)
	}
	if _, err := g.gone.WriteAt([]byte{g.upgrades}, 0); err != nil {
		t.Errorf("%s: write to a region without a name: %v", after, err)
	}
	if err := g.gone.Truncate(int64(g.upgrades)); err != nil {
		t.Errorf("%s: truncate a region without a name: %v", after, err)
	}
	other, err := os.Open(g.file.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.Flock(int(other.Fd()), unix.LOCK_SH|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("%s: the lock was lost: %v", after, err)
	}
	if err := os.Mkdir(filepath.Join(g.m.dir, fmt.Sprint("d", g.upgrades)), 0o700); err != nil {
		t.Errorf("%s: mkdir: %v", after, err)
	}
	// The server hears a moment later of what was closed.
	eventually(t, func() bool { return g.m.number(t, "open_descriptors") == 3 }, "three open descriptors "+after,
		func() any { return g.m.number(t, "open_descriptors") })
	for key, want := range map[string]int{"directories": int(g.upgrades), "regions": 1} {
		if got := g.m.number(t, key); got != want {
			t.Errorf("%s: %s is %d, want %d", after, key, got, want)
		}
	}
}

// onDisk is the file that a mount's keeper starts.
type onDisk struct{ file string }

func (d onDisk) install(t *testing.T, program string) {
	t.Helper()
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.file+".new", b, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(d.file+".new", d.file); err != nil {
		t.Fatal(err)
	}
}

// mountOf mounts with a program that can be replaced.
func mountOf(t *testing.T, program string, args ...string) (*mount, onDisk) {
	t.Helper()
	d := onDisk{filepath.Join(t.TempDir(), "shmfs")}
	d.install(t, program)
	dir := t.TempDir()
	if out, err := exec.Command(d.file, append([]string{"mount", dir, "--size=64M"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		shmfs(t, "umount", "--lazy", dir)
		leftArena(t, dir, 0)
	})
	m := &mount{dir: dir}
	if got := m.stat(t, "mode"); got != "passthrough" {
		t.Skipf("without passthrough regions without a name end with their server: %s", m.stat(t, "mode_reason"))
	}
	return m, d
}

// through upgrades a mount to one program after the other, and a guest must not notice.
func through(t *testing.T, first string, programs ...string) {
	t.Helper()
	m, d := mountOf(t, first)
	g := newGuest(t, m)
	for _, p := range programs {
		d.install(t, p)
		what := "to " + filepath.Base(p)
		if r := shmfs(t, "upgrade", m.dir); r.code != exitOK || !strings.Contains(r.stdout, "is served by shmfs "+filepath.Base(p)) {
			t.Errorf("%s: %+v", what, r)
		}
		g.check(t, what)
	}
	if r := shmfs(t, "upgrade", m.dir); r.code != exitOK { // nothing new on disk: the same once more
		t.Errorf("upgrade to the same: %+v", r)
	}
	g.check(t, "to the same")
}

// Servers of releases that follow each other take over from each other, forth and back, whoever made the ledger: the next
// one's records are longer, and no field is where it was.
func TestUpgradeToTheNextReleaseAndBack(t *testing.T) {
	needSuccessor(t)
	needRoot(t)
	this, next := program(t, ".", "this"), program(t, ".", "next", "-tags", "ledgernext")
	through(t, this, next, this)
	through(t, next, this, next)
}

func TestUpgradeFromAnEarlierReleaseAndBack(t *testing.T) {
	needSuccessor(t)
	needRoot(t)
	before, this := earlier(t), program(t, ".", "this")
	through(t, before, this, before, this)
	through(t, this, before, this)
}

// Releases that are farther apart refuse each other before anything has changed.
func TestUpgradeTooFarIsRefused(t *testing.T) {
	needSuccessor(t)
	needRoot(t)
	this, far := program(t, ".", "this"), program(t, ".", "far", "-tags", "ledgerfar")
	for _, x := range [][2]string{{this, far}, {far, this}} {
		m, d := mountOf(t, x[0])
		g := newGuest(t, m)
		server := m.number(t, "server_pid")
		d.install(t, x[1])
		r := shmfs(t, "upgrade", m.dir)
		for _, want := range []string{"cannot take over", "layout", "nothing was changed", "umount --keep"} {
			if r.code != exitFailed || !strings.Contains(r.stderr, want) {
				t.Errorf("from %s to %s: %+v, want code %d and %q", x[0], x[1], r, exitFailed, want)
			}
		}
		g.check(t, "after the refusal")
		if got := m.number(t, "server_pid"); got != server || m.number(t, "restarts_total") != 0 {
			t.Errorf("pid %d serves, want %d", got, server)
		}
		// Whoever asks for it all the same gets the server that ran, once more.
		if err := unix.Kill(m.number(t, "keeper_pid"), unix.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		m.ended = make(chan struct{})
		m.stderr = &lockedBuffer{}
		m.waitFor(t, "the server that ran", func() bool { return m.number(t, "restarts_total") == 2 })
		g.check(t, "after an upgrade that could not be")
	}
}

// A program that is no shmfs changes nothing.
func TestUpgradeToSomethingElseIsRefused(t *testing.T) {
	needSuccessor(t)
	needRoot(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	m, d := mountOf(t, path)
	g := newGuest(t, m)
	script := filepath.Join(t.TempDir(), "script")
	for _, text := range []string{"#!/bin/false\n", "#!/bin/echo\n", "not a program"} {
		if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		d.install(t, script)
		if r := shmfs(t, "upgrade", m.dir); r.code != exitFailed || !strings.Contains(r.stderr, "nothing was changed") {
			t.Errorf("upgrade to %q: %+v", text, r)
		}
		g.check(t, text)
	}
	// One that says that it is one, and does not serve.
	lies := "#!/bin/sh\n[ \"$1\" = version ] && exec " + path + " version --json\nexit 1\n"
	if err := os.WriteFile(script, []byte(lies), 0o755); err != nil {
		t.Fatal(err)
	}
	d.install(t, script)
	if r := shmfs(t, "upgrade", m.dir); r.code != exitFailed || !strings.Contains(r.stderr, "could not serve") || !strings.Contains(r.stderr, "goes on") {
		t.Errorf("upgrade to a program that does not serve: %+v", r)
	}
	g.check(t, "after it did not serve")
}
