package fstest

import (
	"testing"

	"golang.org/x/sys/unix"
)

// place is an empty directory of a mount.
type place struct {
	*mounted
	config *Config
}

// path is absolute.
func (p place) path(name string) string { return p.dir + "/" + name }

// systemCheck is a case by Linux system calls.
type systemCheck struct {
	name string
	run  func(*testing.T, place)
	need []Feature
}

// runSystem runs what takes a kernel. Another client than a mounted directory has none below it.
func (cfg *Config) runSystem(t *testing.T) {
	if _, isMounted := cfg.Root.(*mounted); !isMounted {
		return
	}
	group := func(name string, checks []systemCheck) {
		t.Run(name, func(t *testing.T) { cfg.runAllSystem(t, checks) })
	}
	group("Files", fileChecks)
	group("Specials", specialChecks)
	group("Maps", mapChecks)
	group("Locks", lockChecks)
	group("Programs", programChecks)
	group("Users", userChecks)
	group("Privileges", privilegeChecks)
}

func (cfg *Config) runAllSystem(t *testing.T, checks []systemCheck) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			cfg.Lacks.Need(t, c.need...)
			c.run(t, place{cfg.fresh(t).(*mounted), cfg})
		})
	}
}

// openFd opens by system call, until the test ends.
func (p place) openFd(t *testing.T, name string, flags int) int {
	t.Helper()
	fd, err := unix.Openat(p.fd, name, flags|unix.O_CLOEXEC, 0o644)
	ok(t, codeOf(err))
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}
