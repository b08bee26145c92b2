package fstest

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"

	"github.com/shmfs/shmfs/regions"
)

// fileCalls are the calls on open files.
func fileCalls() []callKind {
	return []callKind{
		{14, callOpen, nil},
		{2, callOpenTemp, []Feature{Tmpfiles}},
		{5, callClose, nil},
		{8, callReadAt, nil},
		{10, callWriteAt, nil},
		{4, callWrite, nil},
		{4, callRead, nil},
		{4, callStore, []Feature{SharedMaps}},
		{3, callLoad, []Feature{SharedMaps}},
		{4, callFtruncate, nil},
		{5, callAllocate, nil},
		{4, callSeek, []Feature{SmallPages}},
		{4, callCopyRange, nil},
		{4, callFstat, nil},
		{2, callLinkTo, nil},
	}
}

func (g generator) slot() int { return g.choose(openSlots) }

// callOpen opens what is a region or a directory: other files may block, or belong to a driver.
func callOpen(g generator) op {
	slot, path, flags, mode := g.slot(), g.path(), g.openFlags(), g.mode()
	return op{fmt.Sprintf("%d = open %.40q %#x %#o", slot, path, flags, mode), func(w *world) string {
		a, err := w.Stat(path, true)
		if err == nil && !a.IsDir() && !a.IsRegion() {
			return "special"
		}
		f, err := w.Open(path, flags, mode)
		return w.opened(slot, f, err)
	}}
}

// opened puts a file into a slot, and closes the one that was there.
func (w *world) opened(slot int, f File, err error) string {
	if err != nil {
		return show(err)
	}
	if old := w.files[slot]; old != nil {
		old.Close()
	}
	w.files[slot] = f
	return showStat(f.Stat())
}

func callOpenTemp(g generator) op {
	slot, path, mode := g.slot(), g.path(), g.mode()
	flags := Tmpfile | []OpenFlags{ReadWrite, ReadWrite, Write, Write | Exclusive}[g.choose(4)]
	return op{fmt.Sprintf("%d = open %.40q %#x %#o", slot, path, flags, mode), func(w *world) string {
		f, err := w.Open(path, flags, mode)
		return w.opened(slot, f, err)
	}}
}

func callClose(g generator) op {
	slot := g.slot()
	return op{fmt.Sprintf("close %d", slot), func(w *world) string {
		return w.onFile(slot, func(f File) string {
			w.files[slot] = nil
			return show(f.Close())
		})
	}}
}

// showRead shows what was read by its length and a sum.
func showRead(p []byte, n int, err error) string {
	if errors.Is(err, io.EOF) {
		return "end"
	}
	sum := fnv.New32()
	sum.Write(p[:n])
	return show(err, n, " bytes ", sum.Sum32())
}

func callReadAt(g generator) op {
	slot, off, length := g.slot(), g.offset(), g.length()
	return op{fmt.Sprintf("pread %d at %d %d bytes", slot, off, length), func(w *world) string {
		return w.onFile(slot, func(f File) string {
			p := make([]byte, length)
			n, err := f.ReadAt(p, off)
			return showRead(p, n, err)
		})
	}}
}

func callRead(g generator) op {
	slot, length := g.slot(), g.length()
	return op{fmt.Sprintf("read %d %d bytes", slot, length), func(w *world) string {
		return w.onFile(slot, func(f File) string {
			p := make([]byte, length)
			n, err := f.Read(p)
			return showRead(p, n, err)
		})
	}}
}

func callWriteAt(g generator) op {
	slot, off, p := g.slot(), g.offset(), bytes.Repeat([]byte{byte(1 + g.choose(255))}, g.length())
	return op{fmt.Sprintf("pwrite %d at %d %d bytes", slot, off, len(p)), func(w *world) string {
		return w.onFile(slot, func(f File) string {
			n, err := f.WriteAt(p, off)
			return show(err, n)
		})
	}}
}

