//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What a mount has counted, the next server goes on counting.
func TestCountersOutliveTheServer(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M", "--inodes=40")
	made, refused := 0, 0
	for kill := range 3 {
		for i := range 20 {
			err := os.Mkdir(filepath.Join(m.dir, fmt.Sprint("d", kill, " ", i)), 0o700)
			switch {
			case err == nil:
				made++
			case errors.Is(err, unix.ENOSPC):
				refused++
			default:
				t.Fatal(err)
			}
		}
		sum := m.stat(t, "operations_mkdir_seconds_sum")
		killServer(t, m)
		for key, want := range map[string]int{"operations_mkdir_total": made + refused, "errors_ENOSPC_total": refused} {
			if got := m.number(t, key); got != want {
				t.Errorf("after kill %d: %s is %d, want %d", kill, key, got, want)
			}
		}
		if got := m.stat(t, "operations_mkdir_seconds_sum"); got != sum || got == "0" {
			t.Errorf("after kill %d they took %s s, before %s", kill, got, sum)
		}
	}
	if refused == 0 {
		t.Error("nothing was refused: the arena is too large for this test")
	}
}
