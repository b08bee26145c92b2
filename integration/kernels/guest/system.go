//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mounts are those of an ordinary system. /proc comes first: a Go program looks at it.
func mounts() []struct{ kind, at, data string } {
	return []struct{ kind, at, data string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"devtmpfs", "/dev", ""},
		{"tmpfs", "/dev/shm", "mode=1777"},
		{"tmpfs", "/run", "mode=755"},
		{"tmpfs", "/tmp", "mode=1777"},
		{"tmpfs", "/mnt", "mode=755"},
		{"devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666"},
		{"cgroup2", "/sys/fs/cgroup", ""},
		{"securityfs", "/sys/kernel/security", ""},
	}
}

func mountAll() error {
	for _, m := range mounts() {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, m.data); err != nil {
			return fmt.Errorf("mounting %s at %s: %w", m.kind, m.at, err)
		}
	}
	// As systemd leaves it: whoever wants private mounts has to say so.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("making / shared: %w", err)
	}
	for link, target := range map[string]string{
		"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0",
		"/etc/mtab": "/proc/self/mounts", // fusermount3 looks there before it unmounts
	} {
		if err := os.Symlink(target, link); err != nil {
			return err
		}
	}
	return bringUpLoopback()
}

// bringUpLoopback: a test that listens on 127.0.0.1 finds no such address otherwise.
func bringUpLoopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo)
}

// loadModule hands a file to the kernel; insmod does no more.
func loadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && err != unix.EEXIST {
		return fmt.Errorf("loading %s: %w", path, err)
	}
	return nil
}

// describe prints what a reader of the log needs to know about the machine, and tries what everything stands on.
func describe() error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	fmt.Printf("guest: %s %s\n", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]))
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(fuse.Close(), os.Chmod("/dev/fuse", 0o666)) // as udev leaves it
}
