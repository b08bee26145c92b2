//go:build linux

package gofuse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// device is the connection to the kernel. Requests are read from it into memory of its own: see exchange.
type device struct {
	file     *os.File
	fd       int // the file's, for what runs before it is closed
	protocol *fuse.ProtocolServer
	init     fuse.InitIn // what the kernel said in INIT
	log      *slog.Logger

	readers sync.WaitGroup
	mu      sync.Mutex // guards what follows; held for the update only
	idle    int        // readers that wait for a request
	spare   []*exchange
	failed  error // why requests cannot be read
}

// sizes of messages: the largest data, and room for what stands before it, a page to keep it aligned.
const (
	pageSize   = 1 << 12
	exchangeIn = MaxRequest + pageSize
	exchangeTo = MaxRequest + pageSize
)

// opForget is a request that nobody waits for (linux/fuse.h).
const opForget = 2

// exchange is the memory of one request and its answer. A server that is killed while the kernel copies a request to a
// page that is not there costs that request an EIO, because no page is given to the dying (Linux mm/gup.c,
// fatal_signal_pending; fs/fuse/dev.c, fuse_dev_do_read). So these pages are always there: touched, locked, and shared,
// because those the out-of-memory killer does not take from its victim (mm/oom_kill.c, __oom_reap_task_mm).
type exchange struct {
	memory  []byte
	request []byte
	in, out [1][]byte // the same once more, as the library takes them
}

func newExchange() (*exchange, error) {
	memory, err := unix.Mmap(-1, 0, exchangeIn+exchangeTo, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("memory for requests: %w", os.NewSyscallError("mmap", err))
	}
	for at := 0; at < exchangeIn; at += pageSize {
		memory[at] = 0
	}
	unix.Mlock(memory[:exchangeIn]) // an ordinary user may lock a few only; without swap the pages stay, too
	return &exchange{memory: memory, request: memory[:exchangeIn], out: [1][]byte{memory[exchangeIn:]}}, nil
}

func (x *exchange) header() *fuse.InHeader  { return (*fuse.InHeader)(unsafe.Pointer(&x.memory[0])) }
func (x *exchange) answer() *fuse.OutHeader { return (*fuse.OutHeader)(unsafe.Pointer(&x.out[0][0])) }

func openDevice(fd int, log *slog.Logger) *device {
	return &device{file: os.NewFile(uintptr(fd), "/dev/fuse"), fd: fd, log: log}
}

// readInit reads the first request of a connection.
func (d *device) readInit() ([]byte, error) {
	x, err := newExchange()
	if err != nil {
		return nil, err
	}
	defer unix.Munmap(x.memory)
	n, err := d.read(x)
	if err != nil {
		return nil, os.NewSyscallError("read INIT", err)
	}
	return append([]byte(nil), x.request[:n]...), nil
}

// greet answers INIT, or what an earlier server was sent as such.
func (d *device) greet(s fuse.RawFileSystem, opts *fuse.MountOptions, request []byte) ([]byte, error) {
	d.protocol = fuse.NewProtocolServer(s, opts)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&d.init)), unsafe.Sizeof(d.init)), request)
	reply := make([]byte, pageSize)
	n, status := d.protocol.HandleRequest([][]byte{request}, [][]byte{reply})
	if status == fuse.OK {
		status = fuse.Status(-(*fuse.OutHeader)(unsafe.Pointer(&reply[0])).Status)
	}
	if status != fuse.OK {
		return nil, fmt.Errorf("begin to serve: the kernel's INIT: %v", status)
	}
	return reply[:n], nil
}

// serve answers requests until the mount is gone, or until they cannot be read any more: then it answers why.
func (d *device) serve() error {
	d.mu.Lock()
	d.startLocked()
	d.mu.Unlock()
	d.readers.Wait()
	d.file.Close()
	for _, x := range d.spare {
		unix.Munmap(x.memory)
	}
	d.spare = nil
	return d.failed
}

// startLocked starts one more reader.
func (d *device) startLocked() {
	d.idle++
	d.readers.Add(1)
	go d.run()
}

