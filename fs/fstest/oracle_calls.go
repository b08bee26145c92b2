package fstest

import (
	"fmt"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// op is one call: what it is called, and what it answers in a world.
type op struct {
	text string
	run  func(*world) string
}

// world is a tree with the files that a sequence has open in it.
type world struct {
	Client
	files [openSlots]File
	vague bool // where data is: copy_file_range may keep holes, what is only allocated may be one, what is stored not yet be known
}

// openSlots is how many files a sequence has open at most.
const openSlots = 5

func (w *world) close() {
	for _, f := range w.files {
		if f != nil {
			f.Close()
		}
	}
}

// onFile does something to the file in a slot, if there is one.
func (w *world) onFile(slot int, do func(File) string) string {
	if f := w.files[slot]; f != nil {
		return do(f)
	}
	return "nothing is open"
}

// generator makes calls of choices.
type generator struct {
	choose func(n int) int // 0 to n-1
}

// generate makes n calls that use nothing that is lacking.
func (d *duel) generate(choose func(int) int, n int) []op {
	g := generator{choose}
	var kinds []callKind
	for _, k := range append(pathCalls(), fileCalls()...) {
		if !d.lacks.any(k.need) {
			for range k.weight {
				kinds = append(kinds, k)
			}
		}
	}
	calls := make([]op, n)
	for i := range calls {
		calls[i] = kinds[choose(len(kinds))].make(g)
	}
	return calls
}

// any reports whether one of the features is lacking.
func (l Lacks) any(features []Feature) bool {
	for _, f := range features {
		if _, lacking := l[f]; lacking {
			return true
		}
	}
	return false
}

// callKind is a kind of call, how often it comes, and what it needs.
type callKind struct {
	weight int
	make   func(generator) op
	need   []Feature
}

// path never leads above the root: each ".." follows a name, and no symlink leads up (see target).
func (g generator) path() string {
	parts := []string{g.name()}
	for depth := 1; g.choose(5) < 2 && len(parts) < 6; {
		if depth > 1 && g.choose(8) == 0 {
			parts = append(parts, "..")
			depth--
			continue
		}
		parts = append(parts, g.name())
		depth++
	}
	return strings.Join(parts, "/")
}

// name is one of few, so that calls meet.
func (g generator) name() string {
	switch g.choose(60) {
	case 0:
		return strings.Repeat("l", 255)
	case 1:
		return strings.Repeat("l", 256)
	case 2:
		return "\xff\n"
	}
	return string(rune('a' + g.choose(4)))
}

// target is a symlink's: it leads down.
func (g generator) target() string {
	if g.choose(3) == 0 {
		return g.name() + "/" + g.name()
	}
	return g.name()
}

func (g generator) mode() uint32 {
	modes := []uint32{0o644, 0o755, 0o600, 0o777, 0, 0o4755, 0o2755, 0o2644, 0o6711, 0o1777, 0o440}
	return modes[g.choose(len(modes))]
}

// offset is near a boundary of a page, or anywhere.
func (g generator) offset() int64 {
	if g.choose(4) == 0 {
		return int64(g.choose(20000))
	}
	return max(0, int64(g.choose(12))*4096+int64(g.choose(3))-1)
}

func (g generator) length() int {
	lengths := []int{0, 1, 100, 4095, 4096, 4097, 8192, 10000}
	return lengths[g.choose(len(lengths))]
}

func (g generator) stamp() Stamp {
	switch g.choose(5) {
	case 0:
		return Stamp{Now: true}
	case 1:
		return Stamp{Omit: true}
	}
	return At(int64(g.choose(1000)), uint32(g.choose(1000)))
}

func (g generator) openFlags() OpenFlags {
	flags := []OpenFlags{Read, Write, ReadWrite, ReadWrite}[g.choose(4)]
	for _, f := range []OpenFlags{Create, Create, Exclusive, Trunc, Append, NoFollow, Directory} {
		if g.choose(4) == 0 {
			flags |= f
		}
	}
	if flags&Create == 0 {
		flags &^= Exclusive // undefined without: open(2)
	} else {
		flags &^= Directory // refused since Linux 6.4 only
	}
	return flags
}

// show is how answers are compared.
func show(err error, answer ...any) string {
	if err != nil {
		return err.Error()
	}
	return "ok " + fmt.Sprint(answer...)
}

func showStat(a regions.Attr, err error) string { return show(err, showAttr(a)) }
