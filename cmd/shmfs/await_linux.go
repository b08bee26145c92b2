package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/shmfs/shmfs/policy"
)

// detachTime is how long a second request to end detaches what the first one found busy.
const detachTime = 5 * time.Second

// await waits until the mount has ended. SIGTERM and Ctrl-C unmount; SIGHUP reads the configuration file again.
func (s *serving) await(ctx context.Context, done <-chan struct{}) {
	var refused time.Time
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			ctx = context.WithoutCancel(ctx) // once
			refused = s.leave(refused)
		case sig := <-s.signals:
			if sig == syscall.SIGHUP {
				s.reload()
				if s.reloaded != nil {
					s.reloaded()
				}
				continue
			}
			refused = s.leave(refused)
		}
	}
}

// leave unmounts. If somebody holds it, it tells who, and goes on serving; asked again within detachTime, it detaches.
// It answers when it last refused.
func (s *serving) leave(refused time.Time) time.Time {
	lazy := time.Since(refused) < detachTime
	err := s.sh.unmount(s.point, lazy)
	if err == nil && lazy {
		err = s.vacate()
	}
	if err == nil {
		return time.Time{}
	}
	s.log.Warn("not unmounted", "mount_point", s.point, "reason", err.Error())
	if !s.options.behind {
		s.sh.report(err)
		fmt.Fprintf(s.sh.err, "  or ask again within %s\n", detachTime)
	} else if all, err := s.sh.finder.holders(s.point); err == nil {
		for _, h := range all {
			s.log.Warn("held", "pid", h.PID, "command", h.Command, "how", h.Holds[0].How, "path", h.Holds[0].Path)
		}
	}
	return time.Now()
}

// vacate gives up the place of the regions, so that the next mount here does not find them, while whoever holds one
// goes on with it.
func (s *serving) vacate() error {
	p := s.place
	s.place = nil
	if p == nil {
		return nil
	}
	return p.release(s.current.Config().Keep)
}

// reload reads the configuration file again. What was said on the command line holds over it.
func (s *serving) reload() {
	if s.options.configFile == "" {
		s.log.Warn("nothing to read again: mounted without a configuration file")
		return
	}
	s.refresh()
}

// refresh puts into effect what the configuration file and the command line say now.
func (s *serving) refresh() {
	next, err := s.options.read()
	if err != nil {
		s.log.Error("the configuration stays as it is", "reason", err.Error(), "remedy", remedyOf(err))
		return
	}
	live, fixed, err := s.current.Replace(next)
	if err != nil {
		s.log.Error("the configuration stays as it is", "reason", err.Error())
		return
	}
	s.log.Info("configuration read again", "file", s.options.configFile, "changed", live)
	if len(fixed) > 0 {
		s.log.Warn("changes that need a new mount", "keys", fixed)
	}
}

// limitingKeys are those that limit takes.
var limitingKeys = []string{"writes", "overcommit", "user_limit", "group_limit", "owner_limit", "cgroup_limit",
	"label_limit", "directory_limit"}

// apply puts changed keys into effect. Whether the regions are kept is looked at when the mount ends.
func (s *serving) apply(next policy.Config, changed []string) error {
	if err := next.Validate(); err != nil {
		return err
	}
	if slices.Contains(changed, "size") || slices.Contains(changed, "memory_max") {
		if err := next.Fits(s.ram); err != nil {
			return err
		}
	}
	if slices.Contains(changed, "log_level") {
		s.level.Set(next.LogLevel)
	}
	bytes, nodes := int64(-1), int64(-1)
	if slices.Contains(changed, "size") || slices.Contains(changed, "overcommit") && os.Geteuid() == 0 {
		bytes = next.Size.Of(s.ram)
	}
	if slices.Contains(changed, "inodes") {
		nodes = next.Inodes
	}
	if bytes >= 0 || nodes >= 0 {
		old := s.current.Config()
		s.manager.SetHeadroom(next.Headroom(s.ram))
		if err := resize(s.manager, bytes, nodes); err != nil {
			s.manager.SetHeadroom(old.Headroom(s.ram))
			return err
		}
	}
	if slices.ContainsFunc(changed, func(key string) bool { return slices.Contains(limitingKeys, key) }) {
		s.manager.Settled() // who holds what is known then
		s.limit(next)
	}
	if slices.ContainsFunc(changed, func(key string) bool { return slices.Contains(rulingKeys, key) }) {
		s.rule(next)
	}
	if slices.Contains(changed, "end_early") {
		s.setEndEarly(next)
	}
	if slices.Contains(changed, "pressure") {
		s.setPressure(next)
	}
	if s.ledger == nil {
		return nil
	}
	return s.ledger.SetConfig(next.EncodeChanged())
}