// run reads requests and answers each one before the next, so that as a rule no other thread has to wake up. There is
// always a reader that waits, whatever the others do.
func (d *device) run() {
	defer d.readers.Done()
	x, err := d.take()
	if err != nil { // those that are busy read on later
		d.took(nil)
		d.log.Error("no more readers of requests", "err", err)
		return
	}
	defer d.put(x)
	for {
		n, err := d.read(x)
		if err != nil {
			d.took(nil)
			d.fail(err)
			return
		}
		d.took(x)
		d.serveOne(x, n)
		if !d.waitsAgain() {
			return
		}
	}
}

// most is how many readers wait, and how much memory of readers is kept for the next ones.
func (d *device) most() int { return min(max(2, runtime.GOMAXPROCS(0)), 16) }

// take answers memory for a reader. New memory takes some milliseconds.
func (d *device) take() (*exchange, error) {
	d.mu.Lock()
	if n := len(d.spare); n > 0 {
		defer d.mu.Unlock()
		x := d.spare[n-1]
		d.spare = d.spare[:n-1]
		return x, nil
	}
	d.mu.Unlock()
	return newExchange()
}

func (d *device) put(x *exchange) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.spare) < d.most() {
		d.spare = append(d.spare, x)
		return
	}
	unix.Munmap(x.memory)
}

// fail takes note of why requests cannot be read; that the mount is gone (ENODEV) is no failure.
func (d *device) fail(err error) {
	if err == unix.ENODEV {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = fmt.Errorf("read requests: %w", err)
}

// took says that a reader waits no longer: it has a request, or (nil) ends. A request that nobody waits for costs the kernel
// nothing to send, so it does not make a reader; many in one (FUSE_BATCH_FORGET) take long enough that others must not wait.
func (d *device) took(x *exchange) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.idle--
	if x == nil || d.idle > 0 {
		return
	}
	if op := x.header().Opcode; op != opForget {
		d.startLocked()
	}
}

// waitsAgain answers whether a reader that has answered should go on; false if enough wait.
func (d *device) waitsAgain() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.idle > d.most() {
		return false
	}
	d.idle++
	return true
}

func (d *device) read(x *exchange) (int, error) {
	for {
		n, err := unix.Read(d.fd, x.request)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR, unix.EAGAIN, unix.ENOENT: // a signal; a request that was given up
		default:
			return 0, err
		}
	}
}

func (d *device) serveOne(x *exchange, n int) {
	x.in[0] = x.request[:n]
	length, status := d.protocol.HandleRequest(x.in[:], x.out[:])
	if status != fuse.OK { // the library could not even read it
		*x.answer() = fuse.OutHeader{Length: uint32(unsafe.Sizeof(fuse.OutHeader{})), Status: -int32(status), Unique: x.header().Unique}
		length = int(x.answer().Length)
	}
	if length == 0 {
		return
	}
	err := d.write(x.out[0][:length])
	if err != nil && err != unix.ENOENT && err != unix.ENODEV { // who asked has given up; unmounted
		d.log.Error("cannot answer a request", "opcode", x.header().Opcode, "err", err)
	}
}

func (d *device) write(message []byte) error {
	for {
		if _, err := unix.Write(d.fd, message); err != unix.EINTR {
			return err
		}
	}
}

// errClosed says that the connection is not used any more.
var errClosed = errors.New("the connection is closed")

// with runs what may come when the mount is gone.
func (d *device) with(do func(fd uintptr)) error {
	c, err := d.file.SyscallConn()
	if err == nil {
		err = c.Control(do)
	}
	if err != nil {
		return errClosed
	}
	return nil
}

// ioctls of /dev/fuse (linux/fuse.h, FUSE_DEV_IOC_BACKING_OPEN and _CLOSE).
const (
	backingOpen  = 0x4010e501
	backingClose = 0x4004e502
)

// RegisterBackingFd makes a file one that the kernel can pass data through to, and answers the number the kernel gives
// it.
func (d *device) RegisterBackingFd(m *fuse.BackingMap) (id int32, errno syscall.Errno) {
	err := d.with(func(fd uintptr) {
		var r uintptr
		r, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, backingOpen, uintptr(unsafe.Pointer(m)))
		id = int32(r)
	})
	if err != nil {
		return 0, syscall.ENODEV
	}
	return id, errno
}

