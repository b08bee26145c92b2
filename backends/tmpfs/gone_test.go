//go:build linux

package tmpfs

import (
	"context"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// Whatever is asked of a node that is gone, the answer is ESTALE: a FUSE server may be asked late.
func TestNothingIsDoneToAGoneNode(t *testing.T) {
	mounted := detached(t, Options{})
	dir, err := os.MkdirTemp("/dev/shm", "shmfs-test-")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	directory, err := Directory(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { directory.Close() })
	for kind, a := range map[string]*Arena{"mounted": mounted, "directory": directory} {
		t.Run(kind, func(t *testing.T) {
			file, dir := region(t, a, "file").Node, goneDir(t, a)
			if _, err := a.Remove(regions.RootNode, "file", false); err != nil {
				t.Fatal(err)
			}
			a.Drop(file)
			a.Drop(dir)
			spec := regions.Spec{Mode: regions.TypeRegular | 0o600}
			for what, do := range map[string]func(regions.NodeID) error{
				"getattr":     func(n regions.NodeID) error { _, err := a.Getattr(n); return err },
				"chmod":       func(n regions.NodeID) error { _, err := a.Setattr(n, regions.Change{Set: regions.SetMode}); return err },
				"truncate":    func(n regions.NodeID) error { _, err := a.Setattr(n, regions.Change{Set: regions.SetSize}); return err },
				"record":      func(n regions.NodeID) error { _, err := a.Record(n); return err },
				"getxattr":    func(n regions.NodeID) error { _, err := a.Getxattr(n, "user.x"); return err },
				"setxattr":    func(n regions.NodeID) error { return a.Setxattr(n, "user.x", []byte("x"), 0) },
				"setacl":      func(n regions.NodeID) error { return a.Setxattr(n, "system.posix_acl_access", nil, 0) },
				"listxattr":   func(n regions.NodeID) error { _, err := a.Listxattr(n); return err },
				"removexattr": func(n regions.NodeID) error { return a.Removexattr(n, "user.x") },
				"open":        func(n regions.NodeID) error { _, err := a.Open(n, regions.ReadAccess); return err },
				"descriptor":  func(n regions.NodeID) error { _, err := a.Descriptor(n, true); return err },
				"in use":      func(n regions.NodeID) error { _, err := a.InUse(n); return err },
				"readlink":    func(n regions.NodeID) error { _, err := a.Readlink(n); return err },
				"lookup":      func(n regions.NodeID) error { _, err := a.Lookup(n, "x"); return err },
				"opendir":     func(n regions.NodeID) error { _, err := a.OpenDir(n); return err },
				"mkdir": func(n regions.NodeID) error {
					_, err := a.Make(n, "x", regions.Spec{Mode: regions.TypeDir | 0o700})
					return err
				},
				"create": func(n regions.NodeID) error { _, err := a.Make(n, "x", spec); return err },
				"symlink": func(n regions.NodeID) error {
					_, err := a.Make(n, "x", regions.Spec{Mode: regions.TypeSymlink, Target: "t"})
					return err
				},
				"tmpfile": func(n regions.NodeID) error { _, err := a.MakeTemp(n, spec); return err },
				"link":    func(n regions.NodeID) error { _, err := a.Link(n, regions.RootNode, "again"); return err },
				"link in": func(n regions.NodeID) error { _, err := a.Link(regions.RootNode, n, "again"); return err },
				"unlink":  func(n regions.NodeID) error { _, err := a.Remove(n, "x", false); return err },
				"rename from": func(n regions.NodeID) error {
					_, err := a.Rename(regions.Rename{Dir: n, Name: "x", NewDir: regions.RootNode, NewName: "y"})
					return err
				},
				"rename to": func(n regions.NodeID) error {
					_, err := a.Rename(regions.Rename{Dir: regions.RootNode, Name: "x", NewDir: n, NewName: "y"})
					return err
				},
			} {
				for where, n := range map[string]regions.NodeID{"file": file, "directory": dir} {
					if err := do(n); err == nil {
						t.Errorf("%s of a %s that is gone succeeds", what, where)
					}
				}
			}
			if _, err := a.Getattr(file); !errors.Is(err, regions.Stale) {
				t.Errorf("getattr = %v, want ESTALE", err)
			}
			if got := len(a.Pins()); got != 0 {
				t.Errorf("%d descriptors are held", got)
			}
		})
	}
}

func goneDir(t *testing.T, a *Arena) regions.NodeID {
	t.Helper()
	at, err := a.Make(regions.RootNode, "dir", regions.Spec{Mode: regions.TypeDir | 0o700})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Remove(regions.RootNode, "dir", true); err != nil {
		t.Fatal(err)
	}
	return at.Node
}

// A walk that is not wanted any more ends.
func TestSurveyEndsWithItsContext(t *testing.T) {
	a := detached(t, Options{})
	for _, name := range []string{"a", "b", "c"} {
		region(t, a, name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := a.Survey(ctx, false, func(regions.Item) error { return nil })
	if !errors.Is(err, context.Canceled) && !errors.Is(err, regions.Interrupted) {
		t.Errorf("survey = %v, want that it was interrupted", err)
	}
	want := unix.EIO
	if err := a.Survey(t.Context(), false, func(regions.Item) error { return want }); !errors.Is(err, want) {
		t.Errorf("survey = %v, want what its caller answered", err)
	}
}

// What cannot get its record is not left half made.
func TestWithoutARecordNothingIsMade(t *testing.T) {
	a := detached(t, Options{})
	a.recordName = "nowhere.record" // a namespace that no file system has
	record := regions.Record{ID: regions.NewID()}
	spec := regions.Spec{Mode: regions.TypeRegular | 0o600, Record: record}
	if _, err := a.Make(regions.RootNode, "half", spec); !errors.Is(err, regions.NotSupported) {
		t.Errorf("make = %v, want EOPNOTSUPP", err)
	}
	if _, err := a.Lookup(regions.RootNode, "half"); !errors.Is(err, regions.NotFound) {
		t.Errorf("what was begun is left: %v", err)
	}
	if _, err := a.MakeTemp(regions.RootNode, spec); err == nil {
		t.Error("a region without a name and without a record was made")
	}
	if got := len(a.Pins()); got != 0 {
		t.Errorf("%d descriptors are held", got)
	}
}

func TestMountWhereNothingIs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a tmpfs needs root")
	}
	if a, err := Mount(Options{Mode: 0o700, Dir: t.TempDir() + "/nothing"}); err == nil {
		a.Close()
		t.Error("an arena was mounted on a directory that is not there")
	}
}
