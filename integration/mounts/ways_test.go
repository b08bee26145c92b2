//go:build linux

package mounts

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// wayToGrow makes what counts reach to size, and answers what it was told.
type wayToGrow struct {
	name   string
	where  []place // whose limits it meets
	grow   func(dir string, size int64) error
	byRoot bool // also where somebody else's limit is met
}

var (
	everywhere      = []place{ofMount, ofDirectory, ofOwners, ofMaker, ofLabels}
	onlyDirectories = []place{ofDirectory} // what is the mount's, or its owner's, is so wherever it stands
	onlyOwners      = []place{ofOwners}
	onlyLabels      = []place{ofLabels}
	// noMaker is of what is no region: it has no process, no cgroup and no labels.
	noMaker = []place{ofMount, ofDirectory, ofOwners}
)

func withFile(dir string, flags int, f func(fd int) error) error {
	fd, err := unix.Open(filepath.Join(dir, "f"), flags|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

// Descriptors are for writing only: in the cached way a region that may be mapped for writing counts twice for the mount.
var waysToGrow = []wayToGrow{
	{name: "ftruncate", where: everywhere, grow: func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error { return unix.Ftruncate(fd, size) })
	}},
	{name: "truncate", where: everywhere, grow: func(dir string, size int64) error {
		if err := withFile(dir, unix.O_WRONLY, func(int) error { return nil }); err != nil {
			return err
		}
		return unix.Truncate(filepath.Join(dir, "f"), size)
	}},
	{name: "fallocate", where: everywhere, grow: func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error { return unix.Fallocate(fd, 0, 0, size) })
	}},
	{name: "fallocate past the end", where: everywhere, grow: func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error { return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, size) })
	}},
	{name: "write", where: everywhere, grow: func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error { return writeAll(fd, size) })
	}},
	{name: "append", where: everywhere, grow: func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY|unix.O_APPEND, func(fd int) error { return writeAll(fd, size) })
	}},
	{name: "a byte at the end", where: everywhere, grow: func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error {
			_, err := unix.Pwrite(fd, []byte{1}, size-1)
			return err
		})
	}},
	{name: "copy_file_range", where: everywhere, grow: copyGrow},
	{name: "O_TMPFILE", where: everywhere, grow: func(dir string, size int64) error {
		return linkNameless(dir, filepath.Join(dir, "f"), size)
	}},
	{name: "an unlinked region", where: everywhere, grow: func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error {
			if err := unix.Unlink(filepath.Join(dir, "f")); err != nil {
				return err
			}
			return unix.Ftruncate(fd, size)
		})
	}},
	{name: "extended attributes", where: everywhere, grow: func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error {
			const name = "user.x" // counts too
			if err := unix.Ftruncate(fd, limitedTo-page); err != nil {
				return err
			}
			return unix.Fsetxattr(fd, name, make([]byte, size-(limitedTo-page)-int64(len(name))), 0)
		})
	}},
	{name: "a symlink's target", where: noMaker, grow: func(dir string, size int64) error {
		err := withFile(dir, unix.O_WRONLY, func(fd int) error { return unix.Ftruncate(fd, size-page) })
		if err != nil {
			return err
		}
		return unix.Symlink(strings.Repeat("x", 500), filepath.Join(dir, "link")) // takes a page
	}},
	{name: "rename", where: onlyDirectories, grow: func(dir string, size int64) error { return grownElsewhere(dir, size, unix.Rename) }},
	{name: "rename in the place of another", where: onlyDirectories, grow: func(dir string, size int64) error {
		if err := smallAt(filepath.Join(dir, "f")); err != nil {
			return err
		}
		return grownElsewhere(dir, size, unix.Rename)
	}},
	{name: "RENAME_EXCHANGE", where: onlyDirectories, grow: func(dir string, size int64) error {
		if err := smallAt(filepath.Join(dir, "f")); err != nil {
			return err
		}
		return grownElsewhere(dir, size, exchange)
	}},
	{name: "link", where: onlyDirectories, grow: func(dir string, size int64) error { return grownElsewhere(dir, size, unix.Link) }},
	{name: "O_TMPFILE elsewhere", where: onlyDirectories, grow: func(dir string, size int64) error {
		return linkNameless(elsewhere(dir), filepath.Join(dir, "f"), size)
	}},
	{name: "rename of a directory", where: onlyDirectories, grow: func(dir string, size int64) error {
		return grownElsewhere(dir, size, func(from, to string) error {
			sub := filepath.Join(filepath.Dir(from), "sub")
			if err := errors.Join(unix.Mkdir(sub, 0o755), unix.Rename(from, filepath.Join(sub, "x"))); err != nil {
				return err
			}
			return unix.Rename(sub, to)
		})
	}},
	{name: "chown", where: onlyOwners, byRoot: true, grow: func(dir string, size int64) error {
		return withFile(dir, unix.O_WRONLY, func(fd int) error {
			uid, gid := limitedUser()
			return errors.Join(unix.Ftruncate(fd, size), unix.Fchown(fd, uid, gid))
		})
	}},
	{name: "labels", where: onlyLabels, grow: func(dir string, size int64) error {
		return grownElsewhere(dir, size, func(from, _ string) error {
			return unix.Setxattr(from, "user.shmfs.labels", []byte(limitedLabel), 0)
		})
	}},
}

// smallAt makes a region of a page that nobody ever had open.
func smallAt(path string) error {
	return errors.Join(unix.Mknod(path, unix.S_IFREG|0o644, 0), unix.Truncate(path, page))
}

// linkNameless makes a region without a name, grows it, and gives it one.
func linkNameless(dir, path string, size int64) error {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, size); err != nil {
		return err
	}
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprint("/proc/self/fd/", fd), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
}

// writeAll writes size bytes, from the end of what is there on if it appends.
func writeAll(fd int, size int64) error {
	block := bytes.Repeat([]byte("x"), 300_000)
	for done := int64(0); done < size; {
		n, err := unix.Write(fd, block[:min(size-done, int64(len(block)))])
		if err != nil {
			return err
		}
		done += int64(n)
	}
	return nil
}

// copyGrow copies from a region that is outside of every limit but the mount's: from a memory file.
func copyGrow(dir string, size int64) error {
	return withFile(dir, unix.O_WRONLY, func(fd int) error {
		if err := unix.Ftruncate(fd, size/2); err != nil {
			return err
		}
		source, err := unix.Open(filepath.Join(dir, "f"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(source)
		from, to := int64(0), size/2
		for to < size {
			n, err := unix.CopyFileRange(source, &from, fd, &to, int(min(size-to, size/2)), 0)
			if err != nil {
				return err
			}
			if n == 0 {
				return errors.New("nothing was copied")
			}
			from = 0
		}
		return nil
	})
}

// elsewhere is a directory beside the limited ones.
func elsewhere(dir string) string { return filepath.Join(filepath.Dir(filepath.Dir(dir)), "outside") }

// grownElsewhere makes a region there, and moves it in.
func grownElsewhere(dir string, size int64, move func(from, to string) error) error {
	from := filepath.Join(elsewhere(dir), "f")
	fd, err := unix.Open(from, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, size); err != nil {
		return err
	}
	return move(from, filepath.Join(dir, "f"))
}
