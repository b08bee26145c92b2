package fstest

import (
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// user is whom a test acts as.
type user struct {
	uid, gid uint32
	groups   []uint32
}

// nobody is the user that Linux systems have for no other use.
var nobody = user{uid: 65534, gid: 65534}

// as runs fn as a subtest on a thread of its own, which takes on the user: Linux has credentials by thread, and the
// kernel asks them for each request (credentials(7), "C library/kernel differences"). The thread ends with the subtest,
// because its goroutine stays locked to it.
func (u user) as(t *testing.T, name string, fn func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		runtime.LockOSThread()
		ok(t, u.become())
		fn(t)
	})
}

// become goes past package unix, whose calls change all threads.
func (u user) become() error {
	var groups unsafe.Pointer
	if len(u.groups) > 0 {
		groups = unsafe.Pointer(&u.groups[0])
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(u.groups)), uintptr(groups), 0); e != 0 {
		return codeOf(e)
	}
	gid, uid := uintptr(u.gid), uintptr(u.uid)
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); e != 0 {
		return codeOf(e)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); e != 0 {
		return codeOf(e)
	}
	return nil
}

// without runs fn as a subtest on a thread of its own that has given up a capability.
func without(t *testing.T, capability uint, name string, fn func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		ok(t, codeOf(unix.Capget(&header, &data[0])))
		data[capability/32].Effective &^= 1 << (capability % 32)
		ok(t, codeOf(unix.Capset(&header, &data[0])))
		fn(t)
	})
}

// ownDirectory gives the subtest's thread a working directory and a umask of its own (unshare(2), CLONE_FS). It leaves
// the directory at the end: the thread itself ends some time later, and would keep the mount busy.
func ownDirectory(t *testing.T, name string, fn func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		runtime.LockOSThread()
		ok(t, codeOf(unix.Unshare(unix.CLONE_FS)))
		defer unix.Chdir("/")
		fn(t)
	})
}
