package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/shmfs/shmfs/fs/gofuse/ledger"
)

func versionCommand(sh *shell) *cli.Command {
	var o versionOptions
	return &cli.Command{
		Name:        "version",
		Usage:       "print the version of this program",
		Description: describe("A mount's own version is in its file .ctl/version.", "shmfs version --json"),
		Flags:       []cli.Flag{jsonFlag(&o.json, "one object with version, revision, go, os, arch, and ledger, the layout of what servers hand on")},
		Action: func(c *cli.Context) error {
			if err := atMost(c, 0); err != nil {
				return err
			}
			return o.run(sh)
		},
	}
}

type versionOptions struct {
	json bool
}

func (o versionOptions) run(sh *shell) error {
	v := thisBuild()
	if o.json {
		return sh.printJSON(v)
	}
	_, err := fmt.Fprintf(sh.out, "shmfs %s (%s, %s/%s)\n", v.Version, v.Go, v.OS, v.Arch)
	return err
}

// version is the release. The linker sets it (-X main.version=...); it stays empty in a plain `go build`.
var version string

// thisBuild is what is known of this program.
func thisBuild() build {
	b := versionOf(debug.ReadBuildInfo())
	if version != "" {
		b.Version = version
	}
	return b
}

// build is what the linker knows of this program.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	Ledger   uint32 `json:"ledger"` // version of the ledgers that it makes; a program of layout 1 does not say
}

func versionOf(info *debug.BuildInfo, ok bool) build {
	b := build{Version: "unknown", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		Ledger: ledger.ThisLayout().Version}
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}

// printJSON prints one object on a line.
func (sh *shell) printJSON(v any) error { return writeJSON(sh.out, v) }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // paths are read by people too
	return e.Encode(v)
}
