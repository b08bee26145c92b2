package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
	"github.com/shmfs/shmfs/fs/gofuse/keeper"
	"github.com/shmfs/shmfs/fs/gofuse/keeper/notify"
)

// service is a keeper's side of what it says to the service manager that started it.
type service struct {
	manager *notify.Manager
	due     []string // lines that the manager has been too busy for
	status  string   // the last that was told
	stored  bool     // the manager keeps the mount
}

// tell sends lines, those that are due first. What cannot be sent now goes with the next ones: a server that answers
// is heard of every second.
func (v *service) tell(lines ...string) {
	for _, l := range lines {
		key, _, _ := strings.Cut(l, "=")
		v.due = slices.DeleteFunc(v.due, func(old string) bool { return strings.HasPrefix(old, key+"=") })
		v.due = append(v.due, l)
	}
	if v.manager.Tell(v.due...) == nil {
		v.due = nil
	}
}

// as tells how the service is, if that has changed, with further lines.
func (v *service) as(status string, lines ...string) {
	if status != v.status {
		v.status = status
		lines = append(lines, "STATUS="+strings.ReplaceAll(status, "\n", " "))
	}
	if len(lines) > 0 {
		v.tell(lines...)
	}
}

// findService finds who started this process, and what it has kept.
func (s *serving) findService() error {
	if !s.options.foreground {
		return nil // whoever started the command that has started this
	}
	m, err := notify.Find()
	if err != nil {
		return err
	}
	if m == nil {
		if s.options.restart {
			return usageError("start it from a unit, such as shmfs@.service, or leave it out",
				"--restartable: no service manager has started this (NOTIFY_SOCKET is not set)")
		}
		return nil
	}
	s.service = &service{manager: m}
	if w := m.Watchdog(); w > 0 && w < watchdogLeast {
		s.log.Warn("the watchdog may fire while a server is replaced", "watchdog", w.String(), "remedy",
			fmt.Sprintf("WatchdogSec=%.0f or more", watchdogLeast.Seconds()))
	}
	files := notify.Stored()
	if len(files) == 0 {
		return nil
	}
	from, err := restore(files, s.options)
	if err == nil {
		err = s.standing(from)
	}
	if err != nil {
		s.log.Warn("the stored mount cannot go on; it is mounted anew", "reason", err.Error())
		return s.service.discard(files)
	}
	s.resume(from)
	s.service.stored = true
	s.log.Info("going on with the mount of the last keeper", "mount_point", s.point)
	s.service.as("taking over")
	return nil
}

// watchdogLeast is twice as long as a server that is silent may live.
const watchdogLeast = 8 * time.Second

// standing refuses a mount that was detached, or is not what is asked for.
func (s *serving) standing(from *stored) error {
	if !s.options.restart {
		return errors.New("--restartable is not asked for any more")
	}
	table, err := fusemount.Table()
	if err != nil {
		return err
	}
	if !isShmfs(table, from.state.Point) {
		return fmt.Errorf("it is not mounted at %s any more", from.state.Point)
	}
	if s.options.point != from.state.Asked { // compared as text: looking there may wait for the server
		return fmt.Errorf("it is for %s, and not for %s", from.state.Asked, s.options.point)
	}
	return nil
}

// discard lets go of all that is stored, here and there, so that the connection ends.
func (v *service) discard(files map[string]*os.File) error {
	for name, f := range files {
		f.Close()
		if err := v.manager.Remove(name); err != nil {
			return err
		}
	}
	return v.manager.Barrier()
}

// store gives everything to the service manager that the next keeper needs.
func (k *kept) store() error {
	type part struct {
		name string
		file *os.File
	}
	parts := []part{{storedConnection, k.connection}, {storedLedger, k.ledger}, {storedArena, k.arena}}
	if k.place != nil {
		parts = append(parts, part{storedPlace, k.place.lock})
	}
	for _, p := range append(parts, part{storedState, k.stateFile}) {
		if err := k.service.manager.Store(p.name, p.file); err != nil {
			return err
		}
	}
	return nil
}

// forget takes it back when the mount has ended.
func (k *kept) forget() {
	if k.service == nil {
		return
	}
	k.service.as("the mount has ended", "STOPPING=1")
	if !k.service.stored {
		return
	}
	for _, name := range []string{storedState, storedPlace, storedArena, storedLedger, storedConnection} {
		if err := k.service.manager.Remove(name); err != nil {
			k.log.Error("the service manager still keeps what was stored", "name", name, "reason", err.Error())
		}
	}
}

// leave answers whether SIGTERM leaves the mount to the next keeper.
func (k *kept) leave() bool { return k.service != nil && k.service.stored }

// left writes down when the mount lost its server, and says that this process ends without it.
func (k *kept) left() error {
	k.state.Died = time.Now().UnixNano()
	err := k.state.write(k.stateFile)
	k.service.as("the mount is left to the next start", "STOPPING=1")
	k.serving.arena, k.serving.place = nil, nil
	return errors.Join(err, &failure{code: exitLeft, reason: "the mount goes on with the next start of the service"})
}

// heard hands on to the service manager what the keeper hears.
func (k *kept) heard(e keeper.Event) {
	v := k.service
	if v == nil {
		return
	}
	switch e.What {
	case keeper.Serves:
		if k.options.restart && !v.stored && !e.Last {
			if err := k.store(); err != nil {
				k.log.Error("the mount cannot outlive this process: it was not stored", "reason", err.Error())
			} else {
				v.stored = true
			}
		}
		v.as(e.Text, "READY=1", "WATCHDOG=1")
	case keeper.Answered:
		v.as(e.Text, "WATCHDOG=1")
	case keeper.Died:
		v.as("the server died; the next one takes over")
	case keeper.Refuses:
		v.as("requests are refused: the server died again and again, see the log", "WATCHDOG=1")
	case keeper.Reloading:
		v.tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", notify.Now()))
	case keeper.Reloaded:
		v.tell("READY=1")
	}
}
