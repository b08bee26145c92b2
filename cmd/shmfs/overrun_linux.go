package main

import (
	"os"
	"strings"

	"github.com/shmfs/shmfs/fs/gofuse"
	"github.com/shmfs/shmfs/regions"
)

// mostArena answers how large the arena may become if it holds so many bytes: with half of what the machine has left, or
// of what is left below the limit of the server's own memory cgroup, which is charged for what the server allocates; a
// sixteenth of the memory is left alone.
func (s *serving) mostArena() func(used int64) int64 {
	memory := gofuse.NewMemory(s.sh.root)
	own := gofuse.NewCgroups().Of(uint32(os.Getpid()))
	return func(used int64) int64 {
		c := s.current.Config()
		most := c.MemoryMax.Of(s.ram)
		available, err := meminfo(s.sh.root, "MemAvailable:")
		if err != nil {
			return most
		}
		room := max(available-s.ram/16, 0) / 2
		if g, ok := memory.Tightest(own); ok {
			room = min(room, max(g.Limit-g.Used, 0)/2)
		}
		return min(used+room, most)
	}
}

// warnOfOverrun tells that writes which did not ask have taken more than the mount has, and what is done about it.
func (s *serving) warnOfOverrun(x regions.Overrunning) {
	what := []any{"bytes", x.By}
	if x.Region != "" {
		what = append(what, "most_by", x.Region)
	}
	switch {
	case x.Err != nil:
		s.log.Error("what was promised cannot be allocated: who touches it may get SIGBUS", append(what, "error", x.Err,
			"remedy", "remove regions, or end who writes")...)
	case x.Filled:
		s.log.Warn("all that was promised is allocated: who writes beyond the size of the mount gets ENOSPC now", what...)
	default:
		s.log.Warn("writes that did not ask have taken more than the mount has: what was promised to others is allocated", append(what,
			"remedy", "setfattr -n "+regions.WritesXattr+" -v strict "+strings.TrimSuffix(s.point, "/"))...)
	}
}
