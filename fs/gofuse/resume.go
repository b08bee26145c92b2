//go:build linux

package gofuse

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
	"github.com/shmfs/shmfs/regions"
)

// A connection to the kernel has one INIT, and outlives its servers. So the first server keeps the kernel's INIT in the
// ledger, and each one shows it to the library through a socket that stands at the connection's number meanwhile.

const (
	// resentBit of a request's number says that it was read before (linux/fuse.h, FUSE_UNIQUE_RESEND).
	resentBit = 1 << 63
	// hasResend is offered in INIT by kernels that send requests again (linux/fuse.h, FUSE_HAS_RESEND; Linux 6.9).
	hasResend = 1 << 39
	// notifyResend asks for it (linux/fuse.h, FUSE_NOTIFY_RESEND).
	notifyResend = 7
)

// warm makes memory for requests that is there: a server that is killed while the kernel copies a request to a page that
// has yet to be faulted in costs that request an EIO, because no page is given to the dying (Linux fs/fuse/dev.c,
// fuse_dev_do_read; mm/gup.c, fatal_signal_pending). Memory that was used before is cleared when it is allocated again,
// which faults it in. The library has a buffer for each reader, and for each WRITE until it is answered.
func warm(data bool) {
	const (
		page   = 4096
		spare  = 12 // buffers, of 1 MiB each: some are garbage, and not yet collected
		writes = 24 // as many more
	)
	count := runtime.GOMAXPROCS(0) + spare
	if data {
		count += writes
	}
	buffers := make([][]byte, count)
	for i := range buffers {
		buffers[i] = make([]byte, MaxRequest+4*page)
		for at := 0; at < len(buffers[i]); at += page {
			buffers[i][at] = 1
		}
	}
	runtime.KeepAlive(buffers)
	runtime.GC() // buffers is not used any more
}

// handOver begins, or goes on, with a ledger.
func (s *Server) handOver(o Options, opts *fuse.MountOptions) error {
	warm(o.IO == "cached" || s.ledger.Way() == ledger.Cached)
	request, reply := s.ledger.Init()
	first := len(request) == 0
	if !first {
		// Whatever this release would answer: the kernel goes by what it was told first.
		flags := (*fuse.InitOut)(unsafe.Pointer(&reply[unsafe.Sizeof(fuse.OutHeader{})])).Flags64()
		opts.ExtraCapabilities, opts.DisabledCapabilities = flags, ^flags
	}
	if err := s.replay(request, opts); err != nil {
		return err
	}
	if first {
		if err := s.decide(o.IO); err != nil {
			return err
		}
		s.ledger.SetWay(s.way())
		return nil
	}
	if err := s.restore(); err != nil {
		return err
	}
	return s.askAgain()
}

// replay shows INIT to the library: a saved one, or the kernel's own, which then gets the reply.
func (s *Server) replay(request []byte, opts *fuse.MountOptions) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(pair[0])
	connection, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	defer unix.Close(connection)
	first := len(request) == 0
	if first {
		if request, err = readInit(connection); err != nil {
			return err
		}
	}
	if err := unix.Dup3(pair[1], s.fd, unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("dup3", err)
	}
	unix.Close(pair[1])
	if _, err := unix.Write(pair[0], request); err != nil {
		return os.NewSyscallError("write", err)
	}
	if err := s.connect(opts); err != nil {
		return err
	}
	reply := make([]byte, 1<<12)
	n, err := unix.Read(pair[0], reply)
	if err != nil {
		return os.NewSyscallError("read", err)
	}
	if err := unix.Dup3(connection, s.fd, unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("dup3", err)
	}
	if !first {
		return nil
	}
	if err := s.ledger.SetInit(request, reply[:n]); err != nil {
		return err
	}
	_, err = unix.Write(connection, reply[:n])
	return os.NewSyscallError("answer INIT", err)
}

// readInit reads the first request of a connection.
func readInit(connection int) ([]byte, error) {
	buf := make([]byte, MaxRequest+1<<12) // the kernel refuses a buffer that could be too small for some request
	for {
		n, err := unix.Read(connection, buf)
		switch err {
		case nil:
			return buf[:n:n], nil
		case unix.EINTR, unix.ENOENT: // a signal; a request that was given up
		default:
			return nil, os.NewSyscallError("read INIT", err)
		}
	}
}

