package main

import (
	"fmt"
	"strings"
	"time"
)

// elsewhereTime is how long an unmount waits for its server before it looks who else has the file system.
const elsewhereTime = 5 * time.Second

// mountedElsewhere tells who keeps a server that has lost one mount of its file system: bind mounts, and mount
// namespaces that have a copy of it (mount_namespaces(7)).
func (sh *shell) mountedElsewhere(s server) error {
	const most = 10 // lines
	if s.device == 0 {
		return nil
	}
	all, err := sh.finder.elsewhere(s.device)
	if err != nil || len(all) == 0 {
		return nil // it can only take longer
	}
	var b strings.Builder
	for _, x := range all[:min(most, len(all))] {
		fmt.Fprintf(&b, "mounted at %s for pid %d (%s)\n", printable(x.point), x.pid, short(x.command))
	}
	b.WriteString("its server ends when the last of them is unmounted: umount there, or nsenter --target PID --mount umount ...")
	return &failure{code: exitBusy, remedy: b.String(),
		reason: printable(s.Mountpoint) + " is unmounted here, but its file system is mounted elsewhere"}
}
