package main

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// tools are the programs of this machine that tests call. cc and python3 are not among them: they are large, and what
// tests do with them does not depend on the kernel.
func tools() []string {
	return []string{
		"sh", "bash", "env", "true", "false", "sleep", "timeout", "setsid", "setpriv", "fusermount3", "mount", "umount",
		"mountpoint", "basename", "cat", "chmod", "chown", "cmp", "cp", "cut", "dd", "df", "diff", "dirname", "find", "getfacl", "getfattr", "grep",
		"head", "id", "install", "ln", "ls", "mkdir", "mkfifo", "mknod", "mktemp", "mv", "od", "printf", "readlink", "rm", "rmdir",
		"sed", "seq", "setfacl", "setfattr", "sort", "stat", "tail", "tar", "touch", "tr", "truncate", "uniq", "unshare", "wc", "xargs",
	}
}

// addTools copies them with the libraries that they are linked with. What this machine does not have is left out: the
// test that wants it says so.
func addTools(ctx context.Context, a *archive) error {
	added := map[string]bool{}
	for _, name := range tools() {
		path, err := exec.LookPath(name)
		if errors.Is(err, exec.ErrNotFound) {
			continue
		}
		if err == nil {
			err = addTool(ctx, a, added, name, path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func addTool(ctx context.Context, a *archive, added map[string]bool, name, path string) error {
	mode := modeProgram
	if name == "fusermount3" {
		mode |= modeSetuid
	}
	if err := a.host("bin/"+name, path, mode); err != nil {
		return err
	}
	out, err := command(ctx, "", "ldd", path)
	if err != nil {
		return err
	}
	for _, library := range libraries(string(out)) {
		if added[library] {
			continue
		}
		added[library] = true
		if err := a.host(strings.TrimPrefix(library, "/"), library, modeProgram); err != nil {
			return err
		}
	}
	return nil
}

// library matches what ldd prints: "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)", or the loader's path alone.
var library = regexp.MustCompile(`(/\S+) \(0x[0-9a-f]+\)`)

// libraries answers paths as the program will look for them: they may be links, and are copied as files.
func libraries(ldd string) []string {
	var found []string
	for _, m := range library.FindAllStringSubmatch(ldd, -1) {
		found = append(found, filepath.Clean(m[1]))
	}
	return found
}
