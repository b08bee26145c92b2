//go:build !linux

package fstest

import "testing"

// lacksOfKernel has no kernel to ask.
func lacksOfKernel(*testing.T, Client) Lacks { return nil }
