package main

import "golang.org/x/sys/unix"

// setAttribute sets an extended attribute, or takes it away.
func setAttribute(path, name, value string) error {
	if value != inherit {
		return unix.Setxattr(path, name, []byte(value), 0)
	}
	if err := unix.Removexattr(path, name); err != unix.ENODATA {
		return err
	}
	return nil
}
