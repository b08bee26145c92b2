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

// getAttribute reads a short extended attribute, "" if there is none.
func getAttribute(path, name string) string {
	var b [256]byte
	n, err := unix.Getxattr(path, name, b[:])
	if err != nil {
		return ""
	}
	return string(b[:n])
}
