package main

// finder knows the mounts of this machine.
type finder interface {
	// points answers where a shmfs is mounted.
	points() ([]string, error)
	// point answers the mount point that a path names, as the kernel has it: a failure with exitNotFound if no shmfs
	// is mounted at that very place.
	point(path string) (string, error)
	// holders answers who holds something of the shmfs at a mount point.
	holders(point string) ([]holder, error)
	// below answers what is mounted somewhere below a mount point.
	below(point string) ([]string, error)
	// earlier answers who holds one of these regions through a file system that is mounted nowhere any more.
	earlier(names []string) ([]holder, error)
	// device answers which file system is mounted at a mount point.
	device(point string) (uint64, error)
	// elsewhere answers where a file system is mounted, in the namespaces of all processes that can be looked into.
	elsewhere(device uint64) ([]sighting, error)
	// process answers the number here of a process that has the number pid in a pid namespace; false if it cannot be
	// seen from here.
	process(pid int, namespace uint64) (int, bool)
}

// sighting is a mount that a process sees.
type sighting struct {
	pid     int
	command string
	point   string // in the process's own namespace
}
