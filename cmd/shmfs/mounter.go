package main

import "context"

// mounter mounts on this machine.
type mounter interface {
	// start runs a server in the background and answers when it is ready.
	start(ctx context.Context, o mountOptions) (mounted, error)
	// serve mounts, calls ready when clients can use it, and serves until the mount has ended.
	serve(ctx context.Context, sh *shell, o mountOptions, ready func(mounted) error) error
	// serveBehind is serve in the process that start has started.
	serveBehind(ctx context.Context, sh *shell, o mountOptions) error
	// renew asks a keeper to start the program on disk as the server.
	renew(keeper int) error
}

// programs knows what processes run, and what is on disk.
type programs interface {
	// ask runs a program on disk, and answers what it says of itself.
	ask(ctx context.Context, program string) (build, error)
	// runs answers whether a process runs a program on disk.
	runs(pid int, program string) (bool, error)
	// programOf answers the file that a process was started from.
	programOf(pid int) (string, error)
}

// unmounter ends mounts on this machine.
type unmounter interface {
	// unmount takes a mount away; EBUSY while somebody uses it, unless lazy.
	unmount(point string, lazy bool) error
	// gone waits until a process has ended.
	gone(ctx context.Context, pid int) error
	// left waits until nobody has the regions of a mount point as a server has them.
	left(ctx context.Context, point string) error
	// discard ends the regions that a mount left. Those that are still open or mapped live as long as that.
	discard(point string) error
	// inUse answers the names of regions that somebody holds, of those that a mount left at a place.
	inUse(ctx context.Context, point string) ([]string, error)
}
