//go:build failpoints && linux

package failpoint

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Hit ends the process without a word, or stops it, if that is wanted here.
func Hit(p Point) {
	where, chance, ok := strings.Cut(os.Getenv(Variable), "=")
	if !ok || where != "any" && where != string(p) {
		return
	}
	if chance == Stop {
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		return
	}
	n, err := strconv.Atoi(chance)
	if err == nil && n > 0 && rand.IntN(n) == 0 {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}
