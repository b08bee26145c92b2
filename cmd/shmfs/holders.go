package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// holder is a process that holds something of a mount.
type holder struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
	UID     int    `json:"uid"` // -1 if that cannot be told
	Holds   []hold `json:"holds"`
}

// hold is one way in which a process holds a path.
type hold struct {
	How  string `json:"how"`  // "mapping", "descriptor", "cwd", "root" or "program"
	Path string `json:"path"` // relative to the root of the mount; "" is the root itself

	inode uint64 // 0 where it is not known
}

// holdersOf answers those who hold a path, or its inode by another name, with nothing but that.
func holdersOf(all []holder, path string, inode uint64) []holder {
	other := func(x hold) bool { return x.Path != path && (x.inode == 0 || x.inode != inode) }
	var some []holder
	for _, h := range all {
		h.Holds = slices.DeleteFunc(slices.Clone(h.Holds), other)
		if len(h.Holds) > 0 {
			some = append(some, h)
		}
	}
	return some
}

// writeHolders lists holders for people, a line for each thing that is held.
func writeHolders(w io.Writer, all []holder) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, h := range all {
		for _, x := range h.Holds {
			fmt.Fprintf(t, "  pid %d\t%s\t%s\t%s\n", h.PID, short(h.Command), x.How, printable("/"+x.Path))
		}
	}
	return t.Flush()
}

// busy is the refusal to unmount what somebody holds, or what something is mounted below. It lists them.
func busy(point string, all []holder, below []string) error {
	var b strings.Builder
	writeHolders(&b, all) // into memory: cannot fail
	for _, p := range below {
		fmt.Fprintf(&b, "  mounted below it: %s\n", printable(p))
	}
	if b.Len() == 0 {
		b.WriteString("who holds it cannot be seen from here; root sees all\n")
	}
	b.WriteString("it goes on serving; to detach it now: shmfs umount --lazy " + printable(point))
	return &failure{code: exitBusy, reason: printable(point) + " is busy", remedy: b.String()}
}

// short keeps a command line readable in a table.
func short(command string) string {
	const most = 60 // characters
	words := []rune(printable(strings.Join(strings.Fields(command), " ")))
	if len(words) > most {
		return string(words[:most-1]) + "…"
	}
	return string(words)
}
