package regions

import (
	"math"
	"strings"
	"testing"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1":                   1,
		"4096":                4096,
		" 5K ":                5 << 10,
		"5k":                  5 << 10,
		"5KB":                 5 << 10,
		"5KiB":                5 << 10,
		"5Ki":                 5 << 10,
		"512M":                512 << 20,
		"8G":                  8 << 30,
		"8g":                  8 << 30,
		"2T":                  2 << 40,
		"3P":                  3 << 50,
		"100B":                100,
		"1.5G":                3 << 29,
		"0.5K":                512,
		".5K":                 512,
		"1.9":                 1,
		"max":                 Unlimited,
		"8191P":               8191 << 50,
		"9223372036854775807": math.MaxInt64,
	} {
		got, err := ParseSize(text)
		if got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestParseSizeRefused(t *testing.T) {
	for text, reason := range map[string]string{
		"":                    "want a number",
		"G":                   "want a number",
		"abc":                 "want a number",
		"MAX":                 "want a number",
		"1X":                  "want a number",
		"8E":                  "want a number",
		"1e3":                 "want a number",
		"0x10":                "want a number",
		"0x1p4":               "want a number",
		"1_000":               "want a number",
		"inf":                 "want a number",
		"NaN":                 "want a number",
		"5BB":                 "want a number",
		"5i":                  "want a number",
		"5iB":                 "want a number",
		"5KK":                 "want a number",
		"5 K":                 "want a number",
		"K5":                  "want a number",
		"0":                   "greater than zero",
		"-1G":                 "greater than zero",
		"-0.5G":               "greater than zero",
		"0.0":                 "greater than zero",
		"0.5":                 "greater than zero",
		"8192P":               "larger than any memory",
		"9000.5P":             "larger than any memory",
		"9223372036854775808": "larger than any memory",
	} {
		got, err := ParseSize(text)
		if err == nil || !strings.Contains(err.Error(), reason) || got != 0 {
			t.Errorf("%q: %d, %v; want %q", text, got, err, reason)
		}
	}
}

func TestFormatSize(t *testing.T) {
	for n, want := range map[int64]string{
		0:             "0",
		1:             "1",
		1023:          "1023",
		1024:          "1.0K",
		1536:          "1.5K",
		9 << 10:       "9.0K",
		10188:         "9.9K",
		10190:         "10K",
		1023 << 10:    "1023K",
		1<<20 - 1:     "1.0M",
		1 << 20:       "1.0M",
		100 << 30:     "100G",
		5 << 40:       "5.0T",
		1 << 50:       "1.0P",
		math.MaxInt64: "8.0E",
		-2048:         "-2.0K",
		math.MinInt64: "-8.0E",
	} {
		if got := FormatSize(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// FuzzParseSize reads whatever comes, and what FormatSize writes comes near to what it was.
func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"1", "8G", "1.5T", "max", "-1", "0x10", "1e9", "5KiB", "９", "1.P"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseSize(s)
		if err != nil {
			if n != 0 {
				t.Fatalf("%q is refused (%v) and read as %d", s, err, n)
			}
			return
		}
		if n <= 0 {
			t.Fatalf("%q is read as %d", s, n)
		}
		text := FormatSize(n)
		if n >= 1<<60 {
			return // exabytes are written, for people, and not read
		}
		again, err := ParseSize(text)
		if err != nil || math.Abs(float64(again-n)) > float64(n)/18 {
			t.Fatalf("%q is %d, written %q, read as %d (%v)", s, n, text, again, err)
		}
	})
}
