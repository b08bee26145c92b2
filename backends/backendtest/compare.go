package backendtest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

// Compare runs a program of operations on two empty arenas and checks that both answer the same: codes, attributes
// (but for node ids, inode numbers and times), content, extents, extended attributes, use. Every byte string is a
// program, so that a fuzzer can write them. Both arenas must run with every privilege and the same limits.
func Compare(t *testing.T, reference, arena regions.Arena, program []byte) {
	c := &comparison{T: t, arenas: [2]regions.Arena{reference, arena}, program: program}
	c.known = []pair{{regions.RootNode, regions.RootNode}}
	for len(c.program) > 0 && !t.Failed() {
		c.ran++
		operations[c.pick(len(operations))](c)
	}
	for _, p := range c.known {
		c.describe(p)
	}
	if c.lingering {
		return
	}
	c.same("usage", func(a regions.Arena, _ int) (string, error) {
		u, err := a.Usage(regions.RootNode)
		return fmt.Sprint(u.BytesUsed, u.NodesUsed), err
	})
}

// pair is a node in both arenas.
type pair [2]regions.NodeID

// comparison is a program that is under way.
type comparison struct {
	*testing.T
	arenas  [2]regions.Arena
	program []byte
	known   []pair // nodes met so far
	ran     int

	lingering bool // a removed directory was dropped, which may live on in those removed from it
}

var operations = []func(*comparison){
	compareMake, compareMake, compareTemp, compareLink, compareRemove, compareRename, compareRename, compareSetattr,
	compareXattr, compareACL, compareWrite, compareWrite, compareExtents, compareCopy, compareDrop, compareLookup,
}

// pick draws a number below n from the program; 0 at its end.
func (c *comparison) pick(n int) int {
	if len(c.program) == 0 {
		return 0
	}
	b := c.program[0]
	c.program = c.program[1:]
	return int(b) % n
}

func (c *comparison) node() pair { return c.known[c.pick(len(c.known))] }

// dir draws a directory; a kernel asks no other node for a name.
func (c *comparison) dir() pair {
	p := c.node()
	if at, err := c.arenas[0].Getattr(p[0]); err == nil && !at.IsDir() {
		return c.known[0]
	}
	return p
}

func (c *comparison) name() string {
	names := []string{"a", "b", "c", "d", strings.Repeat("n", 255), strings.Repeat("n", 256)}
	return names[c.pick(len(names))]
}

// offset draws an offset or a length, around the edges of pages.
func (c *comparison) offset() int64 {
	of := []int64{0, 1, 100, 4095, 4096, 4097, 8192, 20000, 262144, 300000, 1 << 40, 1 << 60, math.MaxInt64, -1}
	return of[c.pick(len(of))]
}

// same runs an operation on both arenas and compares what it answers.
func (c *comparison) same(what string, run func(a regions.Arena, side int) (string, error)) {
	c.Helper()
	var text [2]string
	var code [2]regions.Code
	for side, a := range c.arenas {
		var err error
		text[side], err = run(a, side)
		if err != nil && !errors.As(err, &code[side]) {
			c.Fatalf("operation %d, %s: %v is no regions.Code", c.ran, what, err)
		}
	}
	c.Logf("%d: %.150s: %v %.1000s", c.ran, what, code[0], text[0])
	if code[0] != code[1] || code[0] == regions.OK && text[0] != text[1] {
		c.Fatalf("operation %d, %.150s: the reference answers %v, %q; the arena %v, %q",
			c.ran, what, code[0], text[0], code[1], text[1])
	}
}

// meet is same for an operation that answers a node, which is known from then on.
func (c *comparison) meet(what string, run func(a regions.Arena, side int) (regions.Attr, error)) {
	c.Helper()
	var met pair
	c.same(what, func(a regions.Arena, side int) (string, error) {
		at, err := run(a, side)
		met[side] = at.Node
		return attrText(at), err
	})
	if met[0] == regions.NoNode || met[1] == regions.NoNode || slices.Contains(c.known, met) {
		return
	}
	for _, p := range c.known {
		if p[0] == met[0] || p[1] == met[1] {
			c.Fatalf("operation %d, %s: nodes %v, but known as %v", c.ran, what, met, p)
		}
	}
	c.known = append(c.known, met)
}

func attrText(a regions.Attr) string {
	return fmt.Sprintf("mode %o, %d links, owner %d:%d, size %d, %d blocks, device %x",
		a.Mode, a.Nlink, a.UID, a.GID, a.Size, a.Blocks, a.Rdev)
}

// describe compares all that can be asked about a node.
func (c *comparison) describe(n pair) {
	c.Helper()
	c.same(fmt.Sprintf("description of %v", n), func(a regions.Arena, side int) (string, error) {
		at, err := a.Getattr(n[side])
		if err != nil {
			return "", err
		}
		text := []string{attrText(at)}
		names, err := a.Listxattr(n[side])
		slices.Sort(names)
		for _, name := range names {
			value, _ := a.Getxattr(n[side], name)
			text = append(text, fmt.Sprintf("%s=%.60x", name, value))
		}
		switch {
		case at.IsDir():
			text = append(text, entriesText(a, n[side])...)
		case at.IsRegion():
			text = append(text, contentText(a, n[side], at.Size))
		}
		return strings.Join(text, "\n"), err
	})
}

func entriesText(a regions.Arena, n regions.NodeID) []string {
	d, err := a.OpenDir(n)
	if err != nil {
		return []string{err.Error()}
	}
	defer d.Close()
	var all []string
	err = d.Read(0, true, func(e regions.Entry) bool {
		all = append(all, fmt.Sprintf("%.9s: %s", e.Name, attrText(e.Attr)))
		return true
	})
	slices.Sort(all)
	return append(all, fmt.Sprint(err))
}

// contentText answers what the first bytes are, and where there is data.
func contentText(a regions.Arena, n regions.NodeID, size int64) string {
	f, err := a.Open(n, regions.ReadAccess)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	buf := make([]byte, min(size, 600_000))
	_, err = f.ReadAt(buf, 0)
	text := fmt.Sprint(err)
	for i, b := range buf {
		if i == 0 || buf[i-1] != b {
			text += fmt.Sprintf(" %d:%d", i, b)
		}
	}
	for off, hole := int64(0), false; off < size; hole = !hole {
		at, err := f.SeekExtent(off, hole)
		if err != nil {
			return text + " " + err.Error()
		}
		text, off = text+fmt.Sprintf(" %t:%d", hole, at), at
	}
	return text
}