func callWrite(g generator) op {
	slot, p := g.slot(), bytes.Repeat([]byte{byte(1 + g.choose(255))}, g.length())
	return op{fmt.Sprintf("write %d %d bytes", slot, len(p)), func(w *world) string {
		return w.onFile(slot, func(f File) string {
			n, err := f.Write(p)
			return show(err, n)
		})
	}}
}

// memory is a file that can be mapped.
type memory interface {
	Store(p []byte, off int64) error
	Load(p []byte, off int64) error
}

// callStore writes a byte behind the store, so that both trees have moved the time of modification: whether a store
// does depends on which fault came first.
func callStore(g generator) op {
	slot, off, p := g.slot(), g.offset(), bytes.Repeat([]byte{byte(1 + g.choose(255))}, g.length())
	return op{fmt.Sprintf("store %d at %d %d bytes", slot, off, len(p)), func(w *world) string {
		w.vague = true
		return w.onFile(slot, func(f File) string {
			err := f.(memory).Store(p, off)
			if err == nil {
				_, err = f.WriteAt(p[:1], off)
			}
			return show(err)
		})
	}}
}

func callLoad(g generator) op {
	slot, off, length := g.slot(), g.offset(), g.length()
	return op{fmt.Sprintf("load %d at %d %d bytes", slot, off, length), func(w *world) string {
		return w.onFile(slot, func(f File) string {
			p := make([]byte, length)
			err := f.(memory).Load(p, off)
			return showRead(p, length, err)
		})
	}}
}

func callFtruncate(g generator) op {
	slot, size := g.slot(), g.offset()-1
	return op{fmt.Sprintf("ftruncate %d to %d", slot, size), func(w *world) string {
		return w.onFile(slot, func(f File) string { return show(f.Truncate(size)) })
	}}
}

func callAllocate(g generator) op {
	const keep, punch = regions.AllocateKeepSize, regions.AllocatePunchHole
	slot, off, length := g.slot(), g.offset(), int64(g.length())
	mode := []regions.AllocateMode{0, keep, keep | punch, keep | punch, punch, 0x08, 0x40}[g.choose(7)]
	return op{fmt.Sprintf("fallocate %d at %d %d bytes mode %#x", slot, off, length, mode), func(w *world) string {
		w.vague = w.vague || mode&punch == 0
		return w.onFile(slot, func(f File) string { return show(f.Allocate(off, length, mode)) })
	}}
}

func callSeek(g generator) op {
	slot, off, hole := g.slot(), g.offset(), g.choose(2) == 0
	return op{fmt.Sprintf("seek %d from %d hole %t", slot, off, hole), func(w *world) string {
		return w.onFile(slot, func(f File) string {
			if w.vague || isDir(f) {
				return "not comparable"
			}
			at, err := f.SeekExtent(off, hole)
			return show(err, at)
		})
	}}
}

func isDir(f File) bool {
	a, err := f.Stat()
	return err == nil && a.IsDir()
}

// callCopyRange copies all or nothing: how much one call copies is not laid down.
func callCopyRange(g generator) op {
	from, off, to, dstOff, length := g.slot(), g.offset(), g.slot(), g.offset(), int64(g.length())
	text := fmt.Sprintf("copy_file_range %d at %d to %d at %d %d bytes", from, off, to, dstOff, length)
	return op{text, func(w *world) string {
		return w.onFile(from, func(src File) string {
			return w.onFile(to, func(dst File) string {
				w.vague = true
				n, err := src.CopyRange(off, dst, dstOff, length)
				return show(err, n)
			})
		})
	}}
}

func callFstat(g generator) op {
	slot := g.slot()
	return op{fmt.Sprintf("fstat %d", slot), func(w *world) string {
		return w.onFile(slot, func(f File) string { return showStat(f.Stat()) })
	}}
}

func callLinkTo(g generator) op {
	slot, path := g.slot(), g.path()
	return op{fmt.Sprintf("linkat %d %.40q", slot, path), func(w *world) string {
		return w.onFile(slot, func(f File) string { return show(f.LinkTo(path)) })
	}}
}
