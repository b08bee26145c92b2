package fstest

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// Getxattr asks for the size first, as programs do, and again if the value grew in between.
func (m *mounted) Getxattr(path, name string) ([]byte, error) {
	return sized(func(buf []byte) (int, error) { return unix.Lgetxattr(m.abs(path), name, buf) })
}

func (m *mounted) Setxattr(path, name string, value []byte, flags regions.XattrFlags) error {
	return codeOf(unix.Lsetxattr(m.abs(path), name, value, int(flags)))
}

// Listxattr sorts the names.
func (m *mounted) Listxattr(path string) ([]string, error) {
	b, err := sized(func(buf []byte) (int, error) { return unix.Llistxattr(m.abs(path), buf) })
	if err != nil || len(b) == 0 {
		return nil, err
	}
	names := strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
	slices.Sort(names)
	return names, nil
}

func (m *mounted) Removexattr(path, name string) error {
	return codeOf(unix.Lremovexattr(m.abs(path), name))
}

func sized(call func(buf []byte) (int, error)) ([]byte, error) {
	for {
		n, err := call(nil)
		if err != nil {
			return nil, codeOf(err)
		}
		buf := make([]byte, n)
		if n > 0 {
			n, err = call(buf)
		}
		if err != unix.ERANGE {
			return buf[:max(n, 0)], codeOf(err)
		}
	}
}
