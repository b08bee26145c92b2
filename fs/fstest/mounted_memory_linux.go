package fstest

import (
	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

var _ memory = (*mountedFile)(nil)

// Store maps the file and stores p at off, within the file.
func (f *mountedFile) Store(p []byte, off int64) error {
	return f.mapped(off, len(p), readWrite, func(m []byte) { copy(m, p) })
}

// Load maps the file and loads p from off, within the file.
func (f *mountedFile) Load(p []byte, off int64) error {
	return f.mapped(off, len(p), unix.PROT_READ, func(m []byte) { copy(p, m) })
}

// mapped calls fn with the memory of a range, which must be within the file: past its end is SIGBUS.
func (f *mountedFile) mapped(off int64, length, prot int, fn func([]byte)) error {
	if a, err := f.Stat(); err != nil || length == 0 || off+int64(length) > a.Size {
		return regions.Overflow
	}
	in := int(off % 4096)
	m, err := unix.Mmap(f.fd, off-int64(in), in+length, prot, unix.MAP_SHARED)
	if err != nil {
		return codeOf(err)
	}
	fn(m[in:])
	return codeOf(unix.Munmap(m))
}
