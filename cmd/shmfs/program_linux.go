package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

var _ programs = linuxMounter{}

func newPrograms() programs { return linuxMounter{} }

// versionTime is how long a program may take to say what it is.
const versionTime = 10 * time.Second

// ask runs the program as the keeper would, which is about to.
func (linuxMounter) ask(ctx context.Context, program string) (build, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "version", "--json").Output()
	if err != nil {
		return build{}, err
	}
	var b build
	if err := json.Unmarshal(out, &b); err != nil || b.Version == "" {
		return build{}, fmt.Errorf("%s version --json: not understood", program)
	}
	return b, nil
}

// runs compares files, not names: what a process runs may have been replaced on disk.
func (linuxMounter) runs(pid int, program string) (bool, error) {
	running, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return false, err
	}
	file, err := os.Stat(program)
	if err != nil {
		return false, err
	}
	return os.SameFile(running, file), nil
}

// programOf reads the name as the kernel has it, which says so where the file is gone (proc_pid_exe(5)).
func (linuxMounter) programOf(pid int) (string, error) {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return strings.TrimSuffix(path, " (deleted)"), err
}
