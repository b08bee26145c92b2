//go:build linux

// Command guest is the first process of a virtual machine: it mounts what a system has, runs a plan, prints the
// verdict on the console and turns the machine off.
//
// As process 1 it inherits every orphan, and a server that went into the background is one. So the plan is run by a
// child, and process 1 does nothing but wait for whoever ends.
package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() != 1 {
		os.Exit(runPlan())
	}
	if err := mountAll(); err != nil {
		fmt.Println("guest:", err)
	} else if err := runChild(); err != nil {
		fmt.Println("guest:", err)
	}
	unix.Sync()
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	fmt.Println("guest: still on:", err) // process 1 must not end: the kernel panics, which ends the machine as well
}

// runChild starts this program a second time and reaps until it ends.
func runChild() error {
	self := exec.Command("/init")
	self.Stdout, self.Stderr = os.Stdout, os.Stderr
	if err := self.Start(); err != nil {
		return err
	}
	for {
		pid, err := unix.Wait4(-1, nil, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid == self.Process.Pid {
			return err
		}
	}
}
