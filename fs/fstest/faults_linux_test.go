package fstest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/fs/fstest"
	"github.com/shmfs/shmfs/regions"
)

// faultVariable in the environment names the fault that TestFaulty has.
const faultVariable = "SHMFS_FSTEST_FAULT"

// faulty is an arena that does one thing wrong.
type faulty struct {
	*mem.Arena
	fault string
}

// faults are what can be wrong, and a case that must find it.
var faults = map[string]string{
	"replaces anyway":        "Rename/NoReplace",
	"exchanges one way only": "Rename/Exchange",
	"applies no umask":       "Modes/Umask",
	"keeps set-user-id":      "Modes/ChownClears",
	"counts no links":        "Links/Hard",
	"knows no seconds":       "Attributes/SetTimes",
	"forgets its attributes": "Xattrs/User",
	"ignores case":           "Names/AnyBytes",
	"lists no tenth":         "Listing/Many",
	"keeps what is cut off":  "Data/TruncateBothWays",
	"drops the sticky bit":   "Oracle",
	"removes at random":      "Stress/Names",
}

// TestFaultsAreFound runs the suite on faulty trees, each in a process of its own, and wants it to fail.
func TestFaultsAreFound(t *testing.T) {
	for fault, finder := range faults {
		t.Run(fault, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestFaulty$/"+strings.ReplaceAll(finder, "/", "$/")+"$")
			cmd.Env = append(os.Environ(), faultVariable+"="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestFaulty/"+finder) {
				t.Errorf("%s does not find it: %v\n%s", finder, err, out)
			}
		})
	}
}

func TestFaulty(t *testing.T) {
	fault := os.Getenv(faultVariable)
	if fault == "" {
		return // nothing is wrong: TestFaultsAreFound runs it with each fault
	}
	arena := faulty{mem.New(mem.Options{}), fault}
	root := fstest.InProcess(fs.NewTree(regions.NewManager(arena), fs.Options{}))
	fstest.Run(t, fstest.Config{Root: root, Lacks: fstest.InProcessLacks()})
}

func (a faulty) Rename(r regions.Rename) (regions.Attr, error) {
	switch {
	case a.fault == "replaces anyway":
		r.Flags &^= regions.RenameNoReplace
	case a.fault == "exchanges one way only" && r.Flags == regions.RenameExchange:
		r.Flags = 0
	}
	return a.Arena.Rename(r)
}

func (a faulty) Make(dir regions.NodeID, name string, s regions.Spec) (regions.Attr, error) {
	if a.fault == "applies no umask" {
		s.Umask = 0
	}
	return a.Arena.Make(dir, name, s)
}

func (a faulty) Getattr(n regions.NodeID) (regions.Attr, error) {
	at, err := a.Arena.Getattr(n)
	if a.fault == "counts no links" {
		at.Nlink = 1
	}
	return at, err
}

func (a faulty) Setattr(n regions.NodeID, c regions.Change) (regions.Attr, error) {
	switch a.fault {
	case "keeps set-user-id":
		at, err := a.Arena.Getattr(n)
		if err != nil || c.Set&regions.SetMode != 0 {
			break
		}
		c.Set, c.Mode = c.Set|regions.SetMode, at.Mode&regions.ModePerm
	case "knows no seconds":
		c.Mtime.Sec = 0
	case "keeps what is cut off":
		if at, err := a.Arena.Getattr(n); err == nil && c.Set&regions.SetSize != 0 && c.Size < at.Size {
			return at, nil
		}
	case "drops the sticky bit":
		c.Mode &^= regions.ModeSticky
	}
	return a.Arena.Setattr(n, c)
}

func (a faulty) Setxattr(n regions.NodeID, name string, value []byte, flags regions.XattrFlags) error {
	if a.fault == "forgets its attributes" {
		return nil
	}
	return a.Arena.Setxattr(n, name, value, flags)
}

func (a faulty) Lookup(dir regions.NodeID, name string) (regions.Attr, error) {
	at, err := a.Arena.Lookup(dir, name)
	if a.fault == "ignores case" && err != nil {
		return a.Arena.Lookup(dir, strings.ToUpper(name))
	}
	return at, err
}

func (a faulty) OpenDir(n regions.NodeID) (regions.Dir, error) {
	d, err := a.Arena.OpenDir(n)
	if a.fault == "lists no tenth" && err == nil {
		return faultyDir{d}, nil
	}
	return d, err
}

type faultyDir struct{ regions.Dir }

func (d faultyDir) Read(off uint64, attrs bool, emit func(regions.Entry) bool) error {
	return d.Dir.Read(off, attrs, func(e regions.Entry) bool { return e.Off%10 == 0 || emit(e) })
}

// Remove takes another name away now and then, one that somebody else may have made.
func (a faulty) Remove(parent regions.NodeID, name string, dir bool) (regions.Attr, error) {
	if a.fault == "removes at random" && name == "a" {
		name = "b"
	}
	return a.Arena.Remove(parent, name, dir)
}
