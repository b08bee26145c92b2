//go:build linux

package tmpfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/backendtest"
	"github.com/shmfs/shmfs/regions"
)

func TestMain(m *testing.M) {
	unix.Umask(0)
	os.Exit(m.Run())
}

// detached mounts an arena that nobody sees and that ends with the test.
func detached(t *testing.T, o Options) *Arena {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a tmpfs needs root")
	}
	if o.Mode == 0 {
		o.Mode = 0o755
	}
	a, err := Mount(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return a
}

func region(t *testing.T, a *Arena, name string) regions.Attr {
	t.Helper()
	spec := regions.Spec{Mode: regions.TypeRegular | 0o644,
		Record: regions.Record{ID: regions.NewID(), Created: time.Unix(1, 2), PID: 3}}
	at, err := a.Make(regions.RootNode, name, spec)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestNodeIDIsTheFileHandle(t *testing.T) {
	a := detached(t, Options{})
	at := region(t, a, "r")
	if got := uint64(at.Node.Ino()); got != at.Ino {
		t.Errorf("node %v of inode %d", at.Node, at.Ino)
	}
	again := &handles{root: a.root, rootID: a.rootID} // a server that never handed the node out
	fd, err := again.open(at.Node, unix.O_PATH)
	if err != nil {
		t.Fatalf("open by handle alone: %v", err)
	}
	unix.Close(fd)
	if _, err := a.Remove(regions.RootNode, "r", false); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Getattr(at.Node); err != nil {
		t.Errorf("a nameless node before Drop: %v", err)
	}
	a.Drop(at.Node)
	if _, err := a.Getattr(at.Node); !errors.Is(err, regions.Stale) {
		t.Errorf("a node that is no more answers %v, want %v", err, regions.Stale)
	}
}

func TestInUseSeesDescriptorsAndMappings(t *testing.T) {
	a := detached(t, Options{})
	at := region(t, a, "r")
	inUse := func(when string, want bool) {
		t.Helper()
		if got, err := a.InUse(at.Node); err != nil || got != want {
			t.Errorf("%s: in use %v (%v), want %v", when, got, err, want)
		}
	}
	inUse("at first", false)
	path, err := a.Descriptor(at.Node, true)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(path)
	inUse("with an O_PATH descriptor", false)
	fd, err := a.Descriptor(at.Node, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Ftruncate(fd, 4096); err != nil {
		t.Fatal(err)
	}
	inUse("open", true)
	mem, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	inUse("mapped only", true)
	if err := unix.Munmap(mem); err != nil {
		t.Fatal(err)
	}
	inUse("at last", false)
}

func TestOwnAttributesAreNeitherSeenNorSet(t *testing.T) {
	a := detached(t, Options{})
	at := region(t, a, "r")
	for _, name := range []string{trustedRecord, regions.OwnXattrs, trustedUser + "x", userRecord} {
		if _, err := a.Getxattr(at.Node, name); !errors.Is(err, regions.NoData) {
			t.Errorf("read %s: %v, want %v", name, err, regions.NoData)
		}
		if err := a.Setxattr(at.Node, name, []byte("x"), 0); !errors.Is(err, regions.NotPermitted) {
			t.Errorf("set %s: %v, want %v", name, err, regions.NotPermitted)
		}
		if err := a.Removexattr(at.Node, name); !errors.Is(err, regions.NoData) {
			t.Errorf("remove %s: %v, want %v", name, err, regions.NoData)
		}
	}
	if names, err := a.Listxattr(at.Node); err != nil || len(names) != 0 {
		t.Errorf("list: %q %v, want nothing", names, err)
	}
	if r, err := a.Record(at.Node); err != nil || r.PID != 3 {
		t.Errorf("record %+v %v", r, err)
	}
}

// On a kernel whose tmpfs keeps no user. attributes they are kept under a name of ours; the same calls must do.
func TestUserAttributesWithoutTheKernelsHelp(t *testing.T) {
	a := detached(t, Options{})
	at := region(t, a, "r")
	a.userXattr = false
	if err := a.Setxattr(at.Node, "user.k", []byte("v"), regions.XattrCreate); err != nil {
		t.Fatal(err)
	}
	if err := a.Setxattr(at.Node, "user.k", nil, regions.XattrCreate); !errors.Is(err, regions.Exists) {
		t.Errorf("create again: %v, want %v", err, regions.Exists)
	}
	if v, err := a.Getxattr(at.Node, "user.k"); err != nil || string(v) != "v" {
		t.Errorf("read %q %v", v, err)
	}
	if names, err := a.Listxattr(at.Node); err != nil || len(names) != 1 || names[0] != "user.k" {
		t.Errorf("list %q %v, want user.k", names, err)
	}
	if err := a.Removexattr(at.Node, "user.k"); err != nil {
		t.Error(err)
	}
	if _, err := a.Getxattr(at.Node, "user.k"); !errors.Is(err, regions.NoData) {
		t.Errorf("after removal: %v", err)
	}
}

func TestLargeAttribute(t *testing.T) {
	a := detached(t, Options{})
	at := region(t, a, "r")
	want := bytes.Repeat([]byte("x"), 60000)
	if err := a.Setxattr(at.Node, "user.large", want, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Getxattr(at.Node, "user.large"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v; want %d", len(got), err, len(want))
	}
}

func TestResize(t *testing.T) {
	a := detached(t, Options{Bytes: 1 << 20, Nodes: 64})
	if err := a.Resize(8<<20, 1000); err != nil {
		t.Fatal(err)
	}
	u, err := a.Usage(regions.RootNode)
	if err != nil || u.Bytes != 8<<20 || u.Nodes != 1000 {
		t.Errorf("usage %+v %v", u, err)
	}
	at := region(t, a, "r")
	f, err := a.Open(at.Node, regions.WriteAccess)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Allocate(0, 4<<20, 0); err != nil {
		t.Fatal(err)
	}
	if err := a.Resize(1<<20, 0); !errors.Is(err, regions.Invalid) {
		t.Errorf("below what is used: %v, want %v", err, regions.Invalid)
	}
	if err := f.Allocate(0, 64<<20, 0); !errors.Is(err, regions.NoSpace) {
		t.Errorf("allocate more than there is: %v, want %v", err, regions.NoSpace)
	}
	if err := a.Resize(regions.Unlimited, regions.Unlimited); err != nil {
		t.Error(err)
	}
	if u, _ := a.Usage(regions.RootNode); u.Bytes != 0 {
		t.Errorf("unlimited shows as %d bytes, want 0", u.Bytes)
	}
}

func TestPathTellsWhereANodeStands(t *testing.T) {
	a := detached(t, Options{})
	d, err := a.Make(regions.RootNode, "dir", regions.Spec{Mode: regions.TypeDir | 0o755})
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.Make(d.Node, "r", regions.Spec{Mode: regions.TypeRegular})
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[regions.NodeID]string{regions.RootNode: "", d.Node: "dir", r.Node: "dir/r"} {
		if got, err := a.Path(n); err != nil || got != want {
			t.Errorf("path of %v is %q (%v), want %q", n, got, err, want)
		}
	}
}

func TestBadOptionsAreNamed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a tmpfs needs root")
	}
	for _, o := range []Options{{Huge: "sometimes"}, {NUMA: "nowhere"}} {
		_, err := Mount(o)
		if err == nil || !strings.Contains(err.Error(), o.Huge+o.NUMA) {
			t.Errorf("%+v: error %v does not name it", o, err)
		}
	}
}

func TestHugePagesWithinSize(t *testing.T) {
	a := detached(t, Options{Huge: "within_size"})
	at := region(t, a, "small")
	f, err := a.Open(at.Node, regions.WriteAccess)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if at, _ = a.Getattr(at.Node); at.Resident() != 4096 {
		t.Errorf("a region of one byte takes %d bytes, want 4096", at.Resident())
	}
}

func TestEveryErrnoHasOneCode(t *testing.T) {
	seen := map[regions.Code]unix.Errno{}
	for e, c := range codes {
		if other, taken := seen[c]; taken {
			t.Errorf("%v and %v are both %v", e, other, c)
		}
		seen[c] = e
		if got := code(&os.PathError{Err: e}); got != c {
			t.Errorf("code of a wrapped %v is %v, want %v", e, got, c)
		}
	}
	if got, want := len(seen), int(regions.NumCodes)-1; got != want {
		t.Errorf("%d codes can come from the kernel, there are %d", got, want)
	}
	if err := code(unix.EHOSTDOWN); !errors.Is(err, regions.IO) || !errors.Is(err, unix.EHOSTDOWN) {
		t.Errorf("an errno that tmpfs never gives: %v", err)
	}
}

func TestPlaceNamesAreReadableAndUnique(t *testing.T) {
	a, b := Place("/mnt/shm", 0), Place("/mnt-shm", 0)
	if a == b {
		t.Errorf("two mount points have one place %s", a)
	}
	if !strings.HasPrefix(a, "/run/shmfs/mnt-shm-") || filepath.Base(a) != "arena" {
		t.Errorf("place %s", a)
	}
	if p := Place("/mnt/"+strings.Repeat("é/", 500), 1000); len(p) > 200 || !strings.HasPrefix(p, "/dev/shm/shmfs-1000/") {
		t.Errorf("place %s", p)
	}
}

func TestArena(t *testing.T) {
	backendtest.Run(t, func(t *testing.T) regions.Arena { return detached(t, Options{Bytes: 1 << 30, Nodes: 1 << 20}) })
}

// On kernels before 6.6 directories are read at once: what is there from the first read to the last is listed once,
// though the kernel's positions move with every removal.
func TestListingOfAnOldKernel(t *testing.T) {
	a := detached(t, Options{})
	a.userXattr = false
	for i := range 100 {
		region(t, a, fmt.Sprintf("r%02d", i))
	}
	d, err := a.OpenDir(regions.RootNode)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	seen, off := map[string]int{}, uint64(0)
	for more := true; more; {
		more = false
		err := d.Read(off, true, func(e regions.Entry) bool {
			seen[e.Name]++
			off, more = e.Off, true
			return false // one at a time
		})
		if err != nil {
			t.Fatal(err)
		}
		if name := fmt.Sprintf("r%02d", len(seen)%50*2); len(seen) < 50 {
			a.Remove(regions.RootNode, name, false) // the even ones go
		}
	}
	for i := 1; i < 100; i += 2 {
		if name := fmt.Sprintf("r%02d", i); seen[name] != 1 {
			t.Errorf("%s is listed %d times", name, seen[name])
		}
	}
}

func TestUserAttributesOfAnOldKernelAreRefusedAsByANewOne(t *testing.T) {
	a := detached(t, Options{})
	at := region(t, a, "r")
	l, err := a.Make(regions.RootNode, "l", regions.Spec{Mode: regions.TypeSymlink | 0o777, Target: "r"})
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range []bool{true, false} {
		a.userXattr = kept
		if err := a.Setxattr(at.Node, "user.", nil, 0); !errors.Is(err, regions.Invalid) {
			t.Errorf("kept by tmpfs %t: an empty name: %v, want %v", kept, err, regions.Invalid)
		}
		if err := a.Setxattr(l.Node, "user.x", nil, 0); !errors.Is(err, regions.NotPermitted) {
			t.Errorf("kept by tmpfs %t: of a symlink: %v, want %v", kept, err, regions.NotPermitted)
		}
	}
}

// The arena of an ordinary user reaches nodes by where they stand. Root runs the suite on it too: what differs is how.
func TestDirectoryArena(t *testing.T) {
	open := func(t *testing.T) regions.Arena {
		dir, err := os.MkdirTemp(quietTmpfs(t), "shmfs-test-")
		if err != nil {
			t.Skip(err)
		}
		a, err := Directory(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			a.Close()
			os.RemoveAll(dir)
		})
		return withoutResize{a}
	}
	backendtest.RunWith(t, backendtest.Options{Open: open, Unprivileged: true})
}

