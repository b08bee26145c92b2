package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/shmfs/shmfs/fs/gofuse/processes"
	"github.com/shmfs/shmfs/policy"
	"github.com/shmfs/shmfs/regions"
)

// watched lets the caretaker watch processes.
type watched struct{ watcher *processes.Watcher }

var (
	_ regions.Processes = watched{}
	_ regions.Groups    = watched{}
)

func (o watched) Watch(pid uint32, uptime time.Duration, gone func()) (cancel func(), alive bool, err error) {
	if o.watcher == nil {
		return nil, false, errors.New("processes cannot be watched here: see the server's log")
	}
	cancel, err = o.watcher.Watch(pid, uptime, gone)
	if errors.Is(err, processes.ErrGone) {
		return nil, false, nil
	}
	return cancel, err == nil, err
}

// WatchGroup watches an owner of several processes.
func (o watched) WatchGroup(who regions.WhoOwns, gone func()) (cancel func(), alive bool, err error) {
	if o.watcher == nil {
		return nil, false, errors.New("processes cannot be watched here: see the server's log")
	}
	switch {
	case who.Memory:
		cancel, err = o.watcher.WatchMemoryCgroup(who.Cgroup, gone)
	case who.Kind == regions.OwnerCgroup:
		cancel, err = o.watcher.WatchCgroup(who.Cgroup, gone)
	case who.Kind == regions.OwnerSession:
		cancel, err = o.watcher.WatchGroup(processes.Session, who.ID, who.Since, gone)
	default:
		cancel, err = o.watcher.WatchGroup(processes.ProcessGroup, who.ID, who.Since, gone)
	}
	if errors.Is(err, processes.ErrGone) {
		return nil, false, nil
	}
	return cancel, err == nil, err
}

// alive reports whether an owner lives: also where no descriptor is left to tell.
func (o watched) alive(who regions.WhoOwns) bool {
	if who.Kind == regions.OwnerProcess {
		return processes.Alive(who.ID, who.Since)
	}
	cancel, alive, err := o.WatchGroup(who, func() {})
	if alive {
		cancel()
	}
	return alive || errors.Is(err, processes.ErrFull)
}

// numberHere answers the number here of what a thread calls id in its own pid namespace; 0 for none.
func numberHere(tid uint32, kind regions.OwnerKind, id uint32) uint32 {
	switch kind {
	case regions.OwnerGroup:
		return processes.Number(tid, "NSpgid", id)
	case regions.OwnerSession:
		return processes.Number(tid, "NSsid", id)
	}
	return processes.Number(tid, "NSpid", id)
}

// keepHouse makes what ends regions.
func (s *serving) keepHouse() {
	w, err := newWatcher()
	if err != nil {
		s.log.Error("owners cannot be watched", "reason", err.Error())
	}
	s.manager.SetUptime(processes.Boot)
	s.manager.SetAlive(watched{w}.alive)
	s.caretaker = regions.NewCaretaker(s.manager, watched{w})
	s.caretaker.OnRelief(s.relieved)
	s.setEndEarly(s.options.config)
	s.setPressure(s.options.config)
}

// setEndEarly says which lifetimes are cut short where room is wanted.
func (s *serving) setEndEarly(c policy.Config) {
	order, err := regions.ParseOrder(c.EndEarly)
	if err != nil {
		s.log.Error("what may be ended early stays as it is", "reason", err.Error()) // the configuration was validated
		return
	}
	s.caretaker.SetOrder(order)
}

// rulingKeys are those that rule takes.
var rulingKeys = []string{"zero", "guard", "labels", "collect_runs", "lifetimes", "owners", "history"}

// rule puts into effect what a configuration says of lives and ends.
func (s *serving) rule(c policy.Config) {
	s.manager.SetZero(c.Zero)
	s.manager.SetGuard(c.Guard)
	s.manager.SetHistory(c.History)
	s.manager.SetCollectRuns(c.CollectRuns)
	s.manager.SetLabeler(labeler(c.Labels))
	var lifetimes func(path string) (regions.Lifetime, bool)
	if all, err := policy.ParseDirectoryLifetimes(c.Lifetimes); err == nil && len(all) > 0 { // which Validate has seen
		lifetimes = func(path string) (regions.Lifetime, bool) { return policy.LifetimeOf(all, path) }
	}
	s.manager.SetLifetimes(lifetimes)
	var owners func(path string) (regions.OwnerKind, bool)
	if all, err := policy.ParseDirectoryOwners(c.Owners); err == nil && len(all) > 0 {
		owners = func(path string) (regions.OwnerKind, bool) { return policy.OwnerKindOf(all, path) }
	}
	s.manager.SetOwners(owners)
}

// labeler answers who knows the labels of what a process makes, nil for nobody.
func labeler(text string) func(pid uint32) string {
	rules, err := policy.ParseLabelRules(text)
	if err != nil || len(rules) == 0 { // which Validate has seen
		return nil
	}
	return func(pid uint32) string { return policy.LabelsOf(rules, processes.Facts(pid)) }
}

// newWatcher makes what watches owners: a quarter of the descriptors that the server may have is for that.
func newWatcher() (*processes.Watcher, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return nil, err
	}
	const most = 1 << 20
	w, err := processes.New(int(min(l.Cur, most)) / 4)
	if err != nil {
		return nil, err
	}
	go w.Run()
	return w, nil
}

// care begins to end regions whose lifetime is over. What it answers ends that.
func (s *serving) care(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if s.caughtUp != nil {
			select {
			case <-s.caughtUp:
			case <-ctx.Done():
				return
			}
		}
		s.caretaker.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
