//go:build linux

package gofuse

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
	"github.com/shmfs/shmfs/regions"
)

// Options are a server's.
type Options struct {
	// FD is the connection: /dev/fuse, mounted. The server owns it.
	FD int
	// IO is "auto" (passthrough if it can be had), "passthrough" (or fail) or "cached".
	IO string
	// Log takes what the library says; nil for none.
	Log *slog.Logger
	// Ledger is where the server writes what the next one needs; nil for a mount that ends with its server.
	Ledger *ledger.Ledger
}

// MaxRequest is the largest READ and WRITE in bytes: what Linux sends at most (fs/fuse/fuse_i.h, FUSE_MAX_MAX_PAGES).
const MaxRequest = 1 << 20

// How long answers are valid: see the package's comment.
const (
	longValid = 24 * time.Hour
	useValid  = time.Second
)

// Server serves a tree.
type Server struct {
	fuse.RawFileSystem // what is not implemented here answers ENOSYS

	tree     *fs.Tree
	device   *device
	backings *backings         // nil in the cached way
	reason   string            // why it is passthrough, or why not
	ledger   *ledger.Ledger    // nil for none
	opened   map[uint64]uint64 // handles of an earlier server's, by the request that opened them; not written to

	forgetting sync.RWMutex // held by what makes and forgets nodes without a name; by reclaim alone
}

// New answers INIT on the connection, or takes over from an earlier server, and decides how data goes. Serve must
// follow.
func New(tree *fs.Tree, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{RawFileSystem: fuse.NewDefaultRawFileSystem(), tree: tree, device: openDevice(o.FD, o.Log), ledger: o.Ledger}
	if s.ledger != nil {
		if request, reply := s.ledger.Init(); len(request) > 0 {
			return s, s.goOn(mountOptions(o), request, reply)
		}
	}
	return s, s.begin(o, mountOptions(o))
}

func mountOptions(o Options) *fuse.MountOptions {
	opts := &fuse.MountOptions{
		Name:                     "shmfs",
		MaxWrite:                 MaxRequest,
		MaxBackground:            64,
		EnableAcl:                true,
		EnableSymlinkCaching:     true,
		ExplicitDataCacheControl: true,
		ExtraCapabilities: fuse.CAP_HANDLE_KILLPRIV_V2 | fuse.CAP_DONT_MASK | fuse.CAP_SETXATTR_EXT |
			fuse.CAP_READDIRPLUS_AUTO,
		DisabledCapabilities: fuse.CAP_WRITEBACK_CACHE | fuse.CAP_POSIX_LOCKS | fuse.CAP_FLOCK_LOCKS,
		Logger:               slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	if o.IO == "cached" {
		opts.DisabledCapabilities |= fuse.CAP_PASSTHROUGH
	}
	return opts
}

// decide chooses the way by trying.
func (s *Server) decide(want string) error {
	if want == "cached" {
		s.cache("asked for with io=cached")
		return nil
	}
	b, err := tryPassthrough(s.tree.Arena(), s.device)
	if err != nil {
		s.cache(err.Error())
		if want == "passthrough" {
			return fmt.Errorf("io=passthrough: %w", err)
		}
		return nil
	}
	s.use(b)
	return nil
}

// cache makes the page cache of the mount the way.
func (s *Server) cache(reason string) {
	s.reason = reason
	s.tree.Arena().SetCopying()
}

// use makes passthrough the way.
func (s *Server) use(b *backings) {
	s.reason = "the kernel took a file as backing"
	b.ledger = s.ledger
	s.backings = b
	s.tree.Arena().AllowShares()
	s.tree.Arena().OnFree(b.free)
	if b.path {
		s.tree.Arena().OnWipe(func(n regions.NodeID) { b.keep(n, true) }, b.forget)
	} else {
		s.tree.Arena().OnProbe(b.free) // a registered descriptor that is not O_PATH is a user itself
	}
}

// Serve answers requests until the mount is gone, or until they cannot be read: then it answers why.
func (s *Server) Serve() error { return s.device.serve() }

// Mode answers how data goes, "passthrough" or "cached", and why.
func (s *Server) Mode() (mode, reason string) {
	if s.backings == nil {
		return "cached", s.reason
	}
	return "passthrough", s.reason
}

// Protocol answers the version of FUSE that the kernel speaks.
func (s *Server) Protocol() string {
	k := &s.device.init
	return fmt.Sprintf("FUSE %d.%d", k.Major, k.Minor)
}

// String is what go-fuse calls the file system.
func (s *Server) String() string { return "shmfs" }

// call is one request while it is served.
type call struct {
	server *Server
	op     fs.Op
	start  time.Time
	caller fs.Caller
	again  bool // an earlier server had it, and did not answer
	node   regions.NodeID
	name   string
}

func (s *Server) receive(op fs.Op, h *fuse.InHeader, name string) call {
	failpoint.Hit(failpoint.Read)
	caller := fs.Caller{UID: h.Uid, GID: h.Gid, PID: h.Pid, Request: h.Unique &^ resentBit}
	return call{s, op, time.Now(), caller, h.Unique&resentBit != 0, regions.NodeID(h.NodeId), name}
}

// end counts the request and answers its status.
func (c *call) end(err error) fuse.Status {
	failpoint.Hit(failpoint.Answering)
	return status(c.server.tree.Done(c.op, c.start, c.caller, c.node, c.name, err))
}

// interruptible is the context of a request: it ends when the process that waits for the answer gets a signal.
func interruptible(cancel <-chan struct{}) context.Context { return &fuse.Context{Cancel: cancel} }

// valid answers for how long a node's attributes are.
func (s *Server) valid(a *regions.Attr) time.Duration {
	if a.Source != regions.NoNode {
		return 0 // the kernel is told of changes of the region, not of its shares
	}
	if a.IsRegion() && !a.Node.Virtual() && s.tree.Arena().Busy(a.Node) {
		return useValid
	}
	return longValid
}

func fillAttr(out *fuse.Attr, a *regions.Attr) {
	*out = fuse.Attr{
		Ino: a.Ino, Size: uint64(a.Size), Blocks: a.Blocks, Mode: a.Mode, Nlink: a.Nlink, Rdev: a.Rdev, Blksize: a.Blksize,
		Atime: uint64(a.Atime.Sec), Mtime: uint64(a.Mtime.Sec), Ctime: uint64(a.Ctime.Sec),
		Atimensec: a.Atime.Nsec, Mtimensec: a.Mtime.Nsec, Ctimensec: a.Ctime.Nsec,
		Owner: fuse.Owner{Uid: a.UID, Gid: a.GID},
	}
}

func (s *Server) fillEntry(out *fuse.EntryOut, a *regions.Attr) {
	out.NodeId = uint64(a.Node)
	out.Generation = uint64(a.Node.Generation())
	out.SetEntryTimeout(longValid)
	out.SetAttrTimeout(s.valid(a))
	fillAttr(&out.Attr, a)
}

// entry ends a request whose answer is a node.
func (c *call) entry(out *fuse.EntryOut, a regions.Attr, err error) fuse.Status {
	if err == nil {
		c.server.fillEntry(out, &a)
	}
	return c.end(err)
}
