package house

import (
	"slices"
	"strings"
)

// The modules that code may stand on, beside the standard library.
const (
	sys     = "golang.org/x/sys"
	goFuse  = "github.com/hanwen/go-fuse/v2"
	cgoFuse = "github.com/winfsp/cgofuse"
	cli     = "github.com/urfave/cli/v2"
	toml    = "github.com/pelletier/go-toml/v2"
	tcell   = "github.com/gdamore/tcell/v2"
	tview   = "github.com/rivo/tview"
	term    = "golang.org/x/term"
)

// importRule says what a room may import beside the standard library: rooms of ours and modules of others. "x/*" means
// whatever is below x.
type importRule struct {
	room    string
	rooms   []string
	modules []string
	why     string
}

// importRules are tried in order; the first whose room matches holds. Arrows point down only:
//
//	cmd > fs/gofuse, fs/cgofuse, control > fs > regions < policy, backends/*
var importRules = []importRule{
	{"regions", []string{"regions/accounts", "regions/events"}, nil,
		"every door, backend and system stands on it, so it stands on the standard library only"},
	{"regions/accounts", nil, nil,
		"it adds and compares: what cannot be reached from there cannot make its sums wrong"},
	{"regions/events", nil, nil,
		"it keeps what it is told: who tells knows what it means"},
	{"regions/shmsync", nil, []string{sys},
		"programs that are not shmfs import it: it must not bring shmfs with it"},
	{"policy", []string{"regions"}, []string{toml},
		"it turns a configuration into yes or no; whoever asks brings the clock, the files and the kernel"},
	{"backends", []string{"regions", "backends/*"}, []string{sys},
		"it lists what the platform offers; who serves it is none of its business"},
	{"backends/backendtest", []string{"regions", "backends/backendtest"}, []string{sys},
		"a suite that knew one backend would not be a suite for all"},
	{"backends/probe", []string{"regions"}, []string{sys},
		"it tries what the machine can do, before any backend is chosen"},
	{"backends/*", []string{"regions", "backends/probe"}, []string{sys},
		"a backend holds memory and names; it knows neither a protocol nor another backend"},
	{"fs", []string{"regions", "regions/events"}, nil,
		"it is the tree that all front ends serve: no protocol, no system call, no backend"},
	{"fs/fstest", []string{"fs", "regions"}, []string{sys, goFuse + "/posixtest"},
		"it tests a tree from outside, in process or mounted, whoever serves it and whatever holds it"},
	{"fs/gofuse/keeper/notify", nil, []string{sys},
		"a keeper speaks through it, so it is as small"},
	{"fs/gofuse/keeper", []string{"fs/gofuse/fusemount"}, []string{sys},
		"it must not die, so it is small: golang.org/x/sys only"},
	{"fs/gofuse/fusemount", nil, []string{sys},
		"the keeper stands on it, so it is as small"},
	{"fs/gofuse/failpoint", nil, nil,
		"it is nothing in a release"},
	{"fs/gofuse/processes", nil, []string{sys},
		"it asks the kernel about processes, and knows nothing of regions"},
	{"fs/gofuse/pressure", nil, []string{sys},
		"it waits for the kernel, and knows nothing of regions"},
	{"fs/gofuse/ledger", nil, []string{sys},
		"it is memory that several releases share: what they mean by it is theirs"},
	{"fs/gofuse", []string{"fs", "regions", "fs/gofuse/*"}, []string{sys, goFuse},
		"a front end serves fs.Tree; which backend holds the memory is decided by cmd"},
	{"fs/cgofuse", []string{"fs", "regions"}, []string{sys, cgoFuse},
		"a front end serves fs.Tree; which backend holds the memory is decided by cmd"},
	{"control", []string{"regions", "regions/*", "fs", "policy"}, []string{sys},
		"it prints what the core knows and takes commands; front ends and flags are above and beside it"},
	{"cmd/*", []string{"regions", "regions/*", "policy", "backends", "backends/*", "fs", "fs/*", "control", "control/*", "cmd/*"},
		[]string{sys, cli, toml, tcell, tview, term},
		"it wires everything together, and speaks FUSE only through the front ends"},
	{"integration/*", []string{"regions", "regions/*", "integration/*"}, []string{sys, goFuse},
		"it tests the built binary from outside, as its users have it"},
}

func ruleImports(tr *tree, complain complaint) {
	for _, goos := range systems {
		for _, p := range tr.sets[goos] {
			rule, ok := ruleFor(p.room())
			if !ok {
				complain("%s: no rule says what this room may import; add it to importRules with its reason", p.room())
				continue
			}
			for _, imported := range p.Imports {
				if !rule.allows(imported) {
					complain("%s imports %s (GOOS=%s), which it may not: %s.\nIt may import %s.\n"+
						"Declare a small interface where it is consumed, and let cmd/shmfs pass the implementation in",
						p.room(), imported, goos, rule.why, rule.list())
				}
			}
		}
	}
}

func ruleFor(room string) (importRule, bool) {
	i := slices.IndexFunc(importRules, func(r importRule) bool { return matches(r.room, room) })
	if i < 0 {
		return importRule{}, false
	}
	return importRules[i], true
}

func (r importRule) allows(imported string) bool {
	if room, ours := strings.CutPrefix(imported, module+"/"); ours {
		return slices.ContainsFunc(r.rooms, func(pattern string) bool { return matches(pattern, room) })
	}
	if standard(imported) {
		return true
	}
	return slices.ContainsFunc(r.modules, func(m string) bool { return imported == m || strings.HasPrefix(imported, m+"/") })
}

func (r importRule) list() string {
	return strings.Join(slices.Concat([]string{"the standard library"}, r.rooms, r.modules), ", ")
}

func matches(pattern, room string) bool {
	if below, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(room, below)
	}
	return pattern == room
}

// standard tells the standard library by its first element, which has no dot (`go help importpath`).
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// ruleTestImports: what tests stand on beside what code may.
func ruleTestImports(tr *tree, complain complaint) {
	allowed := []string{module, sys, goFuse, cgoFuse, cli, toml, tcell} // tcell has a screen for tests
	for _, goos := range systems {
		for _, p := range tr.sets[goos] {
			for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
				ok := standard(imported) || slices.ContainsFunc(allowed, func(m string) bool {
					return imported == m || strings.HasPrefix(imported, m+"/")
				})
				if !ok {
					complain("%s: its tests import %s; write `if got, want := …; got != want` and at most five helpers",
						p.room(), imported)
				}
			}
		}
	}
}

// portableRooms are those whose answers must be the same on every system.
var portableRooms = []string{"regions", "policy", "backends", "backends/mem", "fs", "control"}

// rulePortable: syscall.Errno and friends differ per system, and a cast between them compiles everywhere.
func rulePortable(tr *tree, complain complaint) {
	for _, f := range tr.files {
		if len(f.systems) < len(systems) || !slices.Contains(portableRooms, f.room()) {
			continue
		}
		for _, imported := range f.syntax.Imports {
			if imported.Path.Value == `"syscall"` {
				complain("%s imports syscall and is built on every system: errno exists only inside the Linux backends and "+
					"the front ends. Answer a regions.Code, or move the code into a file for one system with a complement "+
					"(_other.go) that answers errors.ErrUnsupported", f.path)
			}
		}
	}
}
