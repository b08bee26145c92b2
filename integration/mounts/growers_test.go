//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// touch writes to every page of a region's mapping. A SIGBUS is an error.
func touch(path string, size int) (err error) { return touchFrom(path, 0, size) }

func touchFrom(path string, off, size int) (err error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	p, err := unix.Mmap(fd, int64(off), size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer unix.Munmap(p)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("SIGBUS in %s: %v", path, r)
		}
	}()
	for i := 0; i < size; i += page {
		p[i] = 1
	}
	return nil
}

// growToTheEnd makes regions of a MiB until there is no room, the last of them page by page. It answers how far each came.
func growToTheEnd(dir, name string) (granted map[string]int, err error) {
	granted = map[string]int{}
	for i := 0; ; i++ {
		path := filepath.Join(dir, fmt.Sprintf("%s-%d", name, i))
		fd, err := unix.Open(path, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return granted, err
		}
		for step := 7 * page; granted[path] < 1<<20; {
			err = unix.Ftruncate(fd, int64(granted[path]+step))
			switch {
			case err == nil:
				granted[path] += step
			case step > page:
				step = page
			default:
				unix.Close(fd)
				return granted, err
			}
		}
		unix.Close(fd)
	}
}

// Many make and grow regions at once, up to the last page of the mount, and servers are killed meanwhile: all that was
// promised is there, and all that there is can be promised.
func TestGrowersAtTheLastPage(t *testing.T) {
	for _, way := range []string{"auto", "cached", "auto, servers killed", "cached, servers killed"} {
		t.Run(way, func(t *testing.T) {
			const size, growers = 32 << 20, 8
			io, _, killed := strings.Cut(way, ",")
			kills := 0
			if killed {
				needSuccessor(t)
				kills = 6 // more in such a short time are a crash loop
			}
			m := serve(t, "--io="+io, fmt.Sprintf("--size=%d", size), "--huge=never")
			type result struct {
				granted map[string]int
				err     error
			}
			results := make(chan result, growers)
			for g := range growers {
				go func() {
					granted, err := growToTheEnd(m.dir, fmt.Sprint("g", g))
					results <- result{granted, err}
				}()
			}
			granted := map[string]int{}
			for range growers {
				for ; kills > 0 && len(results) == 0; kills-- {
					killServer(t, m)
					time.Sleep(50 * time.Millisecond)
				}
				r := <-results
				maps.Copy(granted, r.granted)
				if !errors.Is(r.err, unix.ENOSPC) {
					t.Errorf("ended by %v, want ENOSPC", r.err)
				}
			}
			if killed {
				killServer(t, m)
			}
			checkGranted(t, m, granted, size)
		})
	}
}

// checkGranted touches all that was granted, and compares the sum.
func checkGranted(t *testing.T, m *mount, granted map[string]int, size int) {
	t.Helper()
	sum := 0
	for path, n := range granted {
		sum += n
		if err := touch(path, n); n > 0 && err != nil {
			t.Error(err)
		}
	}
	if sum != size {
		t.Errorf("%d bytes were granted, the mount has %d", sum, size)
	}
	if got := m.number(t, "promised_bytes"); got != size {
		t.Errorf("promised_bytes %d, want %d", got, size)
	}
}
