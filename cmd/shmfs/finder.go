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
}
