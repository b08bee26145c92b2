package main

import (
	"context"
	"io"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/shmfs/shmfs/backends/probe"
)

// shell is what a command has of the world. Tests give it another one.
type shell struct {
	in        io.Reader
	out, err  io.Writer
	goos      string
	root      fs.FS // the machine's file system, for /proc and what else tells about it
	now       func() time.Time
	finder    finder
	mounter   mounter
	unmounter unmounter
	checker   checker
	programs  programs
	trials    probe.Trials
	// job answers what systemd is doing with a unit, "" for nothing.
	job func(ctx context.Context, unit string) (string, error)
}

// newShell is the process's own.
func newShell() *shell {
	root := os.DirFS(rootDirectory(runtime.GOOS))
	return &shell{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		goos:      runtime.GOOS,
		root:      root,
		now:       time.Now,
		finder:    newFinder(root),
		mounter:   newMounter(),
		unmounter: newUnmounter(),
		checker:   newChecker(),
		programs:  newPrograms(),
		trials:    probe.Here(),
		job:       jobOf,
	}
}

func rootDirectory(goos string) string {
	if goos == "windows" {
		return `C:\`
	}
	return "/"
}