// quietTmpfs answers a directory of a tmpfs in which, as root, nobody else moves the numbers.
func quietTmpfs(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		return "/dev/shm"
	}
	dir := t.TempDir()
	if err := unix.Mount("test", dir, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// withoutResize hides Resize, which a directory of somebody else's tmpfs refuses.
type withoutResize struct{ regions.Arena }

// Nodes without names that somebody holds must not take all descriptors of the server.
func TestPinsAreLimited(t *testing.T) {
	a := detached(t, Options{})
	a.pinsMost = 3
	for i := range 5 {
		region(t, a, fmt.Sprint("r", i))
		if _, err := a.Make(regions.RootNode, fmt.Sprint("d", i), regions.Spec{Mode: regions.TypeDir}); err != nil {
			t.Fatal(err)
		}
	}
	var last regions.Attr
	for i := range 3 {
		var err error
		if last, err = a.Remove(regions.RootNode, fmt.Sprint("r", i), false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Remove(regions.RootNode, "r3", false); !errors.Is(err, regions.TooManyFilesHere) {
		t.Errorf("one too many: %v, want %v", err, regions.TooManyFilesHere)
	}
	if _, err := a.Rename(regions.Rename{Dir: 1, Name: "r3", NewDir: 1, NewName: "r4"}); !errors.Is(err, regions.TooManyFilesHere) {
		t.Errorf("replaced: %v, want %v", err, regions.TooManyFilesHere)
	}
	if _, err := a.MakeTemp(regions.RootNode, regions.Spec{Mode: regions.TypeRegular}); !errors.Is(err, regions.TooManyFilesHere) {
		t.Errorf("without a name: %v, want %v", err, regions.TooManyFilesHere)
	}
	for i := range 5 {
		if _, err := a.Remove(regions.RootNode, fmt.Sprint("d", i), true); err != nil {
			t.Errorf("a directory: %v", err)
		}
	}
	a.Drop(last.Node)
	if _, err := a.Remove(regions.RootNode, "r3", false); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}
