//go:build !linux

package fstest

import "testing"

// Tmpfs answers a plain tmpfs directory to compare with: there is none here.
func Tmpfs(testing.TB) string { return "" }
