package control

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/shmfs/shmfs/regions"
)

// flat writes `key value` lines.
type flat struct{ b []byte }

func (f *flat) text(key, value string) {
	f.b = append(f.b, key...)
	f.b = append(f.b, ' ')
	f.b = append(f.b, oneLine(value)...)
	f.b = append(f.b, '\n')
}

func (f *flat) int(key string, n int64)   { f.text(key, strconv.FormatInt(n, 10)) }
func (f *flat) uint(key string, n uint64) { f.text(key, strconv.FormatUint(n, 10)) }

// limit writes a limit; 0 is none.
func (f *flat) limit(key string, n uint64) {
	if n == 0 {
		f.text(key, "max")
		return
	}
	f.uint(key, n)
}

// seconds writes a duration in seconds, exact to the nanosecond.
func (f *flat) seconds(key string, d time.Duration) {
	s := fmt.Sprintf("%d.%09d", d/time.Second, d%time.Second)
	f.text(key, strings.TrimSuffix(strings.TrimRight(s, "0"), "."))
}

func (f *flat) time(key string, t time.Time) { f.text(key, t.UTC().Format(time.RFC3339Nano)) }

// oneLine makes spaces of what would end a line or hide a part of it.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// Flat is what a flat keyed file says: `key value` lines, in its order.
type Flat struct {
	keys   []string
	values map[string]string
}

// longestLine is more than any line has: a path of ten times PATH_MAX, each byte of it escaped.
const longestLine = 1 << 18

func newLines(r io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestLine)
	return lines
}

// readPairs reads lines of key=value pairs, each of which parse makes something of.
func readPairs[T any](r io.Reader, parse func(p map[string]string) (T, error)) ([]T, error) {
	all := []T{}
	lines := newLines(r)
	for lines.Scan() {
		p, err := parsePairs(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(all)+1, err)
		}
		x, err := parse(p)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(all)+1, err)
		}
		all = append(all, x)
	}
	return all, lines.Err()
}

// ReadFlat reads `key value` lines. A line without a value has the value "".
func ReadFlat(r io.Reader) (Flat, error) {
	f := Flat{values: map[string]string{}}
	lines := newLines(r)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		if key == "" {
			return Flat{}, fmt.Errorf("line %d has no key: %q", len(f.keys)+1, lines.Text())
		}
		if _, again := f.values[key]; again {
			return Flat{}, fmt.Errorf("key %q stands there twice", key)
		}
		f.keys = append(f.keys, key)
		f.values[key] = value
	}
	return f, lines.Err()
}

// All ranges over keys and values.
func (f Flat) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, k := range f.keys {
			if !yield(k, f.values[k]) {
				return
			}
		}
	}
}

// MarshalJSON writes an object in the file's order. What is a number in JSON is one, all else is text.
func (f Flat) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, k := range f.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, jsonOf(k)...), ':')
		if v := f.values[k]; json.Valid([]byte(v)) && strings.Trim(v, "0123456789.-") == "" {
			b = append(b, v...)
		} else {
			b = append(b, jsonOf(v)...)
		}
	}
	return append(b, '}'), nil
}

// Has reports whether there is such a key.
func (f Flat) Has(key string) bool {
	_, ok := f.values[key]
	return ok
}

// Text answers a value, "" for a key that is not there.
func (f Flat) Text(key string) string { return f.values[key] }

// Int answers an integer, regions.Unlimited for "max", 0 for a key that is not there or is no integer.
func (f Flat) Int(key string) int64 {
	if f.values[key] == "max" {
		return regions.Unlimited
	}
	n, err := strconv.ParseInt(f.values[key], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Seconds answers a duration that is given in seconds, 0 for a key that is not there or is none.
func (f Flat) Seconds(key string) time.Duration {
	d, err := time.ParseDuration(f.values[key] + "s")
	if err != nil {
		return 0
	}
	return d
}