func (s *Server) way() ledger.Way {
	switch {
	case s.backings == nil:
		return ledger.Cached
	case s.backings.path:
		return ledger.PassthroughByPath
	}
	return ledger.PassthroughByDescriptor
}

// Resumable answers whether another server can take over: the kernel must send again what this one has read.
func (s *Server) Resumable() bool {
	return s.ledger != nil && s.kernel.KernelSettings().Flags64()&hasResend != 0
}

// restore puts everything back as the last server had it.
func (s *Server) restore() error {
	if way := s.ledger.Way(); way == ledger.Cached || way == ledger.Undecided {
		s.reason = "as it was when the mount began"
	} else if err := s.restoreBackings(way == ledger.PassthroughByPath); err != nil {
		return err
	}
	s.opened = make(map[uint64]uint64)
	s.ledger.Handles(func(h ledger.Handle) {
		o := fs.OpenHandle{Kind: fs.HandleKind(h.Kind), Node: regions.NodeID(h.Node), Access: regions.Access(h.Access)}
		if o.Kind == fs.ControlHandle {
			o.Content, _ = s.ledger.Text(h)
		}
		s.tree.Restore(h.Number, o)
		s.opened[h.Request] = h.Number
	})
	return nil
}

// restoreBackings takes over what the kernel has registered. Each one may be in use by mappings only, so each counts as
// opened and released.
func (s *Server) restoreBackings(path bool) error {
	b, err := newBackings(s.tree.Arena(), s.kernel)
	if err != nil {
		return err
	}
	b.path = path
	s.use(b)
	s.kernel.UnregisterBackingFd(s.ledger.NextBackingID()) // if it is one, nobody was told of it
	var closing []ledger.Backing
	s.ledger.Backings(func(x ledger.Backing) {
		n := regions.NodeID(x.Node)
		if x.Closing || b.nodes[n] != nil {
			closing = append(closing, x)
			return
		}
		b.nodes[n] = &backing{id: x.ID, index: x.Index()}
		const both = regions.ReadAccess | regions.WriteAccess
		s.tree.Arena().Opened(n, both)
		s.tree.Arena().Released(n, both)
	})
	for _, x := range closing {
		s.ledger.Leave(x, func() { s.kernel.UnregisterBackingFd(x.ID) })
	}
	return nil
}

// askAgain has the kernel send all that was read and not answered.
func (s *Server) askAgain() error {
	if !s.Resumable() {
		return nil
	}
	h := fuse.OutHeader{Length: uint32(unsafe.Sizeof(fuse.OutHeader{})), Status: notifyResend}
	_, err := unix.Write(s.fd, unsafe.Slice((*byte)(unsafe.Pointer(&h)), unsafe.Sizeof(h)))
	if err != nil && err != unix.ENODEV { // unmounted: Serve will find out
		return fmt.Errorf("ask for requests again: %w", err)
	}
	return nil
}

// Settle finds out, after Serve has begun, which regions have no name: their backings are what keeps them.
func (s *Server) Settle() {
	s.finishEnding()
	if s.backings == nil {
		return
	}
	for _, n := range s.backings.all() {
		a, err := s.tree.Getattr(n)
		s.nameless(&a, err)
	}
}

// all answers the nodes that have a backing.
func (b *backings) all() []regions.NodeID {
	b.mu.Lock()
	defer b.mu.Unlock()
	nodes := make([]regions.NodeID, 0, len(b.nodes))
	for n := range b.nodes {
		nodes = append(nodes, n)
	}
	return nodes
}

// Book enters handles in a ledger.
type Book struct{ Ledger *ledger.Ledger }

var _ fs.HandleBook = Book{}

// Enter enters a handle.
func (b Book) Enter(h fs.OpenHandle) (uint64, error) {
	failpoint.Hit(failpoint.Made)
	defer failpoint.Hit(failpoint.Entered)
	fh, err := b.Ledger.EnterHandle(ledger.Handle{
		Node: uint64(h.Node), Request: h.Request, Access: uint8(h.Access), Kind: uint8(h.Kind)}, h.Content)
	if err != nil {
		return 0, &regions.Refusal{Code: regions.TooManyFilesHere, Reason: "the ledger has no room for one more open file",
			Remedy: "close files", Err: err}
	}
	return fh, nil
}

// Leave takes a handle out.
func (b Book) Leave(fh uint64) { b.Ledger.LeaveHandle(fh) }
