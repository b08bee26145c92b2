// Command report runs `go test -json` with the arguments it is given, shows what failed, and ends with every skipped
// test and its reason, go test's own line for each package, and the count.
//
// A skip that nobody sees is a test that nobody has: the reasons are printed so that they can be argued with.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run answers go test's exit code, or 1 when go test passed and the events do not bear it out.
func run(args []string, stdout, stderr io.Writer) int {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = stderr
	events, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(stderr, "report:", err)
		return 1
	}
	s := newSummary(stdout)
	readErr := s.read(events)
	waitErr := cmd.Wait()
	s.close()
	switch {
	case readErr != nil:
		fmt.Fprintln(stderr, "report:", readErr)
		return 1
	case waitErr != nil && cmd.ProcessState.ExitCode() > 0:
		return cmd.ProcessState.ExitCode()
	case waitErr != nil || s.failed > 0:
		return 1
	}
	return 0
}
