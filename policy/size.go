package policy

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// Size is how much an arena may hold: a number of bytes, or a part of the machine's memory.
type Size struct {
	Bytes   int64 // regions.Unlimited for no limit; 0 if Percent is set
	Percent int
}

// maxPercent keeps a slip of the finger from being read as a size. tmpfs takes more than 100 too: swap holds the rest.
const maxPercent = 1000

// ParseSize reads a number of bytes as regions.ParseSize does, or a percentage: 50%.
func ParseSize(s string) (Size, error) {
	text := strings.TrimSpace(s)
	digits, isPercent := strings.CutSuffix(text, "%")
	if !isPercent {
		n, err := regions.ParseSize(text)
		return Size{Bytes: n}, err
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n < 1 || n > maxPercent {
		return Size{}, fmt.Errorf("size %q: want 1%% to %d%% of the memory", s, maxPercent)
	}
	return Size{Percent: int(n)}, nil
}

// Of answers the size in bytes on a machine with that much memory.
func (s Size) Of(totalRAM int64) int64 {
	if s.Percent == 0 {
		return s.Bytes
	}
	high, low := bits.Mul64(uint64(max(totalRAM, 0)), uint64(s.Percent))
	if high > 0 || low/100 > uint64(regions.Unlimited) {
		return regions.Unlimited
	}
	return int64(low / 100)
}

// String writes the size so that ParseSize reads the very same.
func (s Size) String() string {
	switch {
	case s.Percent != 0:
		return strconv.Itoa(s.Percent) + "%"
	case s.Bytes == regions.Unlimited:
		return "max"
	}
	return shortest(s.Bytes)
}

// shortest writes n with the largest unit that divides it.
func shortest(n int64) string {
	const units = "KMGTP"
	unit := ""
	for i := 0; i < len(units) && n != 0 && n%1024 == 0; i++ {
		n, unit = n/1024, units[i:i+1]
	}
	return strconv.FormatInt(n, 10) + unit
}
