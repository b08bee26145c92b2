package fs

import (
	"context"
	"errors"
	"io/fs"

	"github.com/shmfs/shmfs/regions"
)

// CodeOf is the one translation from errors to codes. What is not known is IO.
func CodeOf(err error) regions.Code {
	if err == nil {
		return regions.OK
	}
	var c regions.Code
	if errors.As(err, &c) {
		return c
	}
	for _, k := range knownErrors {
		if errors.Is(err, k.err) {
			return k.code
		}
	}
	return regions.IO
}

var knownErrors = []struct {
	err  error
	code regions.Code
}{
	{context.Canceled, regions.Interrupted},
	{context.DeadlineExceeded, regions.Interrupted},
	{fs.ErrNotExist, regions.NotFound},
	{fs.ErrExist, regions.Exists},
	{fs.ErrPermission, regions.AccessDenied},
	{fs.ErrInvalid, regions.Invalid},
	{fs.ErrClosed, regions.BadHandle},
	{errors.ErrUnsupported, regions.NotSupported},
}
