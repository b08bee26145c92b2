//go:build linux

package mounts

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A server that dies between the steps of an end leaves the rest to the next one: no name is left, in the arena or in what
// the kernel remembers.
func TestKilledWhileEnding(t *testing.T) {
	needSuccessor(t)
	needRoot(t)
	failing := program(t, ".", "failing", "-tags", "failpoints")
	for _, point := range []string{"ending", "unlinked"} {
		t.Run(point, func(t *testing.T) {
			t.Setenv("SHMFS_FAILPOINT", point+"=4")
			m, _ := mountOf(t, failing)
			dir := m.setLife(t, "jobs", "lifetime", "owner,grace=0")
			const made = 12
			cmd := maker(t, fmt.Sprintf("for i in $(seq %d); do echo > %s/$i; done; ls -l %s > /dev/null", made, dir, dir))
			killGroup(cmd)
			for end := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				names, err := os.ReadDir(dir)
				if err == nil && len(names) == 0 {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("%d names are left (%v), after %d deaths: %v", len(names), err, m.number(t, "restarts_total"), m.cares(t))
				}
			}
			for i := range made {
				if path := filepath.Join(dir, fmt.Sprint(i+1)); !gone(path) {
					t.Errorf("%s is there", path)
				}
			}
			t.Logf("%d servers died", m.number(t, "restarts_total"))
		})
	}
}
