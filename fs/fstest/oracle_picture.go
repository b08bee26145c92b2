package fstest

import (
	"fmt"
	"hash/fnv"
	"io"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// picture describes all that is below a path, a line each, in order.
func picture(c Client, path string) []string {
	entries, err := list(c, path)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", path, err)}
	}
	var lines []string
	for _, e := range entries {
		below := path + "/" + e.Name
		lines = append(lines, below+": "+describe(c, below, e))
		if e.Type == regions.TypeDir {
			lines = append(lines, picture(c, below)...)
		}
	}
	return lines
}

// describe tells all of a node that must be the same in both trees.
func describe(c Client, path string, e regions.Entry) string {
	a, err := c.Stat(path, false)
	if err != nil {
		return err.Error()
	}
	text := showAttr(a)
	if a.Type() != e.Type {
		text += fmt.Sprintf(", but listed as %#o", e.Type)
	}
	switch a.Type() {
	case regions.TypeSymlink:
		target, err := c.Readlink(path)
		text += fmt.Sprintf(" to %q %v", target, err)
	case regions.TypeRegular:
		text += " " + showFile(c, path)
	}
	return text + showXattrs(c, path)
}

// showAttr leaves out what has to differ: numbers, clocks, and the size of directories.
func showAttr(a regions.Attr) string {
	text := fmt.Sprintf("mode %06o, links %d, owner %d:%d", a.Mode, a.Nlink, a.UID, a.GID)
	if !a.IsDir() {
		text += fmt.Sprintf(", size %d, number %#x", a.Size, a.Rdev)
	}
	return text + ", mtime " + showTime(a.Mtime)
}

// clockStarts is later than any time that the oracle sets, and earlier than any clock shows.
const clockStarts = 1 << 30

func showTime(at regions.Timestamp) string {
	if at.Sec >= clockStarts {
		return "by the clock"
	}
	return fmt.Sprintf("%d.%09d", at.Sec, at.Nsec)
}

// showFile opens a region, whatever its mode says: the oracle runs as who may.
func showFile(c Client, path string) string {
	f, err := c.Open(path, Read|NoFollow, 0)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	sum := fnv.New64()
	n, err := io.Copy(sum, struct{ io.Reader }{f})
	return fmt.Sprintf("content %d bytes %x %v", n, sum.Sum64(), err)
}

func showXattrs(c Client, path string) string {
	names, err := c.Listxattr(path)
	if err != nil {
		return " xattrs: " + err.Error()
	}
	var b strings.Builder
	for _, name := range names {
		value, err := c.Getxattr(path, name)
		fmt.Fprintf(&b, " %s=%q %v", name, value, err)
	}
	return b.String()
}
