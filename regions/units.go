package regions

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Unlimited is what "max" reads as.
const Unlimited int64 = math.MaxInt64

var unitShift = map[string]uint{"": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50}

// ParseSize reads a number of bytes: a plain integer, or one with K, M, G, T or P (powers of 1024; a following B or iB
// is allowed, a fraction too: 1.5G), or "max" for no limit. Zero and negative sizes are refused.
func ParseSize(s string) (int64, error) {
	text := strings.TrimSpace(s)
	if text == "max" {
		return Unlimited, nil
	}
	digits := strings.TrimRight(text, "BKMGTPbkmgtpi")
	unit := strings.ToUpper(text[len(digits):])
	unit, binary := strings.CutSuffix(strings.TrimSuffix(unit, "B"), "I")
	shift, ok := unitShift[unit]
	if !ok || digits == "" || binary && unit == "" {
		return 0, sizeError(s)
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		if n <= 0 {
			return 0, fmt.Errorf("size %q: must be greater than zero", s)
		}
		if n > math.MaxInt64>>shift {
			return 0, fmt.Errorf("size %q: larger than any memory", s)
		}
		return n << shift, nil
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || strings.ContainsAny(digits, "eExX_nN") {
		return 0, sizeError(s)
	}
	bytes := f * float64(uint64(1)<<shift)
	switch {
	case bytes < 1:
		return 0, fmt.Errorf("size %q: must be greater than zero", s)
	case bytes >= math.MaxInt64:
		return 0, fmt.Errorf("size %q: larger than any memory", s)
	}
	return int64(bytes), nil
}

func sizeError(s string) error {
	return fmt.Errorf("size %q: want a number of bytes such as 512M, 8G or 1.5T, or max", s)
}

// FormatSize writes n for people: at most four significant characters and a unit, 1024 based.
func FormatSize(n int64) string {
	const units = "KMGTPE"
	if n < 0 {
		return "-" + FormatSize(-max(n, -math.MaxInt64)) // the least int64 has no opposite
	}
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	f, u := float64(n), -1
	for f >= 1023.5 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	if f < 9.95 {
		return fmt.Sprintf("%.1f%c", f, units[u])
	}
	return fmt.Sprintf("%.0f%c", f, units[u])
}
