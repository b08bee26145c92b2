//go:build !linux

package control

import "os"

// openStream opens a file whose reads wait.
func openStream(path string) (*os.File, error) { return os.Open(path) }
