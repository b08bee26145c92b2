package control

import (
	"context"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// fakeArena is an arena of given nodes: what the files show is then known to the byte.
type fakeArena struct {
	regions.Arena // the rest is not called
	items         []regions.Item
	usage         regions.Usage
	usageErr      error
	held          map[regions.NodeID]bool
	losses        []regions.Loss
	walking       func() // called before each node
}

// directoryOf is a node for a directory that is in the arena because of what is below it.
func directoryOf(path string) regions.NodeID {
	if path == "" {
		return regions.RootNode
	}
	return regions.MakeNodeID(1<<16, uint32(crc32.ChecksumIEEE([]byte(path))|1))
}

// below answers what of an item's path is below a directory.
func (a *fakeArena) below(dir regions.NodeID, path string) (string, bool) {
	if dir == regions.RootNode {
		return path, true
	}
	for i := range path {
		if path[i] == '/' && directoryOf(path[:i]) == dir {
			return path[i+1:], true
		}
	}
	return "", false
}

func (a *fakeArena) Walk(_ context.Context, from regions.NodeID, fn func(regions.Item) error) error {
	for _, it := range a.items {
		rest, ok := a.below(from, it.Path)
		if !ok {
			continue
		}
		if a.walking != nil {
			a.walking()
		}
		it.Path = rest
		if err := fn(it); err != nil {
			return err
		}
	}
	return nil
}

func (a *fakeArena) Getxattr(regions.NodeID, string) ([]byte, error) { return nil, regions.NoData }

func (a *fakeArena) Listxattr(regions.NodeID) ([]string, error) { return nil, nil }

func (a *fakeArena) Lookup(dir regions.NodeID, name string) (regions.Attr, error) {
	for _, it := range a.items {
		rest, ok := a.below(dir, it.Path)
		if ok && rest == name {
			return it.Attr, nil
		}
		if ok && strings.HasPrefix(rest, name+"/") {
			path := strings.TrimSuffix(it.Path, strings.TrimPrefix(rest, name))
			return regions.Attr{Node: directoryOf(path), Mode: regions.TypeDir}, nil
		}
	}
	return regions.Attr{}, regions.NotFound
}

func (a *fakeArena) Getattr(n regions.NodeID) (regions.Attr, error) {
	if n == regions.RootNode {
		return regions.Attr{Node: n, Mode: regions.TypeDir}, nil
	}
	for _, it := range a.items {
		if it.Attr.Node == n {
			return it.Attr, nil
		}
	}
	return regions.Attr{}, regions.Stale
}

func (a *fakeArena) Record(n regions.NodeID) (regions.Record, error) {
	for _, it := range a.items {
		if it.Attr.Node == n {
			return it.Record, nil
		}
	}
	return regions.Record{}, regions.NoData
}

func (a *fakeArena) Usage(regions.NodeID) (regions.Usage, error) { return a.usage, a.usageErr }
func (a *fakeArena) InUse(n regions.NodeID) (bool, error)        { return a.held[n], nil }
func (a *fakeArena) Properties() regions.Properties {
	return regions.Properties{Kind: "fake", Stateless: true, Losses: a.losses}
}

// fakeConfig takes size and refuses the rest.
type fakeConfig struct {
	text string
	err  error
	set  []string
}

func (c *fakeConfig) Encode() []byte { return []byte(c.text) }
func (c *fakeConfig) Set(key, value string) error {
	c.set = append(c.set, key+"="+value)
	return c.err
}

// fakeMemory knows the cgroup /job.
type fakeMemory struct{ fs.NoMemoryReader }

func (fakeMemory) Cgroup(path string) (fs.CgroupMemory, bool) {
	p := fs.Pressure{Some10: 1.5, Full10: 0.25}
	return fs.CgroupMemory{Path: path, Used: 300, Limit: regions.Unlimited, Pressure: &p}, path == "/job"
}

func (fakeMemory) Pressure() (fs.Pressure, bool) {
	return fs.Pressure{Some10: 1.5, Some60: 2.25, Full10: 0.25, Full60: 0}, true
}

var (
	day     = time.Date(2026, 3, 4, 5, 6, 7, 89, time.UTC)
	started = time.Now().Add(-time.Hour)
)

// stage is a directory of control files with what is behind it.
type stage struct {
	arena  *fakeArena
	config *fakeConfig
	front  FrontEnd
	tree   *fs.Tree
	files  fs.VirtualDir
}

// newStage sets one up over the nodes given.
func newStage(t testing.TB, items ...regions.Item) *stage {
	t.Helper()
	s := &stage{
		arena:  &fakeArena{items: items, held: map[regions.NodeID]bool{}},
		config: &fakeConfig{text: "size = \"1G\"\n"},
		front:  FrontEnd{Mode: "passthrough", Reason: "Linux 6.18 has it", Protocol: "FUSE 7.45"},
	}
	m := regions.NewManager(s.arena)
	s.files = New(Sources{
		Caretaker: regions.NewCaretaker(m, nil),
		Tree:      func() *fs.Tree { return s.tree },
		FrontEnd:  func() FrontEnd { return s.front },
		Config:    s.config,
		Version:   "0.1.0", PID: 42, Started: started,
	})
	if _, err := m.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.tree = fs.NewTree(m, fs.Options{Control: s.files, Memory: fakeMemory{}})
	return s
}

// read reads a control file.
func (s *stage) read(t testing.TB, name string) string {
	t.Helper()
	n, ok := s.files.Find(name)
	if !ok {
		t.Fatalf("no %s", name)
	}
	b, err := n.File.Snapshot(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(b)
}

// path reads the control file at a path.
func (s *stage) path(t testing.TB, path string) string {
	t.Helper()
	dir := s.files
	for {
		name, rest, below := strings.Cut(path, "/")
		n, ok := dir.Find(name)
		if !ok {
			t.Fatalf("no %s", name)
		}
		if !below {
			b, err := n.File.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		dir, path = n.Dir, rest
	}
}

// flat reads a flat keyed control file.
func (s *stage) flat(t testing.TB, name string) Flat {
	t.Helper()
	f, err := ReadFlat(strings.NewReader(s.read(t, name)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f
}

// node is a region of that size with everything known about it.
func node(ino uint32, path string, size int64) regions.Item {
	at := regions.TimestampOf(day)
	id := regions.MakeNodeID(7, ino)
	return regions.Item{
		Path: path,
		Attr: regions.Attr{
			Node: id, Ino: uint64(ino), Size: size, Blocks: 8, Mode: regions.TypeRegular | 0o640, Nlink: 1,
			UID: 1000, GID: 100, Atime: at, Mtime: at, Ctime: at, Btime: at,
		},
		Record: regions.Record{ID: regions.ID(ino), Created: day, PID: 11, UID: 12, GID: 13},
	}
}