// UnregisterBackingFd ends that.
func (d *device) UnregisterBackingFd(id int32) (errno syscall.Errno) {
	err := d.with(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, backingClose, uintptr(unsafe.Pointer(&id)))
	})
	if err != nil {
		return syscall.ENODEV
	}
	return errno
}

// knows answers whether the kernel knows a node. It asks by telling it that the node's attributes are not what they were,
// which takes no lock that a request holds (Linux fs/fuse/inode.c, fuse_reverse_inval_inode).
func (d *device) knows(node uint64) bool {
	const attributesOnly = -1
	err := d.changed(node, attributesOnly)
	return err == nil || !errors.Is(err, errClosed) && !errors.Is(err, unix.ENOENT)
}

// forgetListing has the kernel forget a directory's attributes, and the names that it has listed.
func (d *device) forgetListing(dir uint64) { d.changed(dir, 0) }

// changed tells the kernel that a node's attributes are not what they were, and what it has of the content from an offset
// on; a negative one means none.
func (d *device) changed(node uint64, from int64) error {
	message := struct {
		fuse.OutHeader
		fuse.NotifyInvalInodeOut
	}{fuse.OutHeader{Status: notifyInode}, fuse.NotifyInvalInodeOut{Ino: node, Off: from}}
	message.OutHeader.Length = uint32(unsafe.Sizeof(message))
	return d.notify(unsafe.Slice((*byte)(unsafe.Pointer(&message)), unsafe.Sizeof(message)))
}

// prune has the kernel drop nodes that it only remembers (Linux 6.18). False if it cannot be asked to.
func (d *device) prune(nodes []regions.NodeID) bool {
	head := struct {
		fuse.OutHeader
		count, _ uint32 // struct fuse_notify_prune_out
		_        uint64
	}{OutHeader: fuse.OutHeader{Status: notifyPrune}, count: uint32(len(nodes))}
	size := unsafe.Sizeof(head) + uintptr(len(nodes))*unsafe.Sizeof(nodes[0])
	head.OutHeader.Length = uint32(size)
	message := append(make([]byte, 0, size), unsafe.Slice((*byte)(unsafe.Pointer(&head)), unsafe.Sizeof(head))...)
	for _, n := range nodes {
		message = binary.NativeEndian.AppendUint64(message, uint64(n))
	}
	return d.notify(message) == nil
}

// notify sends what the kernel did not ask for. It may come when the mount is gone.
func (d *device) notify(message []byte) (err error) {
	closed := d.with(func(fd uintptr) {
		_, err = unix.Write(int(fd), message)
	})
	return errors.Join(closed, err)
}

// forgetName has the kernel forget what stands at a name. It waits for requests that have the directory. What the kernel
// does not know, it need not forget.
func (d *device) forgetName(dir uint64, name string) {
	head := struct {
		fuse.OutHeader
		fuse.NotifyInvalEntryOut
	}{fuse.OutHeader{Status: notifyEntry}, fuse.NotifyInvalEntryOut{Parent: dir, NameLen: uint32(len(name))}}
	head.OutHeader.Length = uint32(unsafe.Sizeof(head)) + uint32(len(name)) + 1
	message := append([]byte{}, unsafe.Slice((*byte)(unsafe.Pointer(&head)), unsafe.Sizeof(head))...)
	d.notify(append(append(message, name...), 0))
}

// askAgain has the kernel send all that was read and not answered (Linux 6.9).
func (d *device) askAgain() error {
	h := fuse.OutHeader{Length: uint32(unsafe.Sizeof(fuse.OutHeader{})), Status: notifyResend}
	err := d.write(unsafe.Slice((*byte)(unsafe.Pointer(&h)), unsafe.Sizeof(h)))
	if err != nil && err != unix.ENODEV { // unmounted: Serve will find out
		return fmt.Errorf("ask for requests again: %w", err)
	}
	return nil
}
