package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// exitCode is what the process ends with. The numbers are promised: scripts test them.
type exitCode int

const (
	exitOK          exitCode = iota
	exitFailed               // whatever has no code of its own
	exitUsage                // the command line cannot be read
	exitMountPoint           // the place to mount on cannot be used
	exitMounted              // it is a shmfs already
	exitDead                 // what is mounted there has lost its server
	exitBusy                 // somebody holds it
	exitPermission           // the system says no
	exitNoFUSE               // no /dev/fuse
	exitUnsupported          // not on this system
	exitConfig               // the configuration is refused
	exitNotFound             // no such region, no such mount
	exitNoAnswer             // the server does not answer
	exitMissing              // doctor found something missing
	exitLeft                 // the mount goes on without this process
	numExitCodes
)

// exitMeanings is what help, the man page and docs/command-line.md say of each code.
var exitMeanings = [numExitCodes]string{
	exitOK:          "done",
	exitFailed:      "failed for a reason without a code of its own; it is on stderr",
	exitUsage:       "the command line cannot be read: unknown command or option, missing or impossible value",
	exitMountPoint:  "the mount point is missing, not a directory, or a place that the system lives by (/, procfs, sysfs)",
	exitMounted:     "a shmfs is mounted there already",
	exitDead:        "the mount there has lost its server (shmfs mount --replace takes its place)",
	exitBusy:        "busy: somebody has a region open or mapped, or works below the mount point",
	exitPermission:  "not permitted",
	exitNoFUSE:      "there is no /dev/fuse",
	exitUnsupported: "not supported on this system",
	exitConfig:      "the configuration file is refused",
	exitNotFound:    "no such region, or no shmfs mounted there",
	exitNoAnswer:    "the server does not answer",
	exitMissing:     "doctor: something that shmfs needs is missing",
	exitLeft:        "mount --restartable: ended by SIGTERM; the mount goes on with the next start",
}

// failure is an error with an exit code, a reason of one line, and what can be done about it.
type failure struct {
	code   exitCode
	reason string
	remedy string // what to type or do; empty if there is nothing to say
	err    error  // what the system said, if it said anything
}

func (f *failure) Error() string {
	if f.err != nil {
		return f.reason + ": " + f.err.Error()
	}
	return f.reason
}

func (f *failure) Unwrap() error { return f.err }

func usageError(remedy, format string, args ...any) error {
	return &failure{code: exitUsage, reason: fmt.Sprintf(format, args...), remedy: remedy}
}

// codeOf answers the exit code of an error.
func codeOf(err error) exitCode {
	var f *failure
	var fsck *fsckOutcome
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &fsck):
		return fsck.code
	case errors.As(err, &f):
		return f.code
	case errors.Is(err, errors.ErrUnsupported):
		return exitUnsupported
	}
	return exitFailed
}

// report prints an error, its remedy indented below it, and answers its exit code.
func (sh *shell) report(err error) exitCode {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(sh.err, "shmfs: %s\n", oneLine(err.Error()))
	if remedy := remedyOf(err); remedy != "" {
		for line := range strings.SplitSeq(remedy, "\n") {
			fmt.Fprintf(sh.err, "  %s\n", escaped(line))
		}
	}
	return codeOf(err)
}

// warn tells of what is allowed and probably not meant, or asked for and not had.
func (sh *shell) warn(what string) { fmt.Fprintf(sh.err, "shmfs: warning: %s\n", oneLine(what)) }

// remedyOf is what can be done about an error, "" if nobody said.
func remedyOf(err error) string {
	var f *failure
	var r *regions.Refusal
	switch {
	case errors.As(err, &f):
		return f.remedy
	case errors.As(err, &r):
		return r.Remedy
	}
	return ""
}

// oneLine keeps a reason on one line, whatever the name in it.
func oneLine(s string) string { return escaped(strings.TrimSpace(s)) }

// fsckOutcome is an error that ends the process with a code of fsck(8).
type fsckOutcome struct {
	code exitCode
	err  error
}

func (o *fsckOutcome) Error() string { return o.err.Error() }

func (o *fsckOutcome) Unwrap() error { return o.err }
