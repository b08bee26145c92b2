package main

import (
	"fmt"
	iofs "io/fs"
	"path"

	"github.com/shmfs/shmfs/fs/gofuse"
	"github.com/shmfs/shmfs/fs/gofuse/pressure"
	"github.com/shmfs/shmfs/policy"
	"github.com/shmfs/shmfs/regions"
)

// systemPressure is where the kernel tells of the whole machine.
const systemPressure = "proc/pressure/memory"

// scarce is the part of the machine's memory from which on it is not short of it, whoever waits: then what waits is at the
// limit of its control group, which ends of regions elsewhere do not help.
const scarce = 4

// listening is who waits for memory to be short.
type listening struct {
	watcher *pressure.Watcher // nil for nobody
	loss    *regions.Loss     // why not; nil for no loss
}

// setPressure says from when on memory counts as short.
func (s *serving) setPressure(c policy.Config) {
	next := &listening{}
	p, on, err := policy.ParsePressure(c.Pressure)
	if err == nil && on { // which Validate has seen
		t := pressure.Trigger{Full: p.Full, Stall: p.Stall, Window: p.Window}
		if next.watcher, err = pressure.Watch(t, s.pressureFiles(p)...); err != nil {
			next.loss = &regions.Loss{What: "ends before their time when memory is short", Why: err.Error(),
				Remedy: "shmfs doctor; or echo pressure=off > .ctl/config"}
			s.log.Info("nothing tells when memory is short", "reason", err.Error())
		}
	}
	last := s.pressure.Swap(next)
	s.keepTriggers()
	if last != nil && last.watcher != nil {
		last.watcher.Close()
	}
}

// keepTriggers has the keeper hold the triggers as well, so that the end of a server does not wait until they are gone.
func (s *serving) keepTriggers() {
	l := s.pressure.Load()
	if s.entrust == nil || l == nil {
		return
	}
	var descriptors []int
	if l.watcher != nil {
		descriptors = l.watcher.Descriptors()
	}
	if err := s.entrust(descriptors...); err != nil {
		s.log.Info("the end of this server will take longer", "reason", err.Error())
	}
}

// pressureFiles answers what tells that memory is short: of the machine, and of the control group that the server is in.
func (s *serving) pressureFiles(p policy.Pressure) []pressure.File {
	memory := gofuse.NewMemory(s.sh.root)
	all := []pressure.File{{Path: "/" + systemPressure, Told: func() {
		if available, is := s.isScarce(); is {
			s.caretaker.Pressed(fmt.Sprintf("programs wait for memory (%s), and %s of %s is available", p,
				regions.FormatSize(available), regions.FormatSize(s.ram)))
		}
	}}}
	// The root of all control groups is the machine; it has no events.
	dir := memory.OwnGroup()
	if _, err := iofs.Stat(s.sh.root, path.Join(dir, "cgroup.events")); dir == "" || err != nil {
		return all
	}
	file := path.Join(dir, "memory.pressure")
	if _, err := iofs.Stat(s.sh.root, file); err != nil {
		return all
	}
	return append(all, pressure.File{Path: "/" + file, Told: func() {
		s.caretaker.Pressed(fmt.Sprintf("programs of the server's control group wait for memory (%s)", p))
	}})
}

// isScarce answers how much memory programs can have without swapping, and whether that is little. Where nobody knows, it is.
func (s *serving) isScarce() (available int64, is bool) {
	available, err := meminfo(s.sh.root, "MemAvailable:")
	return available, err != nil || available < s.ram/scarce
}

// relieved tells of what was ended because memory was short.
func (s *serving) relieved(r regions.Relief) {
	s.log.Warn("memory is short", "reason", r.Source, "ended", r.Ended, "bytes", r.Bytes, "left", r.Left)
}

// pressureLoss answers why nobody tells that memory is short; false if somebody does, or need not.
func (s *serving) pressureLoss() (regions.Loss, bool) {
	l := s.pressure.Load()
	if l == nil || l.loss == nil {
		return regions.Loss{}, false
	}
	return *l.loss, true
}
