//go:build linux

package gofuse

import (
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// testDevice answers a device whose other end is the test's.
func testDevice(t *testing.T) (d *device, kernel int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(pair[1]) })
	return openDevice(pair[0], slog.New(slog.DiscardHandler)), pair[1]
}

func initRequest() *fuse.InitIn {
	in := &fuse.InitIn{Major: 7, Minor: 45}
	in.Opcode, in.Unique, in.Length = 26, 2, uint32(unsafe.Sizeof(*in))
	return in
}

func bytesOf[T any](x *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(x)), unsafe.Sizeof(*x)) }

// A request that cannot be read is answered: whoever waits for it must not wait for ever.
func TestUnreadableRequestIsAnswered(t *testing.T) {
	d, kernel := testDevice(t)
	if _, err := d.greet(fuse.NewDefaultRawFileSystem(), &fuse.MountOptions{}, bytesOf(initRequest())); err != nil {
		t.Fatal(err)
	}
	x, err := newExchange()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(x.memory)
	in := fuse.InHeader{Opcode: 15, Unique: 7, Length: 40} // a READ without what to read
	d.serveOne(x, copy(x.request, bytesOf(&in)))
	var out fuse.OutHeader
	n, err := unix.Read(kernel, bytesOf(&out))
	if err != nil || n != int(out.Length) || out.Unique != 7 || out.Status != -int32(syscall.EIO) {
		t.Errorf("answered with %d bytes, %+v (%v), want EIO for request 7", n, out, err)
	}
}

func TestInitOfAnotherProtocol(t *testing.T) {
	d, _ := testDevice(t)
	in := initRequest()
	in.Major = 8
	if _, err := d.greet(fuse.NewDefaultRawFileSystem(), &fuse.MountOptions{}, bytesOf(in)); err == nil {
		t.Error("version 8 of the protocol was taken")
	}
}

// A server that cannot read says so, instead of taking it for the end of the mount.
func TestServeTellsWhyItCannotRead(t *testing.T) {
	fd, err := unix.Open(t.TempDir(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := openDevice(fd, slog.New(slog.DiscardHandler))
	if err := d.serve(); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("serve = %v, want EISDIR", err)
	}
}

func TestClosedDevice(t *testing.T) {
	d, _ := testDevice(t)
	d.file.Close()
	if _, errno := d.RegisterBackingFd(&fuse.BackingMap{}); errno != syscall.ENODEV {
		t.Errorf("register = %v, want ENODEV", errno)
	}
	if errno := d.UnregisterBackingFd(1); errno != syscall.ENODEV {
		t.Errorf("unregister = %v, want ENODEV", errno)
	}
	if d.knows(5) {
		t.Error("a kernel that is gone knows a node")
	}
}

// The memory of readers is kept for the next ones, up to what may wait.
func TestReadersMemoryIsBounded(t *testing.T) {
	d, _ := testDevice(t)
	defer d.file.Close()
	var all []*exchange
	for range d.most() + 3 {
		x, err := d.take()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	for _, x := range all {
		d.put(x)
	}
	if len(d.spare) != d.most() {
		t.Errorf("%d are kept, want %d", len(d.spare), d.most())
	}
	if x, _ := d.take(); x != all[d.most()-1] {
		t.Error("what is there is not used again")
	}
}
