package fstest

import (
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

var mapChecks = []systemCheck{
	{name: "Coherent", run: mapCoherent, need: []Feature{SharedMaps}},
	{name: "OutlivesAll", run: mapOutlivesAll, need: []Feature{SharedMaps}},
	{name: "GivenBack", run: mapGivenBack, need: []Feature{SharedMaps}},
	{name: "Private", run: mapPrivate},
	{name: "AccessModes", run: mapAccessModes},
	{name: "PastTheEnd", run: mapPastTheEnd},
	{name: "Truncated", run: mapTruncated},
	{name: "Remapped", run: mapRemapped, need: []Feature{SharedMaps}},
	{name: "Synced", run: mapSynced, need: []Feature{SharedMaps}},
	{name: "Punched", run: mapPunched, need: []Feature{SharedMaps}},
	{name: "HolesFound", run: mapHoles, need: []Feature{SharedMaps, MappedHoles, SmallPages}},
	{name: "OntoItself", run: mapOntoItself, need: []Feature{SharedMaps}},
	{name: "Sparse", run: mapSparse, need: []Feature{SharedMaps}},
	{name: "Directory", run: mapDirectory},
	{name: "OpenedAtOnce", run: mapOpenedAtOnce, need: []Feature{SharedMaps}},
}

// mapFd maps until the test ends.
func mapFd(t *testing.T, fd int, length, prot, flags int) []byte {
	t.Helper()
	m, err := unix.Mmap(fd, 0, length, prot, flags)
	ok(t, codeOf(err))
	t.Cleanup(func() { unix.Munmap(m) })
	return m
}

const readWrite = unix.PROT_READ | unix.PROT_WRITE

// region makes a region of n pages of the letter x, and opens it for both.
func (p place) region(t *testing.T, name string, pages int) int {
	t.Helper()
	put(t, p, name, strings.Repeat("x", pages*page))
	return p.openFd(t, name, unix.O_RDWR)
}

func mapCoherent(t *testing.T, p place) {
	fd := p.region(t, "f", 2)
	a := mapFd(t, fd, 2*page, readWrite, unix.MAP_SHARED)
	b := mapFd(t, p.openFd(t, "f", unix.O_RDWR), 2*page, readWrite, unix.MAP_SHARED)
	a[page+5] = 'a'
	equal(t, "the other mapping", b[page+5], 'a')
	buf := make([]byte, 1)
	_, err := unix.Pread(fd, buf, page+5)
	ok(t, codeOf(err))
	equal(t, "read", buf[0], 'a')
	_, err = unix.Pwrite(p.openFd(t, "f", unix.O_WRONLY), []byte("w"), 7)
	ok(t, codeOf(err))
	equal(t, "written", string([]byte{a[7], b[7]}), "ww")
	ok(t, codeOf(unix.Ftruncate(fd, 3*page)))
	c := mapFd(t, fd, 3*page, readWrite, unix.MAP_SHARED)
	c[2*page] = 'c'
	_, err = unix.Pread(fd, buf, 2*page)
	ok(t, codeOf(err))
	equal(t, "read past the old end", buf[0], 'c')
}

// mapOutlivesAll: the mapping is all that is left of the region.
func mapOutlivesAll(t *testing.T, p place) {
	put(t, p, "f", strings.Repeat("x", page))
	fd, err := unix.Openat(p.fd, "f", unix.O_RDWR|unix.O_CLOEXEC, 0)
	ok(t, codeOf(err))
	m := mapFd(t, fd, page, readWrite, unix.MAP_SHARED)
	ok(t, codeOf(unix.Close(fd)))
	m[0] = 'y'
	equal(t, "content after close", content(t, p, "f")[:2], "yx")
	ok(t, p.Unlink("f"))
	m[1] = 'z'
	equal(t, "content after unlink", string(m[:3]), "yzx")
	put(t, p, "f", "another")
	equal(t, "content beside a new region of the name", string(m[:3]), "yzx")
}

// mapGivenBack: the region is larger than all that the tests before may still be giving back meanwhile.
func mapGivenBack(t *testing.T, p place) {
	const size = 16 << 20
	before, err := p.Usage(".")
	ok(t, err)
	fd, err := unix.Openat(p.fd, "f", unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	ok(t, codeOf(err))
	ok(t, codeOf(unix.Ftruncate(fd, size)))
	m, err := unix.Mmap(fd, 0, size, readWrite, unix.MAP_SHARED)
	ok(t, codeOf(err))
	for i := 0; i < len(m); i += 4096 {
		m[i] = 1
	}
	ok(t, codeOf(unix.Close(fd)))
	ok(t, p.Unlink("f"))
	ok(t, codeOf(unix.Munmap(m)))
	waitFor(t, "the memory of an unlinked, unmapped region", func() bool {
		after, err := p.Usage(".")
		ok(t, err)
		return after.BytesUsed <= before.BytesUsed
	})
}

func mapPrivate(t *testing.T, p place) {
	fd := p.region(t, "f", 1)
	m := mapFd(t, p.openFd(t, "f", unix.O_RDONLY), page, readWrite, unix.MAP_PRIVATE)
	m[0] = 'p'
	equal(t, "file", content(t, p, "f")[0], 'x')
	_, err := unix.Pwrite(fd, []byte("new"), 8192)
	ok(t, codeOf(err))
	equal(t, "a page that was not written to", string(m[8192:8195]), "new")
	equal(t, "a page that was", m[0], 'p')
}

func mapAccessModes(t *testing.T, p place) {
	p.region(t, "f", 1)
	r := p.openFd(t, "f", unix.O_RDONLY)
	w := p.openFd(t, "f", unix.O_WRONLY)
	_, err := unix.Mmap(r, 0, page, readWrite, unix.MAP_SHARED)
	fails(t, codeOf(err), regions.AccessDenied)
	_, err = unix.Mmap(w, 0, page, unix.PROT_READ, unix.MAP_SHARED)
	fails(t, codeOf(err), regions.AccessDenied)
	_, err = unix.Mmap(w, 0, page, readWrite, unix.MAP_PRIVATE)
	fails(t, codeOf(err), regions.AccessDenied)
	m := mapFd(t, r, page, unix.PROT_READ, unix.MAP_SHARED)
	equal(t, "mapped", m[page-1], 'x')
	fails(t, codeOf(unix.Mprotect(m, readWrite)), regions.AccessDenied)
}

// faults tells whether fn touches memory that is not there: SIGBUS, as a program in C gets it.
func faults(fn func()) (faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { faulted = recover() != nil }()
	fn()
	return false
}

func mapPastTheEnd(t *testing.T, p place) {
	put(t, p, "f", "short")
	m := mapFd(t, p.openFd(t, "f", unix.O_RDWR), 2*page, unix.PROT_READ, unix.MAP_SHARED)
	equal(t, "the rest of the last page", m[4095], 0)
	sink := byte(0)
	equal(t, "a page past the end faults", faults(func() { sink = m[page] }), true)
	ok(t, p.Truncate("f", 2*page))
	equal(t, "grown, it faults", faults(func() { sink = m[page] }), false)
	equal(t, "grown", sink, 0)
}

func mapTruncated(t *testing.T, p place) {
	fd := p.region(t, "f", 2)
	m := mapFd(t, fd, 2*page, unix.PROT_READ, unix.MAP_SHARED)
	equal(t, "before", m[page+1], 'x')
	ok(t, codeOf(unix.Ftruncate(fd, 100)))
	sink := byte(0)
	equal(t, "a page cut off faults", faults(func() { sink = m[page+1] }), true)
	equal(t, "within", m[99], 'x')
	equal(t, "the tail of the last page", m[100], 0)
	ok(t, codeOf(unix.Ftruncate(fd, 2*page)))
	equal(t, "grown again, it faults", faults(func() { sink = m[page+1] }), false)
	equal(t, "grown again", sink, 0)
}

func mapRemapped(t *testing.T, p place) {
	fd := p.region(t, "f", 2)
	m, err := unix.Mmap(fd, 0, page, readWrite, unix.MAP_SHARED)
	ok(t, codeOf(err))
	m, err = unix.Mremap(m, 2*page, unix.MREMAP_MAYMOVE)
	ok(t, codeOf(err))
	defer unix.Munmap(m)
	m[page] = 'r'
	equal(t, "content", content(t, p, "f")[page], 'r')
}

func mapSynced(t *testing.T, p place) {
	m := mapFd(t, p.region(t, "f", 1), page, readWrite, unix.MAP_SHARED)
	for i, flags := range []int{unix.MS_SYNC, unix.MS_ASYNC, unix.MS_SYNC | unix.MS_INVALIDATE} {
		m[i] = 's'
		ok(t, codeOf(unix.Msync(m, flags)))
	}
	ok(t, codeOf(unix.Madvise(m, unix.MADV_DONTNEED)))
	equal(t, "mapped", string(m[:4]), "sssx")
	equal(t, "content", content(t, p, "f")[:4], "sssx")
}

func mapPunched(t *testing.T, p place) {
	fd := p.region(t, "f", 3)
	m := mapFd(t, fd, 3*page, readWrite, unix.MAP_SHARED)
	m[page] = 'y'
	ok(t, codeOf(unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, page, page)))
	equal(t, "in the hole", m[page], 0)
	equal(t, "beside it", string([]byte{m[page-1], m[2*page]}), "xx")
	m[page+1] = 'z'
	equal(t, "content", content(t, p, "f")[page:page+3], "\x00z\x00")
}

func mapHoles(t *testing.T, p place) {
	fd := p.openFd(t, "f", unix.O_RDWR|unix.O_CREAT)
	ok(t, codeOf(unix.Ftruncate(fd, 4*page)))
	m := mapFd(t, fd, 4*page, readWrite, unix.MAP_SHARED)
	m[2*page] = 1
	at, err := unix.Seek(fd, 0, unix.SEEK_DATA)
	ok(t, codeOf(err))
	equal(t, "data", at, 2*page)
}

// mapOntoItself reads and writes a region from and to its own mapping, whose pages are not there yet.
func mapOntoItself(t *testing.T, p place) {
	fd := p.region(t, "f", 4)
	m := mapFd(t, fd, 4*page, readWrite, unix.MAP_SHARED)
	_, err := unix.Pwrite(fd, []byte("here"), 3*page)
	ok(t, codeOf(err))
	_, err = unix.Pread(fd, m[page:page+4], 3*page)
	ok(t, codeOf(err))
	equal(t, "read into the mapping", string(m[page:page+5]), "herex")
	_, err = unix.Pwrite(fd, m[page:page+4], 2*page)
	ok(t, codeOf(err))
	equal(t, "written from the mapping", string(m[2*page:2*page+5]), "herex")
}

func mapSparse(t *testing.T, p place) {
	const size = 1 << 30
	fd := p.openFd(t, "f", unix.O_RDWR|unix.O_CREAT)
	ok(t, codeOf(unix.Ftruncate(fd, size)))
	m := mapFd(t, fd, size, readWrite, unix.MAP_SHARED)
	for i := 0; i < size; i += size / 8 {
		m[i] = byte(i>>27) + 1
	}
	buf := make([]byte, 1)
	for i := int64(0); i < size; i += size / 8 {
		_, err := unix.Pread(fd, buf, i)
		ok(t, codeOf(err))
		equal(t, "read", buf[0], byte(i>>27)+1)
	}
}

func mapDirectory(t *testing.T, p place) {
	_, err := unix.Mmap(p.openFd(t, ".", unix.O_RDONLY|unix.O_DIRECTORY), 0, page, unix.PROT_READ, unix.MAP_SHARED)
	fails(t, codeOf(err), regions.NoSuchDevice)
}

// mapOpenedAtOnce lets many threads be the first to open and map a region, again and again: all must have the same memory.
func mapOpenedAtOnce(t *testing.T, p place) {
	const workers = 8
	for round := range 50 {
		name := fmt.Sprint("f", round%2)
		put(t, p, name, strings.Repeat("x", 4096))
		var all sync.WaitGroup
		for i := range workers {
			all.Go(func() {
				if err := p.storeAt(name, i); err != nil {
					t.Errorf("worker %d: %v", i, err)
				}
			})
		}
		all.Wait()
		equal(t, "stores", content(t, p, name)[:workers+1], "01234567x")
	}
}

// storeAt opens and maps a region, and stores i at i.
func (p place) storeAt(name string, i int) error {
	fd, err := unix.Openat(p.fd, name, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return codeOf(err)
	}
	m, err := unix.Mmap(fd, 0, 4096, readWrite, unix.MAP_SHARED)
	unix.Close(fd)
	if err != nil {
		return codeOf(err)
	}
	m[i] = '0' + byte(i)
	return codeOf(unix.Munmap(m))
}
