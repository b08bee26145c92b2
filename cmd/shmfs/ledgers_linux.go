package main

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/ledger"
)

// lostLedger is a ledger that outlives its keeper.
type lostLedger struct {
	pid     int // who holds it
	fd      string
	command string
	keeper  int // who did
}

// lostLedgers looks at the descriptors of all processes that can be looked into.
func lostLedgers(root fs.FS) ([]lostLedger, error) {
	processes, err := fs.ReadDir(root, "proc")
	if err != nil {
		return nil, err
	}
	holders := map[int][]lostLedger{} // by keeper
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		for _, l := range ledgersOf(root, pid) {
			holders[l.keeper] = append(holders[l.keeper], l)
		}
	}
	var lost []lostLedger
	for keeper, all := range holders {
		here := false
		for _, l := range all {
			here = here || l.pid == keeper
		}
		if !here {
			lost = append(lost, all...)
		}
	}
	return lost, nil
}

// ledgersOf answers the ledgers that a process has open.
func ledgersOf(root fs.FS, pid int) []lostLedger {
	dir := fmt.Sprintf("proc/%d", pid)
	fds, err := fs.ReadDir(root, dir+"/fd")
	if err != nil {
		return nil // it ended, or is somebody else's
	}
	var found []lostLedger
	for _, e := range fds {
		path := dir + "/fd/" + e.Name()
		link, err := os.Readlink("/" + path)
		if err != nil || !isLedger(link) {
			continue
		}
		l := lostLedger{pid: pid, fd: e.Name()}
		if l.keeper, err = keeperOf("/" + path); err != nil {
			continue
		}
		name, _ := fs.ReadFile(root, dir+"/comm") // empty if it ended meanwhile
		l.command = strings.TrimSpace(string(name))
		found = append(found, l)
	}
	return found
}

func keeperOf(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	return ledger.KeeperOf(fd)
}

// isLedger tells a ledger by how the kernel shows it (memfd_create(2)).
func isLedger(link string) bool { return strings.HasPrefix(link, "/memfd:shmfs-ledger") }
