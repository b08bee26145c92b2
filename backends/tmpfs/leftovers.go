//go:build linux

package tmpfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Places answers where arenas of a user stand, or stood: one for every directory below their common one.
func Places(uid int) ([]string, error) {
	base := filepath.Dir(filepath.Dir(Place("/", uid)))
	all, err := os.ReadDir(base)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var places []string
	for _, e := range all {
		places = append(places, filepath.Join(base, e.Name(), arenaName))
	}
	return places, err
}

// What stands at a place that nobody serves.
const (
	OpenPlace    FindingKind = "open-place"    // others can look into it, or write to it
	MountFlags   FindingKind = "mount-flags"   // the arena is mounted otherwise than shmfs does
	EmptyPlace   FindingKind = "empty-place"   // a mount began or ended there, and was interrupted
	ForeignEntry FindingKind = "foreign-entry" // shmfs makes no such thing
)

// flags are those of every arena's mount (statfs(2)).
const flags = unix.ST_NODEV | unix.ST_NOSUID | unix.ST_NOEXEC

// CheckPlace looks at the directories that lead to an arena, and at its mount. The caller has the place to himself, and
// says whether a mount whose server died is to find it again.
func CheckPlace(place string, expected bool) []Finding {
	dir := filepath.Dir(place)
	var s unix.Stat_t
	if err := unix.Lstat(dir, &s); err != nil {
		return nil // it is gone
	}
	if s.Mode&unix.S_IFMT != unix.S_IFDIR || int(s.Uid) != os.Geteuid() {
		return []Finding{{Kind: ForeignEntry, Path: dir, Found: "it is not a directory of yours"}}
	}
	var found []Finding
	if s.Mode&0o077 != 0 {
		found = append(found, Finding{Kind: OpenPlace, Path: dir, Found: fmt.Sprintf("it has mode %04o", s.Mode&0o7777),
			Mend: "close it (mode 0700)", mend: func() error { return os.Chmod(dir, 0o700) }})
	}
	all, err := os.ReadDir(dir)
	if err != nil {
		return append(found, Finding{Kind: ForeignEntry, Path: dir, Found: err.Error()})
	}
	empty := true
	for _, e := range all {
		if e.Name() != arenaName {
			empty = false
			found = append(found, Finding{Kind: ForeignEntry, Path: filepath.Join(dir, e.Name()), Found: "shmfs made no such thing"})
		}
	}
	if Attached(place) {
		found = append(found, checkMount(place)...)
	}
	if empty && !expected && !occupied(place) {
		found = append(found, Finding{Kind: EmptyPlace, Path: dir, Found: "no mount has it, and nothing is in it",
			Mend: "take it away", mend: func() error { return vacatePlace(place) }})
	}
	return found
}

// checkMount looks at how an arena is mounted.
func checkMount(place string) []Finding {
	var s unix.Statfs_t
	if unix.Statfs(place, &s) != nil || s.Flags&flags == flags {
		return nil
	}
	return []Finding{{Kind: MountFlags, Path: place, Found: "it is mounted without nodev, nosuid or noexec",
		Mend: "set them", mend: func() error {
			attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC}
			return os.NewSyscallError("mount_setattr", unix.MountSetattr(unix.AT_FDCWD, place, 0, attr))
		}}}
}

// occupied reports whether anything is at a place, or might be.
func occupied(place string) bool {
	all, err := os.ReadDir(place)
	return len(all) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist)
}

// vacatePlace takes away a place where nothing is, and only that.
func vacatePlace(place string) error {
	if Attached(place) {
		if err := unix.Unmount(place, unix.MNT_DETACH); err != nil {
			return &os.PathError{Op: "umount", Path: place, Err: err}
		}
	}
	for _, dir := range []string{place, filepath.Dir(place)} {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return leave(filepath.Dir(filepath.Dir(place)))
}
