package fstest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// openBits are open(2)'s. O_NOCTTY and O_CLOEXEC are always set.
var openBits = map[OpenFlags]int{
	Append: unix.O_APPEND, Create: unix.O_CREAT, Exclusive: unix.O_EXCL, Trunc: unix.O_TRUNC,
	NoFollow: unix.O_NOFOLLOW, Directory: unix.O_DIRECTORY, Tmpfile: unix.O_TMPFILE,
}

func (f OpenFlags) bits() int {
	bits := unix.O_NOCTTY | unix.O_CLOEXEC
	switch f & ReadWrite {
	case Write:
		bits |= unix.O_WRONLY
	case ReadWrite:
		bits |= unix.O_RDWR
	}
	for flag, bit := range openBits {
		if f&flag != 0 {
			bits |= bit
		}
	}
	return bits
}

// Open opens without Go's poller, so that each call is one system call.
func (m *mounted) Open(path string, flags OpenFlags, mode uint32) (File, error) {
	fd, err := unix.Openat(m.fd, path, flags.bits(), mode)
	if err != nil {
		return nil, codeOf(err)
	}
	return &mountedFile{dir: m, fd: fd}, nil
}

type mountedFile struct {
	dir *mounted
	fd  int
}

var _ File = (*mountedFile)(nil)

// Close gives the number up: closing twice must not close what got it next.
func (f *mountedFile) Close() error {
	fd := f.fd
	f.fd = -1
	return codeOf(unix.Close(fd))
}

func (f *mountedFile) Read(p []byte) (int, error) { return readResult(len(p))(unix.Read(f.fd, p)) }

func (f *mountedFile) ReadAt(p []byte, off int64) (int, error) {
	return readResult(len(p))(unix.Pread(f.fd, p, off))
}

// readResult tells the end of a file as package io wants it.
func readResult(want int) func(int, error) (int, error) {
	return func(n int, err error) (int, error) {
		if err != nil {
			return 0, codeOf(err)
		}
		if n == 0 && want > 0 {
			return 0, io.EOF
		}
		return n, nil
	}
}

func (f *mountedFile) Write(p []byte) (int, error) {
	n, err := unix.Write(f.fd, p)
	return max(n, 0), codeOf(err)
}

func (f *mountedFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := unix.Pwrite(f.fd, p, off)
	return max(n, 0), codeOf(err)
}

func (f *mountedFile) Truncate(size int64) error { return codeOf(unix.Ftruncate(f.fd, size)) }

func (f *mountedFile) Allocate(off, length int64, mode regions.AllocateMode) error {
	return codeOf(unix.Fallocate(f.fd, uint32(mode), off, length))
}

func (f *mountedFile) SeekExtent(off int64, hole bool) (int64, error) {
	whence := unix.SEEK_DATA
	if hole {
		whence = unix.SEEK_HOLE
	}
	at, err := unix.Seek(f.fd, off, whence)
	return at, codeOf(err)
}

func (f *mountedFile) Stat() (regions.Attr, error) { return statx(f.fd, "", unix.AT_EMPTY_PATH) }

func (f *mountedFile) CopyRange(off int64, dst File, dstOff, length int64) (int64, error) {
	d, ok := dst.(*mountedFile)
	if !ok {
		return 0, regions.CrossDevice
	}
	n, err := unix.CopyFileRange(f.fd, &off, d.fd, &dstOff, int(length), 0)
	return int64(max(n, 0)), codeOf(err)
}

// LinkTo goes by /proc, as open(2) shows it for O_TMPFILE: AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH.
func (f *mountedFile) LinkTo(path string) error {
	self := fmt.Sprintf("/proc/self/fd/%d", f.fd)
	return codeOf(unix.Linkat(unix.AT_FDCWD, self, f.dir.fd, path, unix.AT_SYMLINK_FOLLOW))
}

func (f *mountedFile) Sync() error { return codeOf(unix.Fsync(f.fd)) }

// direntSize holds the longest entry: the fixed part of struct linux_dirent64, a name of 255 bytes, NUL and padding.
const direntSize = 280

func (f *mountedFile) List(n int) ([]regions.Entry, error) {
	buf := make([]byte, max(direntSize, n*32))
	n, err := unix.Getdents(f.fd, buf)
	if err != nil {
		return nil, codeOf(err)
	}
	return parseDirents(buf[:n]), nil
}

// parseDirents reads struct linux_dirent64 (getdents(2)): inode 8, position 8, length 2, type 1, name.
func parseDirents(b []byte) []regions.Entry {
	var all []regions.Entry
	for len(b) > 0 {
		length := binary.NativeEndian.Uint16(b[16:])
		name, _, _ := bytes.Cut(b[19:length], []byte{0})
		all = append(all, regions.Entry{
			Ino: binary.NativeEndian.Uint64(b), Off: binary.NativeEndian.Uint64(b[8:]),
			Type: uint32(b[18]) << 12, Name: string(name),
		})
		b = b[length:]
	}
	return all
}

func (f *mountedFile) SeekDir(off uint64) error {
	_, err := unix.Seek(f.fd, int64(off), unix.SEEK_SET)
	return codeOf(err)
}
