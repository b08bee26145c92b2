// Package probe says what this machine can do for shmfs. It reads what the system tells of itself, and tries where that
// is not the truth; each refusal comes with its reason and with what to type.
package probe

import (
	"fmt"
	"io/fs"
)

// State is how good a fact is.
type State string

const (
	OK      State = "ok"
	Less    State = "less"    // shmfs works, with a loss
	Missing State = "missing" // shmfs does not work without it
)

// Fact is one thing that shmfs wants to know about a machine.
type Fact struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Found  string `json:"found"`
	Why    string `json:"why,omitempty"`    // what cannot be had because of it
	Remedy string `json:"remedy,omitempty"` // what to type
}

// Machine is what is looked at.
type Machine struct {
	Root   fs.FS // its file system from the root on
	UID    int   // the user who asks; 0 is root
	Trials Trials
}

// Trials are what cannot be read, only tried. Each answers what the system says, nil if it works. None leaves anything
// behind.
type Trials interface {
	// OpenFUSE opens /dev/fuse.
	OpenFUSE() error
	// Passthrough registers a file with FUSE, for the kernel to read, write and map in place of the server.
	Passthrough() error
	// Tmpfs makes a tmpfs with an option, "" for none.
	Tmpfs(option string) error
	// UserXattr sets a user. attribute on a file of a tmpfs.
	UserXattr() error
	// Pressure asks to be told when programs wait for memory.
	Pressure() error
}

// Run looks at a machine that runs a system. The first fact is the sum of all: how a mount would work.
func Run(goos string, m Machine) []Fact {
	switch goos {
	case "linux":
		return m.linux()
	case "windows":
		return m.elsewhere("WinFsp", "https://winfsp.dev", "Program Files (x86)/WinFsp/bin/winfsp-x64.dll")
	case "darwin":
		return m.elsewhere("macFUSE", "https://macfuse.io", "Library/Filesystems/macfuse.fs")
	}
	return []Fact{{Name: "mode", State: Missing, Found: "none", Why: fmt.Sprintf("there is no shmfs for %s", goos)}}
}

// elsewhere is for systems whose front end is not built yet. What it will need can be looked for already.
func (m Machine) elsewhere(library, address, path string) []Fact {
	mode := Fact{Name: "mode", State: Missing, Found: "none", Why: "mounting is not supported on this system yet"}
	lib := Fact{Name: "library", State: OK, Found: library + " is installed"}
	if _, err := fs.Stat(m.Root, path); err != nil {
		lib = Fact{Name: "library", State: Missing, Found: "no " + library, Why: "a mount goes through it",
			Remedy: "install it: " + address}
	}
	return []Fact{mode, lib}
}

// linux looks at a Linux.
func (m Machine) linux() []Fact {
	facts := []Fact{
		m.kernel(), m.privileges(), m.device(), m.passthrough(), m.arena(), m.hugePages(), m.userXattr(), m.memory(),
		m.cgroup(), m.pressure(), m.descriptors(), m.fusermount(), m.allowOther(), m.mountHelper(),
	}
	return append([]Fact{mode(m.UID, facts)}, facts...)
}

// mode sums up: the best way in which a mount would work here.
func mode(uid int, facts []Fact) Fact {
	state := map[string]State{}
	for _, f := range facts {
		state[f.Name] = f.State
	}
	switch {
	case state["fuse_device"] == Missing:
		return Fact{Name: "mode", State: Missing, Found: "none", Why: "nothing can be mounted without /dev/fuse"}
	case uid != 0 && state["fusermount3"] != OK:
		return Fact{Name: "mode", State: Missing, Found: "none", Why: "only root mounts without fusermount3"}
	case uid == 0 && state["arena"] != OK:
		return Fact{Name: "mode", State: Missing, Found: "none", Why: "root here may not mount"}
	case uid != 0:
		return Fact{Name: "mode", State: Less, Found: "unprivileged: your own regions only, through the page cache",
			Why: "passthrough, other users, limits on memory", Remedy: "mount as root"}
	case state["passthrough"] != OK:
		return Fact{Name: "mode", State: Less, Found: "cached: through the page cache of the mount",
			Why: "a mapped region exists twice in memory; reads and writes cost a round trip"}
	}
	return Fact{Name: "mode", State: OK, Found: "passthrough: reads, writes and mappings go to the memory itself"}
}

// line reads a file of one line, "" if there is none.
func (m Machine) line(path string) string {
	data, err := fs.ReadFile(m.Root, path)
	if err != nil {
		return ""
	}
	return firstLine(string(data))
}
