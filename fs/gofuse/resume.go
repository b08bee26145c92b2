//go:build linux

package gofuse

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
	"github.com/shmfs/shmfs/regions"
)

// A connection to the kernel has one INIT, and outlives its servers. So the first server keeps the kernel's INIT in the
// ledger, and each one shows it to the library.

const (
	// resentBit of a request's number says that it was read before (linux/fuse.h, FUSE_UNIQUE_RESEND).
	resentBit = 1 << 63
	// hasResend is offered in INIT by kernels that send requests again (linux/fuse.h, FUSE_HAS_RESEND; Linux 6.9).
	hasResend = 1 << 39
	// notifyResend asks for it (linux/fuse.h, FUSE_NOTIFY_RESEND).
	notifyResend = 7
	// notifyInode has the kernel ask for a node's attributes again (linux/fuse.h, FUSE_NOTIFY_INVAL_INODE).
	notifyInode = 2
	// notifyEntry has the kernel forget a name (linux/fuse.h, FUSE_NOTIFY_INVAL_ENTRY).
	notifyEntry = 3
	// notifyPrune has it drop nodes that nobody uses (linux/fuse.h, FUSE_NOTIFY_PRUNE; Linux 6.18).
	notifyPrune = 9
)

// begin answers the kernel's INIT and decides how data goes.
func (s *Server) begin(o Options, opts *fuse.MountOptions) error {
	request, err := s.device.readInit()
	if err != nil {
		return err
	}
	reply, err := s.device.greet(s, opts, request)
	if err != nil {
		return err
	}
	if s.ledger != nil {
		if err := s.ledger.SetInit(request, reply); err != nil {
			return err
		}
	}
	if err := s.device.write(reply); err != nil {
		return os.NewSyscallError("answer INIT", err)
	}
	if err := s.decide(o.IO); err != nil {
		return err
	}
	if s.ledger != nil {
		s.ledger.SetWay(s.way())
	}
	return nil
}

// goOn takes over where an earlier server ended. Whatever this release would answer to INIT: the kernel goes by what it
// was told first.
func (s *Server) goOn(opts *fuse.MountOptions, request, reply []byte) error {
	if len(reply) < int(unsafe.Sizeof(fuse.OutHeader{})+unsafe.Sizeof(fuse.InitOut{})) {
		return fmt.Errorf("the ledger has no answer to INIT: %d bytes", len(reply))
	}
	flags := (*fuse.InitOut)(unsafe.Pointer(&reply[unsafe.Sizeof(fuse.OutHeader{})])).Flags64()
	opts.ExtraCapabilities, opts.DisabledCapabilities = flags, ^flags
	if _, err := s.device.greet(s, opts, request); err != nil {
		return err
	}
	if err := s.restore(); err != nil {
		return err
	}
	if !s.Resumable() {
		return nil
	}
	return s.device.askAgain()
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
	return s.ledger != nil && s.device.init.Flags64()&hasResend != 0
}

// restore puts everything back as the last server had it.
func (s *Server) restore() error {
	if way := s.ledger.Way(); way == ledger.Cached || way == ledger.Undecided {
		s.cache("as it was when the mount began")
	} else if err := s.restoreBackings(way == ledger.PassthroughByPath); err != nil {
		return err
	}
	s.opened = make(map[uint64]uint64)
	s.ledger.Handles(func(h ledger.Handle) {
		o := fs.OpenHandle{Kind: fs.HandleKind(h.Kind), Node: regions.NodeID(h.Node), Access: regions.Access(h.Access)}
		if o.Kind == fs.ControlHandle {
			content, kept := s.ledger.Text(h)
			o.Content, o.Lost = content, !kept
		}
		s.tree.Restore(h.Number, o)
		s.opened[h.Request] = h.Number
	})
	return nil
}

// restoreBackings takes over what the kernel has registered. Each one may be in use by mappings only.
func (s *Server) restoreBackings(path bool) error {
	b, err := newBackings(s.tree.Arena(), s.device)
	if err != nil {
		return err
	}
	b.path = path
	s.use(b)
	s.endUnknown()
	var closing []ledger.Backing
	s.ledger.Backings(func(x ledger.Backing) {
		n := regions.NodeID(x.Node)
		if x.Closing || b.nodes[n] != nil {
			closing = append(closing, x)
			return
		}
		b.nodes[n] = &backing{id: x.ID, index: x.Index()}
	})
	for _, n := range b.all() {
		s.tree.Arena().Remembered(n)
	}
	for _, x := range closing {
		s.ledger.LeaveBacking(x.Index(), func() { s.device.UnregisterBackingFd(x.ID) })
	}
	return nil
}

// endUnknown ends backings that servers had registered and not entered when they were killed: one each, at the most.
func (s *Server) endUnknown() {
	const servers = 8 // in a row that may have been killed so
	first := s.ledger.NextBackingID()
	for id := first; id < first+servers; id++ {
		if s.device.UnregisterBackingFd(id) == 0 {
			s.ledger.SkipBackingID(id)
		}
	}
}

// FindNameless finds out, after Serve has begun, which regions have no name: their backings are what keeps them. It waits
// for no request.
func (s *Server) FindNameless() {
	if s.backings == nil {
		return
	}
	for _, n := range s.backings.all() {
		a, err := s.tree.Getattr(n)
		s.nameless(&a, err)
	}
}

// Settle does what the last server left undone. It may wait for requests that hold a directory, and so for all that these
// wait for: the walk that counts what there is must not wait for it.
func (s *Server) Settle() {
	s.finishEnding()
	if s.backings != nil {
		s.reclaim()
	}
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
