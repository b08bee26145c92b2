package fstest

import "testing"

// Main runs the tests.
func Main(m *testing.M) int { return m.Run() }
