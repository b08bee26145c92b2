//go:build linux

package gofuse

import (
	"syscall"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

// Every code has an errno of its own, and its text is what strerror(3) says of it.
func TestEveryCodeHasItsErrno(t *testing.T) {
	seen := map[syscall.Errno]regions.Code{}
	for c := regions.OK; c < regions.NumCodes; c++ {
		e := statuses[c]
		if (e == 0) != (c == regions.OK) {
			t.Errorf("code %d (%v) gives errno %d", c, c, e)
		}
		if other, taken := seen[e]; taken {
			t.Errorf("codes %v and %v both give %v", c, other, e)
		}
		seen[e] = c
		if c != regions.OK && e.Error() != c.Error() {
			t.Errorf("code %d says %q, its errno %q", c, c, e)
		}
	}
}
