package fs_test

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"testing"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

func TestCodesOfCodes(t *testing.T) {
	for code := range regions.NumCodes {
		for _, err := range []error{
			code,
			fmt.Errorf("wrapped: %w", code),
			&regions.Refusal{Code: code, Reason: "reason"},
			&regions.Refusal{Code: code, Err: os.ErrNotExist},
			errors.Join(errors.New("unknown"), code),
		} {
			if got := fs.CodeOf(err); got != code {
				t.Errorf("%#v: %v, want %v", err, got, code)
			}
		}
	}
}

func TestCodesOfErrors(t *testing.T) {
	for _, x := range []struct {
		err  error
		want regions.Code
	}{
		{nil, regions.OK},
		{context.Canceled, regions.Interrupted},
		{fmt.Errorf("late: %w", context.DeadlineExceeded), regions.Interrupted},
		{&os.PathError{Op: "open", Path: "x", Err: iofs.ErrNotExist}, regions.NotFound},
		{iofs.ErrExist, regions.Exists},
		{iofs.ErrPermission, regions.AccessDenied},
		{iofs.ErrInvalid, regions.Invalid},
		{os.ErrClosed, regions.BadHandle},
		{errors.ErrUnsupported, regions.NotSupported},
		{errors.New("anything else"), regions.IO},
	} {
		if got := fs.CodeOf(x.err); got != x.want {
			t.Errorf("%v: %v, want %v", x.err, got, x.want)
		}
	}
}
