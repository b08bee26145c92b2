package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Here answers the trials of this machine.
func Here() Trials { return here{} }

type here struct{}

var _ Trials = here{}

func (here) OpenFUSE() error {
	fd, err := openFUSE()
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func openFUSE() (int, error) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	return fd, os.NewSyscallError("open", err)
}

// Tmpfs makes the superblock and drops it: nothing is mounted.
func (here) Tmpfs(option string) error {
	name, value, _ := strings.Cut(option, "=")
	settings := map[string]string{}
	if name != "" {
		settings[name] = value
	}
	fd, err := superblock("tmpfs", settings)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// superblock makes a file system that is mounted nowhere; it ends with the descriptor (fsopen(2)).
func superblock(kind string, settings map[string]string) (int, error) {
	fd, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("fsopen", err)
	}
	for name, value := range settings {
		if err := unix.FsconfigSetString(fd, name, value); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("%s=%s: %w", name, value, err)
		}
	}
	if err := unix.FsconfigCreate(fd); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("fsconfig", err)
	}
	return fd, nil
}

// UserXattr asks a memfd, which is a file of the kernel's own tmpfs.
func (here) UserXattr() error {
	fd, err := unix.MemfdCreate("shmfs-probe", unix.MFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	defer unix.Close(fd)
	return os.NewSyscallError("fsetxattr", unix.Fsetxattr(fd, "user.shmfs.probe", []byte("1"), 0))
}

// Pressure asks as an ordinary user may, if the kernel lets any (Linux Documentation/accounting/psi.rst).
func (here) Pressure() error {
	fd, err := unix.Open("/proc/pressure/memory", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte("some 200000 2000000\x00"))
	return os.NewSyscallError("write", err)
}

// errNoPassthrough says that the kernel does not offer it in INIT: older than 6.9, or built without.
var errNoPassthrough = errors.New("its FUSE does not offer passthrough")

// Passthrough makes a FUSE that is mounted nowhere, answers its INIT, and registers a memfd as backing.
func (here) Passthrough() error {
	dev, err := openFUSE()
	if err != nil {
		return err
	}
	defer unix.Close(dev)
	sb, err := superblock("fuse", map[string]string{
		"fd": fmt.Sprint(dev), "rootmode": "40000", "user_id": "0", "group_id": "0",
	})
	if err != nil {
		return err
	}
	defer unix.Close(sb)
	if err := answerInit(dev); err != nil {
		return err
	}
	file, err := unix.MemfdCreate("shmfs-probe", unix.MFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	defer unix.Close(file)
	return register(dev, file)
}

// What is needed of linux/fuse.h.
const (
	opInit            = 26
	flagInitExt       = 1 << 30       // of flags: flags2 is valid
	flagPassthrough   = 1 << 37 >> 32 // of flags2
	inHeaderSize      = 40
	initReplySize     = 16 + 64 // struct fuse_out_header, struct fuse_init_out
	minimalReadBuffer = 8192
	iocBackingOpen    = 1<<30 | 16<<16 | 229<<8 | 1 // FUSE_DEV_IOC_BACKING_OPEN
)

// answerInit reads the kernel's INIT and accepts passthrough, if it is offered.
func answerInit(dev int) error {
	ready := []unix.PollFd{{Fd: int32(dev), Events: unix.POLLIN}}
	const patience = 1000 // milliseconds; INIT is queued before the superblock is there
	if n, err := unix.Poll(ready, patience); n == 0 || err != nil {
		return fmt.Errorf("no INIT from the kernel: %w", errors.Join(err, errNoPassthrough))
	}
	b := make([]byte, minimalReadBuffer)
	n, err := unix.Read(dev, b)
	if err != nil {
		return os.NewSyscallError("read", err)
	}
	reply, err := initReply(b[:n])
	if err != nil {
		return err
	}
	_, err = unix.Write(dev, reply)
	return os.NewSyscallError("write", err)
}

// initReply makes the answer to INIT: the same version, passthrough, and nothing else.
func initReply(request []byte) ([]byte, error) {
	at := binary.NativeEndian
	if len(request) < inHeaderSize+20 || at.Uint32(request[4:]) != opInit {
		return nil, fmt.Errorf("the kernel's first request is no INIT: %w", errNoPassthrough)
	}
	body := request[inHeaderSize:] // major, minor, max_readahead, flags, flags2
	if at.Uint32(body[12:])&flagInitExt == 0 || at.Uint32(body[16:])&flagPassthrough == 0 {
		return nil, errNoPassthrough
	}
	reply := make([]byte, initReplySize)
	at.PutUint32(reply, initReplySize)
	copy(reply[8:16], request[8:16]) // unique
	out := reply[16:]
	copy(out[0:8], body[0:8])           // version
	at.PutUint32(out[12:], flagInitExt) // flags
	at.PutUint32(out[20:], 4096)        // max_write
	at.PutUint32(out[32:], flagPassthrough)
	at.PutUint32(out[36:], 1) // max_stack_depth: backing files on file systems that stand on no other
	return reply, nil
}

// register hands a file to the kernel; it is forgotten with the connection.
func register(dev, file int) error {
	backing := struct {
		fd      int32
		flags   uint32
		padding uint64
	}{fd: int32(file)}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(dev), iocBackingOpen, uintptr(unsafe.Pointer(&backing)))
	if errno != 0 {
		return os.NewSyscallError("register a backing file", errno)
	}
	return nil
}
