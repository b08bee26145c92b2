//go:build !linux

package fstest

import "testing"

// Mounted answers a client of a directory, by system calls: on Linux.
func Mounted(t testing.TB, _ string) Client {
	skip(t, "system calls", "they are Linux's")
	return nil
}
