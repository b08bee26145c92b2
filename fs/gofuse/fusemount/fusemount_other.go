//go:build !linux

package fusemount

import "errors"

// Options are a mount's.
type Options struct {
	Point, Source string
	AllowOther    bool
	MaxRead       int
}

// Mount answers errors.ErrUnsupported: /dev/fuse with this protocol is Linux's.
func Mount(Options) (int, error) { return -1, errors.ErrUnsupported }

// Unmount answers errors.ErrUnsupported.
func Unmount(string, bool) error { return errors.ErrUnsupported }
