//go:build !linux

package fstest

import "testing"

// runSystem has nothing to run: the cases by system calls are Linux's.
func (cfg *Config) runSystem(*testing.T) {}
