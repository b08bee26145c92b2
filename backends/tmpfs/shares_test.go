//go:build linux

package tmpfs

import (
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// What is handed out for a share cannot be written to by whoever gets it: it stands on a read-only mount.
func TestShares(t *testing.T) {
	dir := t.TempDir()
	a, err := Mount(Options{Dir: dir, Bytes: 1 << 20})
	if err != nil {
		t.Skipf("an arena cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		a.Close()
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	source := region(t, a, "source")
	f, err := a.Open(source.Node, regions.ReadAccess|regions.WriteAccess)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	spec := regions.Spec{Mode: regions.TypeRegular | 0o666, Record: regions.Record{ID: regions.NewID()}}
	made, err := a.Share(source.Node, regions.RootNode, "share", spec)
	if err != nil {
		t.Fatal(err)
	}
	n := made.Node
	if _, err := f.WriteAt([]byte("live"), 0); err != nil {
		t.Fatal(err)
	}
	for what, read := range map[string]func() (regions.Attr, error){
		"getattr": func() (regions.Attr, error) { return a.Getattr(n) },
		"lookup":  func() (regions.Attr, error) { return a.Lookup(regions.RootNode, "share") },
		"chmod":   func() (regions.Attr, error) { return a.Setattr(n, regions.Change{Set: regions.SetMode, Mode: 0o666}) },
	} {
		at, err := read()
		if err != nil || at.Node != n || at.Source != source.Node || at.Size != 4 || at.Blocks != 0 || at.Ino == source.Ino {
			t.Errorf("%s: %+v (%v)", what, at, err)
		}
	}
	if _, err := a.Open(n, regions.WriteAccess); !errors.Is(err, regions.ReadOnly) {
		t.Errorf("opened for writing: %v", err)
	}
	if _, err := a.Setattr(n, regions.Change{Set: regions.SetSize}); !errors.Is(err, regions.ReadOnly) {
		t.Errorf("truncated: %v", err)
	}
	r, err := a.Open(n, regions.ReadAccess)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b := make([]byte, 4)
	if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF || string(b) != "live" {
		t.Errorf("it shows %q (%v)", b, err)
	}
	fd, err := a.Descriptor(n, true)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if w, err := unix.Open(procPath(fd), unix.O_RDWR, 0); err != unix.EROFS {
		unix.Close(w)
		t.Errorf("what the kernel is given, opened for writing: %v", err)
	}
	if used, err := a.InUse(source.Node); err != nil || !used {
		t.Errorf("in use: %v (%v)", used, err)
	}
	if _, err := a.Remove(regions.RootNode, "share", false); err != nil {
		t.Error(err)
	}
	a.Drop(n)
	if _, err := a.Getattr(source.Node); err != nil {
		t.Errorf("the region went with its share: %v", err)
	}
}

// The kernel clones no mount that is attached nowhere.
func TestSharesOfADetachedArena(t *testing.T) {
	a := detached(t, Options{})
	spec := regions.Spec{Mode: regions.TypeRegular | 0o666, Record: regions.Record{ID: regions.NewID()}}
	var r *regions.Refusal
	if _, err := a.Share(region(t, a, "a").Node, regions.RootNode, "b", spec); !errors.As(err, &r) || r.Code != regions.NotSupported {
		t.Errorf("shared: %v", err)
	}
}

func TestSharesOfTheUnprivileged(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "shmfs-test-")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	a, err := Directory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Share(regions.RootNode, regions.RootNode, "x", regions.Spec{}); !errors.Is(err, regions.NotSupported) {
		t.Errorf("shared: %v", err)
	}
}
