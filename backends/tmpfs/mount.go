//go:build linux

package tmpfs

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// Options are an arena's. Zero values leave a setting to the kernel: half of the memory for Bytes and as many nodes
// as half of its pages (tmpfs(5)).
type Options struct {
	// Dir is where the arena is attached: a place that Prepare made. Empty: nowhere, so that it ends with the last
	// descriptor (ephemeral).
	Dir   string
	Bytes int64 // regions.Unlimited for no limit
	Nodes int64 // regions.Unlimited for no limit
	// Huge is tmpfs's huge=: never, always, within_size, advise.
	Huge string
	// NUMA is tmpfs's mpol=: default, local, prefer:N, bind:LIST, interleave:LIST, ...
	NUMA string
	Mode uint32 // of the root directory
}

// Mount mounts a new arena: private, nodev, nosuid, noexec. It needs CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH.
func Mount(o Options) (*Arena, error) {
	mnt, err := create(o)
	if err != nil {
		return nil, err
	}
	defer unix.Close(mnt)
	if o.Dir != "" {
		if err := attach(mnt, o.Dir); err != nil {
			return nil, err
		}
	}
	// fsmount's descriptor is O_PATH, which open_by_handle_at does not take as the mount.
	root, err := unix.Openat(mnt, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the arena: %w", err)
	}
	a, err := privileged(root, o.Dir)
	if err != nil && o.Dir != "" {
		unix.Unmount(o.Dir, unix.MNT_DETACH)
	}
	return a, err
}

// create makes a mounted, not yet attached tmpfs.
func create(o Options) (int, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsopen tmpfs: %w", err)
	}
	defer unix.Close(fs)
	for _, s := range o.settings() {
		if s.value == "" {
			continue
		}
		if err := unix.FsconfigSetString(fs, s.name, s.value); err != nil {
			return -1, fmt.Errorf("tmpfs option %s=%s: %w", s.name, s.value, err)
		}
	}
	if err := unix.FsconfigSetFlag(fs, "inode32"); err != nil {
		return -1, fmt.Errorf("tmpfs option inode32: %w", err)
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, fmt.Errorf("create tmpfs: %w", err)
	}
	mnt, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC,
		unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsmount: %w", err)
	}
	return mnt, nil
}

type setting struct{ name, value string }

func (o Options) settings() []setting {
	s := []setting{
		{"source", "shmfs-arena"}, {"huge", o.Huge}, {"mpol", o.NUMA},
		{"mode", strconv.FormatUint(uint64(o.Mode&regions.ModePerm), 8)},
	}
	if o.Bytes > 0 {
		s = append(s, setting{"size", limit(o.Bytes)})
	}
	if o.Nodes > 0 {
		s = append(s, setting{"nr_inodes", limit(o.Nodes)})
	}
	return s
}

// attach puts a mount on dir, with private propagation.
func attach(mnt int, dir string) error {
	if err := unix.MoveMount(mnt, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("attach the arena to %s: %w", dir, err)
	}
	if err := unix.Mount("", dir, "", unix.MS_PRIVATE, ""); err != nil {
		unix.Unmount(dir, unix.MNT_DETACH)
		return fmt.Errorf("make %s private: %w", dir, err)
	}
	return nil
}

// Attach takes over an arena that is mounted at dir already.
func Attach(dir string) (*Arena, error) {
	root, err := openTmpfs(dir)
	if err != nil {
		return nil, err
	}
	return privileged(root, dir)
}

// Directory makes an arena of a directory in a tmpfs of the system's, for a process without privileges. What is in
// it must belong to the caller.
func Directory(dir string) (*Arena, error) {
	root, err := openTmpfs(dir)
	if err != nil {
		return nil, err
	}
	a, err := newArena(root)
	if err != nil {
		return nil, err
	}
	a.nodes = &places{root: root, rootID: a.rootID, known: make(map[regions.NodeID]place)}
	if a.userXattr {
		a.recordName = userRecord
	}
	a.properties = regions.Properties{Kind: "tmpfs", Labels: labelled(root), Losses: a.losses()}
	return a, nil
}

