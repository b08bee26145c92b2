package fstest

import (
	"errors"
	"io"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

// ok ends the test if err is one.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fails reports an error that is none of the wanted codes.
func fails(t *testing.T, err error, want ...regions.Code) {
	t.Helper()
	for _, code := range want {
		if errors.Is(err, code) {
			return
		}
	}
	t.Errorf("got %v, want %v", err, want)
}

// equal reports a value that is not the wanted one.
func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// put makes or replaces a region of the given content.
func put(t *testing.T, c Client, path, content string) {
	t.Helper()
	f, err := c.Open(path, Write|Create|Trunc, 0o644)
	ok(t, err)
	if n, err := f.Write([]byte(content)); err != nil || n != len(content) {
		t.Fatalf("write %d bytes to %s: %d, %v", len(content), path, n, err)
	}
	ok(t, f.Close())
}

// content reads a whole region.
func content(t *testing.T, c Client, path string) string {
	t.Helper()
	f, err := c.Open(path, Read, 0)
	ok(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	ok(t, err)
	return string(b)
}
