package control

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/policy"
	"github.com/shmfs/shmfs/regions"
)

// TestThroughATree goes the way of a program: from a name in the root to the bytes of a control file.
func TestThroughATree(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{Bytes: 1 << 20}))
	var tree *fs.Tree
	apply := func(next policy.Config, _ []string) error { return m.Resize(next.Size.Of(1<<30), -1) }
	tree = fs.NewTree(m, fs.Options{Control: New(Sources{
		Caretaker: regions.NewCaretaker(m, nil),
		Tree:      func() *fs.Tree { return tree },
		FrontEnd:  func() FrontEnd { return FrontEnd{Mode: "cached"} },
		Config:    policy.NewCurrent(policy.Default(), apply),
		Started:   time.Now(),
	})})
	open := func(name string, access regions.Access) (regions.NodeID, uint64) {
		dir, errDir := tree.Lookup(regions.RootNode, fs.ControlName)
		a, err := tree.Lookup(dir.Node, name)
		fh, errOpen := tree.Open(t.Context(), fs.Caller{}, a.Node, access)
		if err := errors.Join(errDir, err, errOpen); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return a.Node, fh
	}
	read := func(name string) io.Reader {
		n, fh := open(name, regions.ReadAccess)
		defer tree.Release(fh)
		p := make([]byte, 1<<16)
		length, err := tree.Read(n, fh, p, 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return bytes.NewReader(p[:length])
	}

	t.Run("a region is listed", func(t *testing.T) {
		c := fs.Caller{UID: 5, GID: 6, PID: 7}
		_, fh, err := tree.Create(c, regions.RootNode, "a b", 0o640, regions.ReadAccess)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Release(fh)
		listed := 0
		for r, err := range ReadRegions(read("regions.json?prefix=a%20b")) {
			listed++
			if err != nil || r.Path != "a b" || r.Mode != "0640" || r.UID != 5 || r.CreatorPID != 7 || !r.InUse || r.Opens != 1 {
				t.Errorf("got %+v, %v", r, err)
			}
			if age := time.Since(r.Created); age < 0 || age > time.Hour {
				t.Errorf("created %v", r.Created)
			}
		}
		if listed != 1 {
			t.Errorf("%d regions are listed, want 1", listed)
		}
	})

	t.Run("a write to the configuration takes effect or is explained", func(t *testing.T) {
		n, fh := open("config", regions.WriteAccess)
		defer tree.Release(fh)
		write := func(command string) regions.Code {
			_, err := tree.Write(t.Context(), fs.Caller{}, n, fh, []byte(command), 0, false)
			return tree.Done(fs.OpWrite, time.Now(), fs.Caller{}, n, "", err)
		}
		if code := write("size=8M\n"); code != regions.OK {
			t.Fatal(code)
		}
		if use, err := tree.Usage(regions.RootNode); err != nil || use.Bytes != 8<<20 {
			t.Errorf("the arena has %+v, %v", use, err)
		}
		if code := write("huge=always\n"); code != regions.Invalid {
			t.Errorf("got %v", code)
		}
		all, err := ReadErrors(read("errors"))
		if err != nil || len(all) != 1 {
			t.Fatalf("got %v, %v", all, err)
		}
		x := all[0]
		if x.Path != ".ctl/config" || x.Operation != "write" || x.Errno != "EINVAL" || x.Reason != "huge cannot change while mounted" {
			t.Errorf("got %+v", x)
		}
	})
}
