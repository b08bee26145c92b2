//go:build !linux

package fstest

import "testing"

// newOracle skips: the file system to compare with is Linux's.
func newOracle(t testing.TB) (Client, Lacks) {
	t.Helper()
	skip(t, "a tmpfs to compare with", "it is Linux's")
	return nil, nil
}
