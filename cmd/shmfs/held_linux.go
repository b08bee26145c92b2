package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/tmpfs"
	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/fs/gofuse/failpoint"
	"github.com/shmfs/shmfs/fs/gofuse/keeper"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
	"github.com/shmfs/shmfs/policy"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

// exitOrphaned ends a server whose keeper is gone: the connection is not its own to serve.
const exitOrphaned = 1

// serveHeld serves a mount that a keeper holds: it begins, or goes on where another server died. On success the mount
// has ended, and the arena with it unless it is kept.
func (s *serving) serveHeld(ctx context.Context) error {
	var h held
	if err := json.Unmarshal([]byte(s.options.held), &h); err != nil {
		return fmt.Errorf("what the keeper hands over: %w", err)
	}
	signal.Notify(s.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(s.signals)
	s.options.behind, s.point, s.found, s.restarts, s.keepers = h.Behind, h.Point, h.Found, h.Restarts, h.Keepers
	s.program = h.Program
	var out *os.File
	if h.Ready > 0 {
		out = inherited(h.Ready, "ready")
	}
	err := s.takeOver(ctx, h)
	if err == nil {
		return s.serveOn(ctx, h, out)
	}
	if out != nil {
		json.NewEncoder(out).Encode(messageOf(err))
		out.Close()
	}
	return err
}

// takeOver makes all that serving takes from what the keeper holds.
func (s *serving) takeOver(ctx context.Context, h held) error {
	if _, err := s.prepare(); err != nil {
		return err
	}
	if h.Place > 0 {
		s.place = &place{tmpfs.Place(s.point, os.Geteuid()), inherited(h.Place, "place")}
	}
	unix.CloseOnExec(h.Ledger)
	unix.CloseOnExec(h.Connection)
	var err error
	if s.ledger, err = ledger.Open(h.Ledger); err != nil {
		return err
	}
	if err := s.attachArena(h.Arena); err != nil {
		return err
	}
	if s.ledger.Newest() == 0 {
		s.ledger.SetNewest(s.arena.Newest())
	}
	s.manager = regions.NewManager(s.arena)
	if err := s.adopt(ctx); err != nil {
		return err
	}
	if err := s.ledger.Claim(); err != nil {
		return err
	}
	if err := s.effective(); err != nil {
		return err
	}
	s.manage()
	s.manager.Inherit(s.ledger.Sums(), s.restarts)
	s.current = policy.NewCurrent(s.options.config, s.apply)
	return s.connect(h.Connection)
}

// effective makes the configuration that of the last server; the first one writes its own down.
func (s *serving) effective() (err error) {
	text := s.ledger.Config()
	if text == nil {
		return s.ledger.SetConfig(s.options.config.EncodeChanged())
	}
	s.options.config, err = policy.Parse("the configuration of the last server", text)
	s.level.Set(s.options.config.LogLevel)
	return err
}

// attachArena opens the arena anew, through the keeper's descriptor: it may be mounted nowhere.
func (s *serving) attachArena(fd int) (err error) {
	root := inherited(fd, "arena")
	defer root.Close()
	path := fmt.Sprintf("/proc/self/fd/%d", fd)
	if os.Geteuid() != 0 {
		s.arena, err = tmpfs.Directory(path)
	} else {
		s.arena, err = tmpfs.Attach(path)
	}
	return err
}

// adopt counts what is in the arena: now, where regions are found by their names, which the walk learns; behind the
// first answers, where an earlier server was interrupted.
func (s *serving) adopt(ctx context.Context) error {
	if !s.resumed() || !s.manager.Properties().Stateless {
		adopt := s.manager.Adopt
		if s.found && !s.resumed() {
			adopt = s.manager.AdoptUsed // by clients of a mount before this one
		}
		_, err := adopt(ctx)
		return err
	}
	s.manager.Expect()
	return nil
}

// resumed answers whether an earlier server served the mount.
func (s *serving) resumed() bool { return s.restarts > 0 }

// serveOn serves, and tells the keeper and who waits for the first server.
func (s *serving) serveOn(ctx context.Context, h held, out *os.File) error {
	tether, err := keeper.Attach(h.Tether, s.well, s.orphaned)
	if err != nil {
		return err
	}
	s.reloaded = func() { tether.Reloaded() }
	s.entrust = tether.Keep
	s.keepTriggers()
	if s.resumed() {
		s.caughtUp = make(chan struct{})
		s.gap = h.sinceDeath()
		s.manager.Events().Add(events.Event{Kind: events.ServerRestarted, Time: time.Now(),
			Reason: fmt.Sprintf("nobody served for %s; what the last server told and nobody read is lost", s.gap)})
	}
	catching, stop := context.WithCancel(ctx)
	var behind sync.WaitGroup
	err = s.run(ctx, func(m mounted) error {
		if s.resumed() {
			behind.Go(func() {
				defer close(s.caughtUp)
				s.catchUp(catching)
			})
		}
		if h.Renewed {
			s.refresh()
		}
		how, _ := s.well()
		if s.resumed() { // without the first server there is no mount
			failpoint.Hit(failpoint.Serving)
		}
		if err := tether.Ready(s.server.Resumable(), how); err != nil {
			s.orphaned() // the mount is the next keeper's, and not to be taken away
		}
		if out == nil {
			return nil
		}
		err := errors.Join(json.NewEncoder(out).Encode(message{Mounted: &m}), out.Close())
		if s.resumed() {
			return nil // who waited may have heard it from the server before
		}
		return err
	})
	stop()
	if broken := (*brokenError)(nil); errors.As(err, &broken) {
		return err
	}
	behind.Wait() // it uses the arena
	if err == nil {
		err = s.end()
	}
	if err != nil {
		s.log.Error("the mount has ended", "reason", err.Error())
	}
	return nil
}

// orphaned ends a server whose keeper is gone.
func (s *serving) orphaned() {
	s.ledger.Orphaned(time.Now())
	os.Exit(exitOrphaned)
}

// catchUp does what need not be done before the first answer.
func (s *serving) catchUp(ctx context.Context) {
	s.server.FindNameless()
	var settling sync.WaitGroup
	settling.Go(s.server.Settle)
	defer settling.Wait()
	if !s.manager.Properties().Stateless {
		return
	}
	if _, err := s.manager.Adopt(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("the sums are not complete", "reason", err.Error())
	}
}

// well is what the keeper asks every second: whether this server works, and how it is.
func (s *serving) well() (string, bool) { return control.Summary(s.manager) }

func (s *serving) keeperStats() control.KeeperStats {
	if s.ledger == nil {
		return control.KeeperStats{}
	}
	return control.KeeperStats{
		PID: s.ledger.Keeper(), Restarts: s.restarts, Keepers: s.keepers, Gap: s.gap, Program: s.program,
		Ledger: s.ledger.Layout().Version, Oldest: s.ledger.Layout().Oldest,
	}
}
