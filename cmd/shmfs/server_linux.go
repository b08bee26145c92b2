package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/tmpfs"
	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/fs/gofuse"
	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
	"github.com/shmfs/shmfs/policy"
	"github.com/shmfs/shmfs/regions"
)

// serving is a mount while it is served.
type serving struct {
	sh      *shell
	options mountOptions
	point   string // as the kernel has it
	log     *slog.Logger
	level   *slog.LevelVar
	ram     int64 // the machine's memory in bytes
	signals chan os.Signal

	arena     *tmpfs.Arena
	place     *place // where the arena stands; nil for nowhere
	found     bool   // the arena was there before
	served    bool   // clients could use the mount
	manager   *regions.Manager
	caretaker *regions.Caretaker
	pressure  atomic.Pointer[listening]
	caughtUp  chan struct{} // closed when nothing is left of what an earlier server did not finish; nil for nothing
	current   *policy.Current
	tree      *fs.Tree
	server    *gofuse.Server
	ledger    *ledger.Ledger // nil without a keeper

	service    *service                       // who started this process, for a keeper in the foreground; nil for nobody
	stored     *stored                        // what the keeper before this one left; nil for nothing
	connection int                            // a keeper's
	restarts   uint64                         // servers that served before this one
	keepers    uint64                         // keepers that held the mount before this one
	reloaded   func()                         // tells the keeper that the configuration was read again; nil without one
	entrust    func(descriptors ...int) error // has the keeper hold these as well; nil without one
	gap        time.Duration                  // from the death of the last one to this one's service
	program    string                         // on disk; an upgrade starts it
}

// serve mounts, says when clients can use it, and serves until the mount has ended. On an error nothing is left.
func (linuxMounter) serve(ctx context.Context, sh *shell, o mountOptions, ready func(mounted) error) error {
	signal.Ignore(syscall.SIGPIPE) // who reads the log may go: the mount stays
	s := &serving{sh: sh, options: o, level: &slog.LevelVar{}, signals: make(chan os.Signal, 8)}
	if o.held != "" {
		return s.serveHeld(ctx)
	}
	// From here on, so that one that comes while the mount begins is answered when it can be undone.
	signal.Notify(s.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, renewSignal)
	defer signal.Stop(s.signals)
	file, err := s.prepare()
	if err != nil {
		return err
	}
	begin, run := s.hold, s.keep
	if o.noKeeper {
		begin, run = s.begin, s.run
	} else if err := s.findService(); err != nil {
		return err
	}
	if s.stored == nil {
		if err := s.fits(); err != nil {
			return err
		}
		if s.point, err = checkPoint(ctx, sh, o); err != nil {
			return err
		}
		if err := begin(ctx); err != nil {
			return err
		}
	}
	if o.behind {
		if err := leaveTerminal(file); err != nil {
			return errors.Join(err, s.takeAway(), s.end())
		}
	}
	return errors.Join(run(ctx, ready), s.end())
}

// prepare makes the process one that serves, and answers its log file, nil for none.
func (s *serving) prepare() (*os.File, error) {
	log, file, err := s.options.openLog(s.sh.err, s.level)
	if err != nil {
		return nil, err
	}
	s.log = log
	unix.Umask(0) // each request brings its own
	raiseDescriptors()
	s.ram, err = totalMemory(s.sh.root)
	return file, err
}

// fits refuses a size that memory_max does not allow.
func (s *serving) fits() error {
	var r *regions.Refusal
	if err := s.options.config.Fits(s.ram); errors.As(err, &r) {
		return usageError(r.Remedy, "%s", r.Reason)
	}
	return nil
}

// begin opens the arena, mounts, and makes the tree; it undoes what it did if one of them fails.
func (s *serving) begin(ctx context.Context) error {
	if err := s.openArena(ctx); err != nil {
		return err
	}
	s.manager = regions.NewManager(s.arena)
	if err := s.adopt(ctx); err != nil {
		return errors.Join(err, s.end())
	}
	s.manage()
	s.current = policy.NewCurrent(s.options.config, s.apply)
	fd, err := s.mount()
	if err != nil {
		return errors.Join(err, s.end())
	}
	if err := s.connect(fd); err != nil {
		return errors.Join(err, s.takeAway(), s.end())
	}
	return nil
}

// mount puts the mount in its place and answers the connection.
func (s *serving) mount() (int, error) {
	root := os.Geteuid() == 0
	o := fusemount.Options{
		Point: s.point, Source: "shmfs", MaxRead: gofuse.MaxRequest,
		AllowOther: s.options.config.AllowOther.Or(root),
	}
	if root {
		fd, err := fusemount.Mount(o)
		return fd, mountFailure(s.point, err)
	}
	if err := unix.Access(s.point, unix.W_OK|unix.X_OK); err != nil {
		return -1, &failure{code: exitPermission, reason: "an ordinary user mounts on directories of his own only", err: err,
			remedy: "mkdir -p ~/shm && shmfs mount ~/shm"}
	}
	fd, err := fusemount.MountUnprivileged(o)
	if err != nil && !errors.Is(err, fusemount.ErrNoHelper) {
		return -1, notPermitted("mounting with fusermount3", err)
	}
	return fd, mountFailure(s.point, err)
}

// takeAway takes back a mount that comes to nothing.
func (s *serving) takeAway() error { return linuxMounter{}.unmount(s.point, true) }

