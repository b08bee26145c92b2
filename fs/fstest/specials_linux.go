package fstest

import (
	"fmt"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

var specialChecks = []systemCheck{
	{name: "FIFO", run: specialFIFO},
	{name: "Socket", run: specialSocket},
	{name: "Device", run: specialDevice, need: []Feature{Privilege, NoDev}},
}

func specialFIFO(t *testing.T, p place) {
	ok(t, p.Mknod("p", regions.TypeFIFO|0o600, 0))
	_, err := unix.Openat(p.fd, "p", unix.O_WRONLY|unix.O_NONBLOCK, 0)
	fails(t, codeOf(err), regions.NoDevice)
	r := p.openFd(t, "p", unix.O_RDONLY|unix.O_NONBLOCK)
	w := p.openFd(t, "p", unix.O_WRONLY|unix.O_NONBLOCK)
	_, err = unix.Write(w, []byte("through"))
	ok(t, codeOf(err))
	ok(t, p.Rename("p", "q", 0))
	ok(t, p.Unlink("q"))
	buf := make([]byte, 20)
	n, err := unix.Read(r, buf)
	ok(t, codeOf(err))
	equal(t, "read", string(buf[:n]), "through")
}

// specialSocket goes by /proc: a socket's path has 108 bytes at most (unix(7)).
func specialSocket(t *testing.T, p place) {
	path := fmt.Sprintf("/proc/self/fd/%d/s", p.fd)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	ok(t, err)
	l.SetUnlinkOnClose(false)
	defer l.Close()
	a, err := p.Stat("s", false)
	ok(t, err)
	equal(t, "type", a.Type(), regions.TypeSocket)
	if _, err := net.Listen("unix", path); err == nil {
		t.Error("bound a socket to a name that is taken")
	}
	ok(t, p.Rename("s", "t", 0))
	client, err := net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d/t", p.fd))
	ok(t, err)
	defer client.Close()
	server, err := l.Accept()
	ok(t, err)
	defer server.Close()
	_, err = client.Write([]byte("hello"))
	ok(t, err)
	buf := make([]byte, 20)
	n, err := server.Read(buf)
	ok(t, err)
	equal(t, "received", string(buf[:n]), "hello")
	ok(t, p.Unlink("t"))
}

// specialDevice: it is kept, not opened.
func specialDevice(t *testing.T, p place) {
	ok(t, p.Mknod("null", regions.TypeChar|0o666, uint32(unix.Mkdev(1, 3))))
	_, err := unix.Openat(p.fd, "null", unix.O_RDWR, 0)
	fails(t, codeOf(err), regions.AccessDenied)
}