func openTmpfs(dir string) (int, error) {
	root, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open the arena %s: %w", dir, err)
	}
	var s unix.Statfs_t
	if err := unix.Fstatfs(root, &s); err != nil || s.Type != unix.TMPFS_MAGIC {
		unix.Close(root)
		return -1, fmt.Errorf("the arena %s is not a tmpfs", dir)
	}
	return root, nil
}

func privileged(root int, dir string) (*Arena, error) {
	a, err := newArena(root)
	if err != nil {
		return nil, err
	}
	a.mounted = true
	a.nodes = &handles{root: root, rootID: a.rootID}
	a.recordName = trustedRecord
	a.properties = regions.Properties{Kind: "tmpfs", Stateless: true, Labels: labelled(root)}
	fd, err := a.nodesByHandle()
	if err != nil {
		unix.Close(root)
		return nil, err
	}
	unix.Close(fd)
	return a, nil
}

// nodesByHandle tries whether this process may open file handles, and whether this kernel's are as we know them.
func (a *Arena) nodesByHandle() (int, error) {
	h := &handles{root: a.root}
	fd, err := h.open(a.rootID, unix.O_PATH)
	if errors.Is(err, unix.EPERM) {
		return -1, fmt.Errorf("open_by_handle_at needs CAP_DAC_READ_SEARCH: %w", err)
	}
	if err != nil {
		return -1, fmt.Errorf("open_by_handle_at on the arena: %w", err)
	}
	return fd, nil
}

func newArena(root int) (*Arena, error) {
	id, err := nodeAt(root, "")
	if err != nil {
		unix.Close(root)
		return nil, fmt.Errorf("file handles of tmpfs are not as expected here: %w", err)
	}
	path, err := os.Readlink(procPath(root))
	if err != nil {
		unix.Close(root)
		return nil, fmt.Errorf("no /proc: %w", err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		unix.Close(root)
		return nil, os.NewSyscallError("getrlimit", err)
	}
	return &Arena{
		pinsMost: int(min(limit.Cur/2, 1<<20)),
		root:     root, rootPath: path, rootID: id, userXattr: keepsUserXattr(root),
		uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()),
		pins:  make(map[regions.NodeID]int),
		files: make(map[regions.NodeID][]int),
	}, nil
}

// keepsUserXattr asks for an attribute that is not there: a tmpfs that keeps user. attributes (Linux 6.6) says ENODATA,
// one that does not EOPNOTSUPP.
func keepsUserXattr(root int) bool {
	_, err := unix.Fgetxattr(root, "user.shmfs.none", nil)
	return err == nil || err == unix.ENODATA
}

// labelled asks for the labels of those security modules that give a file one when it is made (Linux mm/shmem.c,
// shmem_initxattrs).
func labelled(root int) bool {
	for _, name := range []string{"security.selinux", "security.SMACK64"} {
		if _, err := unix.Fgetxattr(root, name, nil); err == nil {
			return true
		}
	}
	return false
}

func (a *Arena) losses() []regions.Loss {
	const root = "mount as root"
	l := []regions.Loss{
		{What: "regions of other users", Why: "no CAP_DAC_READ_SEARCH and no CAP_CHOWN: everything here is yours", Remedy: root},
		{What: "an arena of its own, with a size", Why: "mounting a tmpfs needs CAP_SYS_ADMIN", Remedy: root},
		{What: "trusted. attributes and device nodes", Why: "no CAP_SYS_ADMIN, no CAP_MKNOD", Remedy: root},
		{What: "opens without a descriptor of the server's", Why: "no CAP_DAC_READ_SEARCH", Remedy: root},
	}
	if !a.userXattr {
		l = append(l, regions.Loss{What: "user. attributes and records of regions",
			Why: "tmpfs keeps user. attributes since Linux 6.6", Remedy: root + ", or use a newer kernel"})
	}
	return l
}
