package main

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// exactlyOne refuses any number of arguments but one.
func exactlyOne(c *cli.Context, what string) error {
	if c.NArg() == 0 {
		return usageError("see "+c.Command.HelpName+" --help", "%s needs %s", c.Command.HelpName, what)
	}
	return atMost(c, 1)
}

// totalMemory reads how much memory the machine has, in bytes.
func totalMemory(root fs.FS) (int64, error) { return meminfo(root, "MemTotal:") }

// meminfo reads a line of proc_meminfo(5), in bytes.
func meminfo(root fs.FS, name string) (int64, error) {
	data, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == name && f[2] == "kB" {
			n, err := strconv.ParseInt(f[1], 10, 53)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc/meminfo", strings.TrimSuffix(name, ":"))
}

func join(words []string) string { return strings.Join(words, ", ") }
