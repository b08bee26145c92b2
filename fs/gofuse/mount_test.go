//go:build linux

package gofuse_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/backends/tmpfs"
	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/fs/fstest"
	"github.com/shmfs/shmfs/fs/gofuse"
	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
	"github.com/shmfs/shmfs/regions"
)

// A server under test runs in a process of its own: this binary again, with these in its environment.
const (
	agentPoint = "SHMFS_GOFUSE_POINT" // where to mount
	agentArena = "SHMFS_GOFUSE_ARENA" // which arena
)

func TestMain(m *testing.M) {
	if point := os.Getenv(agentPoint); point != "" {
		if err := serveAgent(point, os.Getenv(agentArena)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(fstest.Main(m))
}

// serveAgent mounts, says how data goes on stdout, and serves until it is unmounted.
func serveAgent(point, kind string) error {
	unix.Umask(0)
	arena, err := arenaOf(kind)
	if err != nil {
		return err
	}
	tree := fs.NewTree(regions.NewManager(arena), fs.Options{ProcessOf: gofuse.ProcessOf})
	fd, err := fusemount.Mount(fusemount.Options{
		Point: point, Source: "test", AllowOther: true, MaxRead: gofuse.MaxRequest})
	if err != nil {
		return err
	}
	s, err := gofuse.New(tree, gofuse.Options{FD: fd, IO: "auto"})
	if err != nil {
		return errors.Join(err, fusemount.Unmount(point, true))
	}
	mode, reason := s.Mode()
	fmt.Println(mode, reason)
	s.Serve()
	return nil
}

func arenaOf(kind string) (regions.Arena, error) {
	if kind == "mem" {
		return mem.New(mem.Options{Bytes: 1 << 30}), nil
	}
	a, err := tmpfs.Mount(tmpfs.Options{Mode: 0o1777})
	return &oddArena{a}, err
}

// oddArena has no descriptors for regions whose names end in "odd": they cannot be passed through.
type oddArena struct{ *tmpfs.Arena }

func (a *oddArena) Descriptor(n regions.NodeID, path bool) (int, error) {
	if where, err := a.Path(n); err == nil && strings.HasSuffix(where, "odd") {
		return -1, regions.IO
	}
	return a.Arena.Descriptor(n, path)
}

// mount starts a server and answers the mount point and how data goes.
func mount(t *testing.T, arena string) (dir, mode string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	if testing.Short() {
		t.Skip("mounts are left out with -short")
	}
	dir = t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), agentPoint+"="+dir, agentArena+"="+arena)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fusemount.Unmount(dir, false); err != nil {
			t.Errorf("unmount: %v", err)
			fusemount.Unmount(dir, true)
		}
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil || strings.Contains(stderr.String(), "DATA RACE") {
			t.Errorf("the server: %v\n%s", err, &stderr)
		}
	})
	line := make([]byte, 256)
	n, err := out.Read(line)
	if err != nil {
		t.Fatalf("the server does not start: %v\n%s", err, &stderr)
	}
	mode, _, _ = strings.Cut(string(line[:n]), " ")
	return dir, mode
}

// A region that cannot be passed through is served through the page cache, and the others as before.
func TestOneRegionThatCannotBePassedThrough(t *testing.T) {
	dir, mode := mount(t, "tmpfs")
	if mode != "passthrough" {
		t.Skip("no passthrough here")
	}
	for _, name := range []string{"even", "odd", "even2"} {
		path := filepath.Join(dir, name)
		shareByMapping(t, path)
		shareByMapping(t, path) // again, while the first use may not be forgotten
		if b, err := os.ReadFile(path); err != nil || string(b[:5]) != "hello" {
			t.Errorf("%s reads %.5q (%v)", name, b, err)
		}
	}
}

// shareByMapping maps a region twice, through two descriptors, and stores through one what it loads through the other.
func shareByMapping(t *testing.T, path string) {
	t.Helper()
	maps := [2][]byte{}
	for i := range maps {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(8192); err != nil {
			t.Fatal(err)
		}
		maps[i], err = unix.Mmap(int(f.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		f.Close()
	}
	copy(maps[0], "hello")
	if string(maps[1][:5]) != "hello" {
		t.Errorf("%s: the second mapping has %q", path, maps[1][:5])
	}
	for _, m := range maps {
		if err := unix.Munmap(m); err != nil {
			t.Fatal(err)
		}
	}
}

// The same tree over memory of Go's, with no file of the kernel's behind it.
func TestMemoryArena(t *testing.T) {
	dir, mode := mount(t, "mem")
	if mode != "cached" {
		t.Fatalf("mode %s, want cached: there is nothing to pass through to", mode)
	}
	lacks := fstest.CachedLacks().And(fstest.Lacks{
		fstest.Control: "this test's tree has no control files",
	})
	fstest.Run(t, fstest.Config{Root: fstest.Mounted(t, dir), Lacks: lacks})
}

// Every descriptor of the server's is counted: however many regions are open, or unlinked and in use, it needs none
// for them.
func TestNoDescriptorPerRegion(t *testing.T) {
	dir, mode := mount(t, "tmpfs")
	if mode != "passthrough" {
		t.Skip("no passthrough here")
	}
	const regionCount = 500
	before := serverDescriptors(t)
	for i := range regionCount {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint("r", i)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if i%2 == 0 {
			if err := os.Remove(f.Name()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.WriteString("x"); err != nil {
			t.Errorf("write to region %d: %v", i, err)
		}
	}
	for range regionCount {
		d, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, err := d.Readdirnames(1); err != nil {
			t.Fatal(err)
		}
	}
	if got := serverDescriptors(t) - before; got > 20 {
		t.Errorf("%d more descriptors for %d open regions and as many open directories", got, regionCount)
	}
}

// serverDescriptors counts the descriptors of this process's only child that mounts.
func serverDescriptors(t *testing.T) int {
	t.Helper()
	children, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range children {
		b, _ := os.ReadFile(c) // empty if the thread has ended meanwhile
		for _, pid := range strings.Fields(string(b)) {
			fds, err := os.ReadDir("/proc/" + pid + "/fd")
			if err == nil {
				return len(fds)
			}
		}
	}
	t.Fatal("no child")
	return 0
}
