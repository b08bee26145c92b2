package fs_test

import (
	"context"
	"slices"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// fakeControl is a directory of control files: two that are listed, one directory, and any name that begins with "any".
type fakeControl struct{ written *[]string }

var (
	_ fs.VirtualDir    = fakeControl{}
	_ fs.VirtualFile   = fakeText("")
	_ fs.VirtualWriter = fakeCommands{}
)

func (fakeControl) Names() []string { return []string{"text", "commands", "below"} }

func (c fakeControl) Find(name string) (fs.VirtualNode, bool) {
	switch {
	case name == "text":
		return fs.VirtualNode{File: fakeText("some text\n")}, true
	case name == "commands":
		return fs.VirtualNode{File: fakeCommands{"commands\n", c.written}}, true
	case name == "below":
		return fs.VirtualNode{Dir: fakeBelow{}}, true
	case len(name) > 3 && name[:3] == "any":
		return fs.VirtualNode{File: fakeText(name)}, true
	}
	return fs.VirtualNode{}, false
}

type fakeBelow struct{}

func (fakeBelow) Names() []string { return []string{"deep"} }

func (b fakeBelow) Find(name string) (fs.VirtualNode, bool) {
	return fs.VirtualNode{File: fakeText("deep text")}, slices.Contains(b.Names(), name)
}

type fakeText string

func (f fakeText) Snapshot(context.Context) ([]byte, error) { return []byte(f), nil }

type fakeCommands struct {
	fakeText
	written *[]string
}

func (f fakeCommands) Write(_ context.Context, _ fs.Caller, command []byte) error {
	if string(command) == "nonsense" {
		return &regions.Refusal{Code: regions.Invalid, Reason: "no such command", Remedy: "write sense"}
	}
	*f.written = append(*f.written, string(command))
	return nil
}