// mountFailure says what an error of mounting means.
func mountFailure(point string, err error) error {
	var path *os.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fusemount.ErrNoHelper):
		return &failure{code: exitPermission, reason: "only root mounts without fusermount3, which is not installed",
			remedy: "install the package fuse3, or mount as root"}
	case errors.As(err, &path) && path.Path == "/dev/fuse":
		return noFUSE(err)
	case errors.Is(err, os.ErrPermission):
		return notPermitted("mounting on "+point, err)
	}
	return err
}

func noFUSE(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return notPermitted("opening the FUSE device", err)
	}
	return &failure{code: exitNoFUSE, reason: "there is no FUSE here", err: err,
		remedy: "modprobe fuse; in a container, start it with --device /dev/fuse --cap-add SYS_ADMIN"}
}

// connect makes the tree with its control files, and answers the kernel's INIT.
func (s *serving) connect(fd int) error {
	var handles fs.HandleBook
	var counters []atomic.Uint64
	if s.ledger != nil {
		handles, counters = gofuse.Book{Ledger: s.ledger}, s.ledger.Counters()
	}
	s.tree = fs.NewTree(s.manager, fs.Options{
		ProcessOf: gofuse.ProcessOf,
		NumberOf:  numberHere,
		GroupsOf:  gofuse.NewCgroups().Groups,
		Memory:    gofuse.NewMemory(s.sh.root),
		Owner:     uint32(os.Geteuid()),
		Handles:   handles,
		Counters:  counters,
		Control: control.New(control.Sources{
			Tree:      func() *fs.Tree { return s.tree },
			FrontEnd:  s.frontEnd,
			Config:    s.current,
			Version:   thisBuild().Version,
			PID:       os.Getpid(),
			Started:   time.Now(),
			Keeper:    s.keeperStats,
			Caretaker: s.caretaker,

			PIDNamespace: pidNamespace(s.sh.root, "self"),
		}),
	})
	var err error
	s.server, err = gofuse.New(s.tree, gofuse.Options{
		FD: fd, IO: string(s.options.config.IO), Log: s.log, Ledger: s.ledger})
	if err == nil {
		s.manager.SetEnder(s.server.Ender())
	}
	return err
}

// noexec makes the mount one from which no program is started, if that was asked for: fstab's "user" implies it.
func (s *serving) noexec() error {
	if !s.options.noexec {
		return nil
	}
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOEXEC}
	return os.NewSyscallError("mount_setattr", unix.MountSetattr(unix.AT_FDCWD, s.point, 0, attr))
}

func (s *serving) frontEnd() control.FrontEnd {
	f := control.FrontEnd{Protocol: s.server.Protocol()}
	f.Mode, f.Reason = s.server.Mode()
	if f.Mode != "passthrough" {
		f.Losses = []regions.Loss{{What: "passthrough: reads, writes and mappings past the server", Why: f.Reason,
			Remedy: "shmfs doctor"}}
	}
	if l, lost := s.pressureLoss(); lost {
		f.Losses = append(f.Losses, l)
	}
	return f
}

// watch begins to notice writes that go past the server, if any do. What it answers ends it.
func (s *serving) watch() (end func()) {
	if mode, _ := s.server.Mode(); mode != "passthrough" {
		return func() {}
	}
	return s.manager.Watch()
}

// run serves, and says so.
func (s *serving) run(ctx context.Context, ready func(mounted) error) error {
	defer s.watch()()
	done := make(chan struct{})
	var broken error
	go func() {
		defer close(done)
		broken = s.server.Serve()
	}()
	m := s.mounted()
	_, reason := s.server.Mode()
	s.log.Info("serving", "mount_point", m.Point, "mode", m.Mode, "reason", reason, "size_bytes", m.Size,
		"regions_adopted", m.Regions)
	for _, w := range m.Warnings {
		s.log.Warn(w)
	}
	if err := ready(m); err != nil {
		return errors.Join(err, s.takeAway())
	}
	s.served = true
	defer s.care(ctx)()
	s.await(ctx, done)
	if broken != nil {
		return &brokenError{broken}
	}
	s.log.Info("unmounted", "mount_point", s.point)
	return nil
}

// brokenError says that a server cannot serve on, though the mount is there: another one may.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

func (s *serving) mounted() mounted {
	mode, reason := s.server.Mode()
	m := mounted{Point: s.point, Mode: mode, PID: os.Getpid(), Size: regions.Unlimited}
	if mode != "passthrough" {
		m.Reason = reason
	}
	if use, err := s.manager.Usage(regions.RootNode); err == nil && use.Bytes > 0 {
		m.Size = int64(use.Bytes)
	}
	if s.found && !s.resumed() {
		m.Regions = s.manager.Totals().Regions
	}
	if want := s.options.config.Size; os.Geteuid() != 0 && want != policy.Default().Size {
		m.Warnings = append(m.Warnings, fmt.Sprintf("size %s is not kept: without root the regions share what /dev/shm has", want))
	}
	if err := s.noexec(); err != nil {
		m.Warnings = append(m.Warnings, "noexec is not kept: "+err.Error())
	}
	return m
}

// end gives the arena up, and ends it unless it is to be kept. What clients still have mapped lives on. One that was
// found stays for the next try if this one came to nothing.
func (s *serving) end() error {
	var err error
	keep := s.found && !s.served || s.current != nil && s.current.Config().Keep
	if s.arena != nil && s.served && !keep {
		err = s.manager.WipeLeft(context.Background())
	}
	if s.arena != nil {
		err = errors.Join(err, s.arena.Close())
	}
	if s.place == nil {
		return err
	}
	return errors.Join(err, s.place.release(keep))
}

// raiseDescriptors lifts the soft limit on descriptors to the hard one. Not to be allowed that is no error.
func raiseDescriptors() {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil {
		l.Cur = l.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	}
}
