//go:build linux

package tmpfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Mounts begin and end at once: each finds its arena where it put it, and the last one takes all directories away.
func TestPlacesComeAndGo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a tmpfs needs root")
	}
	base := filepath.Join(t.TempDir(), "base")
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 200 {
				if err := comeAndGo(filepath.Join(base, fmt.Sprint(i), arenaName)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if _, err := os.Lstat(base); !errors.Is(err, os.ErrNotExist) || mountPoint(base) {
		t.Errorf("the directory of all is left: %v", err)
		for unix.Unmount(base, unix.MNT_DETACH) == nil {
		}
	}
}

func comeAndGo(place string) error {
	for {
		err := Prepare(place)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("prepare: %w", err)
		}
	}
	if err := unix.Mount("none", place, "tmpfs", 0, "size=64K"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	if !Attached(place) || !mountPoint(filepath.Dir(filepath.Dir(place))) {
		return errors.New("the arena is hidden, or not private")
	}
	return End(place)
}
