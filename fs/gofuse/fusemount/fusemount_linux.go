package fusemount

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// Type is the file system type as mount tables show it.
const Type = "fuse.shmfs"

// Options are a mount's.
type Options struct {
	Point      string // directory to mount on
	Source     string // first column of mount tables
	AllowOther bool   // let other users in
	MaxRead    int    // bytes a READ may ask for
}

// Mount mounts with the privilege of this process (CAP_SYS_ADMIN) and answers the descriptor of the connection. Errors
// wrap what the system says: ENOENT or ENXIO of /dev/fuse, EPERM of mount(2).
func Mount(o Options) (int, error) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: "/dev/fuse", Err: err}
	}
	data := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,max_read=%d,default_permissions",
		fd, os.Geteuid(), os.Getegid(), o.MaxRead)
	if o.AllowOther {
		data += ",allow_other"
	}
	if err := unix.Mount(o.Source, o.Point, Type, unix.MS_NOSUID|unix.MS_NODEV, data); err != nil {
		unix.Close(fd)
		return -1, &os.PathError{Op: "mount", Path: o.Point, Err: err}
	}
	return fd, nil
}

// ErrNoHelper says that fusermount3 is not installed.
var ErrNoHelper = errors.New("fusermount3 is not installed")

// MountUnprivileged mounts through fusermount3(1), which hands over the descriptor of the connection on a socket.
func MountUnprivileged(o Options) (int, error) {
	helper, err := exec.LookPath("fusermount3")
	if err != nil {
		return -1, ErrNoHelper
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := pair[0], os.NewFile(uintptr(pair[1]), "fusermount3")
	defer unix.Close(ours)
	options := []string{"fsname=" + escape(o.Source), "subtype=shmfs", "default_permissions", "nosuid", "nodev",
		fmt.Sprintf("max_read=%d", o.MaxRead)}
	if o.AllowOther {
		options = append(options, "allow_other")
	}
	cmd := exec.Command(helper, "-o", strings.Join(options, ","), "--", o.Point)
	cmd.Env = append(os.Environ(), "_FUSE_COMMFD=3")
	cmd.ExtraFiles = []*os.File{theirs}
	out, err := cmd.CombinedOutput()
	theirs.Close()
	if err != nil {
		return -1, fmt.Errorf("%s", strings.TrimSpace(string(out)))
	}
	return receive(ours)
}

// escape keeps commas out of a mount option's value.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(s)
}

func receive(socket int) (int, error) {
	var data [4]byte
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, data[:], control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("recvmsg", err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return -1, errors.New("fusermount3 sent no descriptor")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, errors.New("fusermount3 sent no descriptor")
	}
	return fds[0], nil
}

// Unmount takes a mount away: EBUSY while it is in use, unless lazy, which detaches it now and ends it with its last
// user.
func Unmount(point string, lazy bool) error {
	flags := unix.UMOUNT_NOFOLLOW
	if lazy {
		flags |= unix.MNT_DETACH
	}
	err := unix.Unmount(point, flags)
	if err == unix.EPERM && os.Geteuid() != 0 {
		return unmountUnprivileged(point, lazy)
	}
	if err != nil {
		return &os.PathError{Op: "umount", Path: point, Err: err}
	}
	return nil
}

func unmountUnprivileged(point string, lazy bool) error {
	helper, err := exec.LookPath("fusermount3")
	if err != nil {
		return ErrNoHelper
	}
	args := []string{"-u", "--", point}
	if lazy {
		args = []string{"-u", "-z", "--", point}
	}
	cmd := exec.Command(helper, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	switch {
	case err == nil:
		return nil
	case strings.Contains(text, "busy"): // the helper tells in words only
		return &os.PathError{Op: "umount", Path: point, Err: unix.EBUSY}
	}
	return errors.New(text)
}
