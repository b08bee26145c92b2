// Command fuzz runs every fuzzer of the module for a while, one after the other: `go test -fuzz` takes one at a time.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

func main() {
	each := flag.Duration("time", 10*time.Second, "how long each fuzzer runs")
	flag.Parse()
	os.Exit(run(*each, os.Stdout, os.Stderr))
}

// fuzzer is a function of a package.
type fuzzer struct{ pkg, name string }

func run(each time.Duration, stdout, stderr io.Writer) int {
	list := exec.Command("go", "test", "-list", "^Fuzz", "./...")
	list.Stderr = stderr
	out, err := list.Output()
	if err != nil {
		fmt.Fprintln(stderr, "fuzz: listing the fuzzers:", err)
		return 1
	}
	failed := 0
	for _, f := range parseList(out) {
		fmt.Fprintf(stdout, "%s %s\n", f.pkg, f.name)
		cmd := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+f.name+"$", "-fuzztime", each.String(),
			"-fuzzminimizetime", "10x", f.pkg)
		cmd.Stdout, cmd.Stderr = stdout, stderr
		if err := cmd.Run(); err != nil {
			failed++
		}
	}
	if failed > 0 {
		fmt.Fprintf(stderr, "fuzz: %d fuzzers found something; the input is kept in the package's testdata/fuzz\n", failed)
		return 1
	}
	return 0
}

// parseList reads what `go test -list` prints: names, then a line "ok <tab> package" that ends the package's.
func parseList(out []byte) []fuzzer {
	var found []fuzzer
	var names []string
	for line := range bytes.Lines(out) {
		text := strings.TrimSpace(string(line))
		fields := strings.Fields(text)
		switch {
		case strings.HasPrefix(text, "Fuzz"):
			names = append(names, text)
		case len(fields) >= 2 && fields[0] == "ok":
			for _, name := range names {
				found = append(found, fuzzer{fields[1], name})
			}
			names = nil
		}
	}
	return found
}
