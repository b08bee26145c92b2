package fstest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

var nameChecks = []check{
	{name: "Longest", run: nameLongest},
	{name: "TooLong", run: nameTooLong},
	{name: "AnyBytes", run: nameAnyBytes},
	{name: "AlmostDots", run: nameAlmostDots},
	{name: "LongPath", run: nameLongPath},
	{name: "Deep", run: nameDeep},
}

func nameLongest(t *testing.T, c Client) {
	for _, letter := range []string{"n", "\xff", "\xe2"} {
		name := strings.Repeat(letter, 255)
		put(t, c, name, letter)
		equal(t, "content", content(t, c, name), letter)
	}
	name := strings.Repeat("d", 255)
	ok(t, c.Mkdir(name, 0o755))
	ok(t, c.Rename(strings.Repeat("n", 255), name+"/"+strings.Repeat("m", 255), 0))
	entries, err := list(c, ".")
	ok(t, err)
	equal(t, "entries", len(entries), 3)
}

func nameTooLong(t *testing.T, c Client) {
	put(t, c, "f", "")
	name := strings.Repeat("n", 256)
	_, err := c.Stat(name, false)
	fails(t, err, regions.NameTooLong)
	fails(t, c.Mkdir(name, 0o755), regions.NameTooLong)
	fails(t, c.Symlink("x", name), regions.NameTooLong)
	fails(t, c.Link("f", name), regions.NameTooLong)
	fails(t, c.Rename("f", name, 0), regions.NameTooLong)
	fails(t, c.Rename(name, "f", 0), regions.NameTooLong)
	fails(t, c.Unlink(name), regions.NameTooLong)
	fails(t, c.Rmdir(name), regions.NameTooLong)
	fails(t, c.Mknod(name, regions.TypeFIFO|0o644, 0), regions.NameTooLong)
	_, err = c.Open(name+"/x", Read, 0)
	fails(t, err, regions.NameTooLong)
}

// nameAnyBytes: all but '/' and NUL.
func nameAnyBytes(t *testing.T, c Client) {
	want := map[string]bool{"\xed\xa0\x80 half a surrogate": true, "a\u0301": true, "\u00e1": true, "UPPER": true, "upper": true}
	for b := 1; b < 256; b++ {
		if b != '/' && b != '.' {
			want[string([]byte{byte(b)})] = true
			want["x"+string([]byte{byte(b), 'y'})] = true
		}
	}
	for name := range want {
		f, err := c.Open(name, Write|Create|Exclusive, 0o644)
		ok(t, err)
		ok(t, f.Close())
	}
	entries, err := list(c, ".")
	ok(t, err)
	equal(t, "entries", len(entries), len(want))
	for _, e := range entries {
		if !want[e.Name] {
			t.Errorf("listed %q, which was not made", e.Name)
		}
	}
}

func nameAlmostDots(t *testing.T, c Client) {
	for _, name := range []string{"...", ".hidden", "..x", ". ", ".ctl"} {
		put(t, c, name, name)
		equal(t, "content", content(t, c, name), name)
	}
}

// nameLongPath goes to PATH_MAX, which counts the closing NUL: 4095 bytes.
func nameLongPath(t *testing.T, c Client) {
	const most = 4095
	part := strings.Repeat("p", 200)
	path := part
	ok(t, c.Mkdir(path, 0o755))
	for len(path)+1+len(part) <= most-2 {
		path += "/" + part
		ok(t, c.Mkdir(path, 0o755))
	}
	path += "/" + strings.Repeat("f", most-1-len(path))
	put(t, c, path, "far away")
	equal(t, "content", content(t, c, path), "far away")
	_, err := c.Stat(path, false)
	ok(t, err)
}

// nameDeep goes down farther than any path reaches, and up again.
func nameDeep(t *testing.T, c Client) {
	const depth = 400
	at := c
	for i := range depth {
		name := fmt.Sprintf("directory-number-%d", i)
		ok(t, at.Mkdir(name, 0o755))
		next, err := at.Sub(name)
		ok(t, err)
		t.Cleanup(func() { closeClient(next) })
		at = next
	}
	put(t, at, "f", "deep")
	equal(t, "content", content(t, at, "f"), "deep")
	a, err := at.Stat(strings.Repeat("../", depth)+"directory-number-0", false)
	ok(t, err)
	equal(t, "links of the top", a.Nlink, 3)
}
