// Package control is the files under `.ctl`: one file a subject, what it prints and what may be written to it; and the
// client that the command line uses to read them.
//
// # Structure
//
// [New] makes the directory that package fs shows; each subject has a file of its own here. What is common: flat.go
// (`key value` lines), pairs.go (lines of `key=value`), table.go (columns for people), walk.go (all regions).
// client.go is the other end, and reads what the rest writes.
//
// # Conventions
//
// Those of cgroup v2 (Linux Documentation/admin-guide/cgroup-v2.rst): a subject a file, flat keyed or nested keyed
// lines, bytes as plain integers, `max` for no limit, one key a write; times are RFC 3339 in UTC. Names of keys are
// names of metrics: they are never changed, and new ones may come anywhere. docs/control-files.md has them all.
//
// # Concurrency
//
// A file's content is made when it is opened, on the goroutine of that open, and holds no lock that a client's request
// takes for longer than one region's. Walks over all regions take turns.
package control

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// Format is the version of the files' format. It changes when a reader of the files has to.
const Format = 1

// Sources are where the files' content comes from.
type Sources struct {
	// Tree is the tree that shows the files. It is asked when a file is opened: a tree is made after its files.
	Tree func() *fs.Tree
	// FrontEnd tells how the tree is served now.
	FrontEnd func() FrontEnd
	// Config is the configuration in effect.
	Config Configuration
	// Version is the release of the server, PID its process, Started when it began to serve.
	Version string
	PID     int
	Started time.Time
	// PIDNamespace is the number of the pid namespace in which the server, and its keeper, have their numbers; 0 for unknown.
	PIDNamespace uint64
	// Caretaker ends regions.
	Caretaker *regions.Caretaker
	// Keeper tells of the process that holds the mount; nil for none.
	Keeper func() KeeperStats
}

// KeeperStats is what a keeper has seen.
type KeeperStats struct {
	PID      int           // 0 for no keeper
	Restarts uint64        // servers that took over from one that died
	Keepers  uint64        // keepers that took over from another one
	Gap      time.Duration // the last time that nobody served
	Program  string        // on disk; the next upgrade starts it
	Ledger   uint32        // layout of what servers hand on, and
	Oldest   uint32        // that of the first release that understands it
}

// FrontEnd is how a tree is served.
type FrontEnd struct {
	Mode     string         // how bytes travel: "passthrough" or "cached"
	Reason   string         // why
	Protocol string         // what is spoken with the kernel, such as "FUSE 7.45"
	Losses   []regions.Loss // the front end's own, beside the arena's
}

// Configuration is a configuration in effect, and can change.
type Configuration interface {
	// Encode writes it for people to read.
	Encode() []byte
	// Set changes one key.
	Set(key, value string) error
}

// New makes the directory of control files.
func New(s Sources) fs.VirtualDir {
	d := &directory{sources: s, walking: make(chan struct{}, 1)}
	d.files = []file{
		{"version", snapshot(d.version), nil},
		{"stats", snapshot(d.stats), nil},
		{"regions", snapshot(d.regionsTable), d.regionsTable},
		{"regions.json", snapshot(d.regionsJSON), d.regionsJSON},
		{"health", snapshot(d.health), nil},
		{"errors", snapshot(d.errors), nil},
		{"events", snapshot(d.events), nil},
		{"limits", limitsFile{d}, nil},
		{gcName, gcFile{d}, nil},
		{sessionsName, snapshot(d.sessions), nil},
		{sharesName, sharesFile{d}, nil},
		{historyName, snapshot(d.history), d.history},
		{"config", configFile{d}, nil},
	}
	return d
}

// directory is `.ctl`.
type directory struct {
	sources Sources
	files   []file
	walking chan struct{} // holds one token while somebody walks over all regions
	readers readers
}

// file is an entry of the directory. filtered is its content by what stands behind '?' in the name; nil if it takes
// nothing there.
type file struct {
	name     string
	file     fs.VirtualFile
	filtered content
}

type content func(ctx context.Context, query url.Values) ([]byte, error)

// snapshot is a file whose content is made without a query.
func snapshot(c content) fs.VirtualFile { return query{c, nil} }

// query is a file with a query in its name.
type query struct {
	content content
	values  url.Values
}

func (q query) Snapshot(ctx context.Context) ([]byte, error) { return q.content(ctx, q.values) }

var (
	_ fs.VirtualDir    = (*directory)(nil)
	_ fs.VirtualFile   = query{}
	_ fs.VirtualFile   = configFile{}
	_ fs.VirtualWriter = configFile{}
	_ fs.VirtualFile   = limitsFile{}
	_ fs.VirtualWriter = limitsFile{}
	_ fs.VirtualFile   = sharesFile{}
	_ fs.VirtualWriter = sharesFile{}
	_ fs.VirtualDir    = usageDir{}
)

// Names lists the files.
func (d *directory) Names() []string {
	names := make([]string, len(d.files), len(d.files)+1)
	for i, f := range d.files {
		names[i] = f.name
	}
	return append(names, usageName)
}

// Find finds a file by its name, or by its name with a query: regions?prefix=models%2Fllama.
func (d *directory) Find(name string) (fs.VirtualNode, bool) {
	if name == usageName {
		return fs.VirtualNode{Dir: usageDir{d}}, true
	}
	if name == streamName {
		return fs.VirtualNode{Dir: streamDir{d}}, true
	}
	base, text, hasQuery := strings.Cut(name, "?")
	i := slices.IndexFunc(d.files, func(f file) bool { return f.name == base })
	if i < 0 {
		return fs.VirtualNode{}, false
	}
	if !hasQuery {
		return fs.VirtualNode{File: d.files[i].file}, true
	}
	if base == gcName {
		return d.findDry(text)
	}
	values, ok := parseQuery(text)
	if !ok || d.files[i].filtered == nil {
		return fs.VirtualNode{}, false
	}
	return fs.VirtualNode{File: query{d.files[i].filtered, values}}, true
}

// parseQuery reads prefix=..., once.
func parseQuery(text string) (url.Values, bool) {
	values, err := url.ParseQuery(text)
	if err != nil || len(values) != 1 || len(values["prefix"]) != 1 {
		return nil, false
	}
	return values, true
}
