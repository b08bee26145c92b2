//go:build linux

package mounts

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/backends/tmpfs"
)

// Each of these once lost the regions of somebody who had done nothing wrong.

// A mount that comes to nothing leaves what the last one kept, an ordinary user's as root's.
func TestAFailedMountLeavesWhatWasKept(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("fusermount3"); err != nil {
		t.Skip("fusermount3 is not installed")
	}
	openFUSE(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	makeReachable(t, dir)
	place := tmpfs.Place(dir, nobody)
	t.Cleanup(func() { tmpfs.End(place) })
	script := `
"$1" mount "$2" >&2 || exit 20
echo kept > "$2/r" || exit 21
"$1" umount --keep "$2" >&2 || exit 22
PATH=/nonexistent "$1" mount "$2" >&2 && exit 23
[ "$(cat "$3/r")" = kept ] || exit 24
"$1" mount "$2" || exit 25
"$1" umount "$2" >&2 || exit 26`
	line := append(dropTo(), "sh", "-c", script, "sh", path, dir, place)
	r := run(t, exec.Command(line[0], line[1:]...))
	if r.code != 0 || !strings.Contains(r.stdout, "1 region adopted") {
		t.Errorf("failed at exit %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
	if mounted(t, dir) {
		t.Error("still mounted")
		shmfs(t, "umount", "--lazy", dir)
	}
	leftArena(t, dir, nobody)
}
